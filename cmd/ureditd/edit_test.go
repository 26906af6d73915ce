package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// edit runs `ureditd edit` in this process with the site's configuration.
func (s *site) edit(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = run(s.t.Context(), console{&o, &e}, append([]string{"edit", "--config", s.path("uredit.yaml")}, args...))
	return code, o.String(), e.String()
}

// flagsOf are the flags of a small edit.
func (s *site) flagsOf(output string, more ...string) []string {
	return append([]string{"--input", s.path("data", "in.mp4"), "--output", output,
		"--mask-prompt", "red square", "--edit-prompt", "make it blue", "--steps", "1", "--max-frames", "3"}, more...)
}

// list is what lies below a directory, in one line.
func list(t *testing.T, dir string) string {
	t.Helper()
	return strings.Join(names(t, dir), " ")
}

// TestEditWritesTwoFiles: exactly the named file and its _mask sibling, also
// over an earlier result; everything else stays in the runtime directory.
func TestEditWritesTwoFiles(t *testing.T) {
	s := newSite(t)
	dir := t.TempDir()
	for range 2 {
		code, out, errs := s.edit(s.flagsOf(filepath.Join(dir, "O.mp4"))...)
		if code != exitDone {
			t.Fatalf("exit status %d: %s", code, errs)
		}
		if want := filepath.Join(dir, "O.mp4") + "\n" + filepath.Join(dir, "O_mask.mp4") + "\n"; out != want {
			t.Errorf("it printed %q, want %q", out, want)
		}
		if got := list(t, dir); got != "O.mp4 O_mask.mp4" {
			t.Errorf("the directory holds %s", got)
		}
	}
	code, _, errs := s.edit(s.flagsOf(filepath.Join(dir, "P.png"), "--mode", "single_frame", "--frame-index", "2")...)
	if got := list(t, dir); code != exitDone || got != "O.mp4 O_mask.mp4 P.png P_mask.png" {
		t.Errorf("exit status %d, the directory holds %s: %s", code, got, errs)
	}
}

// TestEditRequest does a request file in its output_dir, as the daemon would.
func TestEditRequest(t *testing.T) {
	s := newSite(t)
	file := s.path("r.yaml")
	s.put(file, "job_id: one\ninput_video_path: "+s.path("data", "in.mp4")+"\noutput_dir: "+s.path("data", "new", "out")+
		"\nmask_prompt: red square\nedit_prompt: make it blue\nnum_inference_steps: 1\nmax_frames: 3\n")
	if code, _, errs := s.edit(file); code != exitDone {
		t.Fatalf("exit status %d: %s", code, errs)
	}
	if got := list(t, s.path("data", "new", "out")); got != "events.ndjson job.json one_log.txt one_mask.mp4 one_output.mp4 status.json" {
		t.Errorf("output_dir holds %s", got)
	}
}

// TestEditFlagsOverFile: a flag wins over the line of a request, and results
// may go to a directory without a request file.
func TestEditFlagsOverFile(t *testing.T) {
	s := newSite(t)
	file := s.path("r.yaml")
	s.put(file, "job_id: one\ninput_video_path: "+s.path("data", "in.mp4")+"\noutput_dir: "+s.path("data", "out")+
		"\nmask_prompt: red square\nnum_inference_steps: 0\nmax_frames: 3\n")
	if code, _, errs := s.edit("--job-id", "two", file, "--edit-prompt", "make it blue", "--steps=1"); code != exitDone {
		t.Fatalf("exit status %d: %s", code, errs)
	}
	if got := list(t, s.path("data", "out")); got != "events.ndjson job.json status.json two_log.txt two_mask.mp4 two_output.mp4" {
		t.Errorf("output_dir holds %s", got)
	}
	args := s.flagsOf("")
	args[2], args[3] = "--output-dir", s.path("data", "flags")
	if code, _, errs := s.edit(append(args, "--mode", "single_frame")...); code != exitDone {
		t.Fatalf("exit status %d: %s", code, errs)
	}
	if got := list(t, s.path("data", "flags")); got != "events.ndjson in_log.txt in_mask.png in_output.png job.json status.json" {
		t.Errorf("output_dir holds %s", got)
	}
}

// TestEditRefuses is the table of calls that end before anything is written.
func TestEditRefuses(t *testing.T) {
	s := newSite(t)
	dir := t.TempDir()
	in := s.path("data", "in.mp4")
	bad := s.path("bad.yaml")
	s.put(bad, "job_id: a\nnum_inference_steps: 3.5\n")
	taken := s.path("data", "taken")
	if err := os.MkdirAll(filepath.Join(taken, ".uredit"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.put(filepath.Join(taken, ".uredit", "owner"), "somebody\n")
	lost := s.path("lost.yaml")
	s.put(lost, "job_id: a\ninput_video_path: /none.mp4\noutput_dir: "+dir+"\nmask_prompt: red\nedit_prompt: blue\n")
	live := s.path("live.yaml")
	s.put(live, "job_id: a\ninput_video_path: "+in+"\noutput_dir: "+taken+"\nmask_prompt: red\nedit_prompt: blue\n")
	for _, c := range []struct {
		name, says string
		args       []string
	}{
		{"no arguments", "--input", nil},
		{"wrong ending", ".png", s.flagsOf(filepath.Join(dir, "o.mp4"), "--mode", "single_frame")},
		{"no such input", "--input: " + filepath.Join(dir, "none") + " does not exist (hint: check the path)\n", s.flagsOf(filepath.Join(dir, "o.mp4"), "--input", filepath.Join(dir, "none"))},
		{"output is input", "is the input", s.flagsOf(in)},
		{"bad value", "--steps: 0 is not within 1..1000", s.flagsOf(filepath.Join(dir, "o.mp4"), "--steps", "0")},
		{"bad request", "bad.yaml:2: num_inference_steps", []string{bad}},
		{"every fault at once", "--seed: -1 is negative (hint: write a whole number from 0 on)\n", s.flagsOf(filepath.Join(dir, "o.mp4"), "--steps", "many", "--seed", "-1")},
		{"flag over a bad value", "bad.yaml: edit_prompt: the key is missing", []string{bad, "--steps", "3"}},
		{"request and output", "--output-dir", []string{bad, "--output", filepath.Join(dir, "o.mp4")}},
		{"output and output-dir", "leave out", s.flagsOf(filepath.Join(dir, "o.mp4"), "--output-dir", dir)},
		{"two requests", "not 2", []string{bad, bad}},
		{"no such request", "read request: open " + s.path("none.yaml"), []string{s.path("none.yaml")}},
		{"request is a directory", "is a directory", []string{dir}},
		{"no such directory", "make the directory first", s.flagsOf(filepath.Join(dir, "none", "o.mp4"))},
		{"input of a request", "lost.yaml:2: input_video_path: /none.mp4 does not exist (hint: check the path)\n", []string{lost}},
		{"somebody's output_dir", "owner", []string{live}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, errs := s.edit(c.args...)
			if code != exitUsage || !strings.Contains(errs, c.says) {
				t.Errorf("exit status %d, want %d and %q in: %s", code, exitUsage, c.says, errs)
			}
		})
	}
	if got := list(t, dir); got != "" {
		t.Errorf("something was written: %s", got)
	}
	if left, err := filepath.Glob(s.path("run", "edit", "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestEditFails: nothing to edit is a failure, not a wrong call.
func TestEditFails(t *testing.T) {
	s := newSite(t)
	code, _, errs := s.edit(s.flagsOf(filepath.Join(t.TempDir(), "o.mp4"), "--mask-prompt", "green")...)
	if code != exitFailed || !strings.Contains(errs, `"green"`) || !strings.Contains(errs, "hint") {
		t.Errorf("exit status %d: %s", code, errs)
	}
}
