package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"uredit/daemon/job"
)

// site is a directory with a spool, a root for videos and results, a runtime
// directory and a configuration: what one daemon needs.
type site struct {
	t   *testing.T
	dir string
}

// newSite makes a site. Config is further lines of the configuration, each of
// which takes the place of the line with the same key.
func newSite(t *testing.T, config ...string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	s.build(config...)
	return s
}

func (s *site) build(config ...string) {
	s.t.Helper()
	for _, dir := range []string{s.path("data"), s.path("run")} {
		if err := os.MkdirAll(dir, 0o775); err != nil {
			s.t.Fatal(err)
		}
	}
	clip, err := shared.clip()
	if err != nil {
		s.t.Fatal(err)
	}
	s.put(s.path("data", "in.mp4"), s.read(clip))
	s.put(s.path("uredit.yaml"), override([]string{
		"root: " + s.path("spool"),
		"roots: [" + s.path("data") + "]",
		"runtime_dir: " + s.path("run"),
		"state_dir: " + s.path("state"),
		"ort_library: " + library(s.t),
		"poll_interval: 100ms",
		"settle: 200ms",
		"drain_timeout: 20s",
		"threads: 1",
		"cache: {size: 0}", // jobs that are alike are done each
	}, config))
}

// library finds ONNX Runtime where make deps puts it, unless the environment
// says where it is.
func library(t *testing.T) string {
	t.Helper()
	if name := os.Getenv("UREDIT_ORT_LIBRARY"); name != "" {
		return name
	}
	name, err := filepath.Abs("../../build/onnxruntime/libonnxruntime.so")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); err != nil {
		t.Fatalf("%v (make deps fetches it)", err)
	}
	return name
}

// override returns lines, of which those whose key more has again are replaced.
func override(lines, more []string) string {
	key := func(line string) string { k, _, _ := strings.Cut(line, ":"); return k }
	for _, line := range more {
		i := slices.IndexFunc(lines, func(l string) bool { return key(l) == key(line) })
		if i < 0 {
			lines = append(lines, line)
		} else {
			lines[i] = line
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func (s *site) path(names ...string) string {
	return filepath.Join(append([]string{s.dir}, names...)...)
}
func (s *site) inbox(name string) string { return s.path("spool", "inbox", name) }

// out is the output directory of a job.
func (s *site) out(jobID string) string { return s.path("data", jobID) }

func (s *site) read(name string) string {
	s.t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// put writes a file and makes it old enough to be taken for complete.
func (s *site) put(name, text string) {
	s.t.Helper()
	old := time.Now().Add(-time.Hour)
	err := os.WriteFile(name, []byte(text), 0o644)
	if err = errors.Join(err, os.Chtimes(name, old, old)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) mkdir(name string) string {
	s.t.Helper()
	if err := os.MkdirAll(name, 0o775); err != nil {
		s.t.Fatal(err)
	}
	return name
}

// request returns a small request as people write it, without a line "...".
func (s *site) request(jobID string, more ...string) string {
	return override([]string{
		"job_id: " + jobID,
		"input_video_path: " + s.path("data", "in.mp4"),
		"output_dir: " + s.out(jobID),
		"mask_prompt: red ball",
		"edit_prompt: make it blue",
		"num_inference_steps: 2",
		"edit_size: 128",
		"crop_padding: 20",
		"video_preset: ultrafast",
	}, more)
}

// slow are the lines of a request that works for many seconds.
func slow() []string { return []string{"num_inference_steps: 1000", "edit_size: 512"} }

// drop puts a request into the inbox as a client does: whole, by a rename, with
// YAML's end of a document.
func (s *site) drop(name, text string) {
	s.t.Helper()
	tmp := s.inbox("." + name)
	err := os.WriteFile(tmp, []byte(text+"...\n"), 0o644)
	if err = errors.Join(err, os.Rename(tmp, s.inbox(name))); err != nil {
		s.t.Fatal(err)
	}
}

// status reads the status.json of a job as the oldest reader does.
func (s *site) status(jobID string) (st job.Status, there bool) {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.out(jobID), job.StatusName))
	if err != nil {
		return st, false
	}
	var keys map[string]any
	if err := json.Unmarshal(data, &keys); err != nil || len(keys) != 10 {
		s.t.Fatalf("status.json is torn or has %d keys: %v\n%s", len(keys), err, data)
	}
	if st, err = job.ParseStatus(data); err != nil {
		s.t.Fatal(err)
	}
	return st, true
}

// reach waits until a job is in a state, or past it.
func (s *site) reach(jobID string, want job.State) {
	s.t.Helper()
	eventually(s.t, jobID+" "+string(want), func() bool {
		st, ok := s.status(jobID)
		if ok && st.Status == job.Failed && want != job.Failed {
			s.t.Fatalf("%s failed: %s", jobID, *st.Error)
		}
		return ok && st.Status.Rank() >= want.Rank()
	})
}

// end waits for a job's terminal record, in its directory and in the spool.
func (s *site) end(jobID string) job.Status {
	s.t.Helper()
	var st job.Status
	eventually(s.t, "the end of "+jobID, func() bool {
		var ok bool
		st, ok = s.status(jobID)
		return ok && st.Status.Terminal() && !s.live(jobID)
	})
	return st
}

// live reports whether the spool still has the job that a job.json tells of.
func (s *site) live(jobID string) bool {
	data, err := os.ReadFile(filepath.Join(s.out(jobID), job.RecordName))
	if errors.Is(err, fs.ErrNotExist) {
		return false // rejected: there never was a job
	}
	r, bad := job.ParseRecord(data)
	if err = errors.Join(err, bad); err != nil {
		s.t.Fatal(err)
	}
	return len(glob(s.path("spool", "spool", "*", "*"+r.Token+"*"))) > 0
}

// record reads job.json.
func (s *site) record(jobID string) job.Record {
	s.t.Helper()
	r, err := job.ParseRecord([]byte(s.read(filepath.Join(s.out(jobID), job.RecordName))))
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// settled waits until nothing in the spool lives.
func (s *site) settled() {
	s.t.Helper()
	eventually(s.t, "an empty spool", func() bool {
		for _, dir := range []string{"inbox", "spool/queue", "spool/active", "spool/requests", "spool/ids"} {
			entries, _ := os.ReadDir(s.path("spool", dir))
			// Directories in the inbox are their users' to remove.
			if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !e.IsDir() }) {
				return false
			}
		}
		return true
	})
}

// wantFinished checks that a job left a whole result and no other file.
func (s *site) wantFinished(jobID string, frames int) {
	s.t.Helper()
	st := s.end(jobID)
	if st.Status != job.Finished || st.Progress != 1 || st.Error != nil {
		s.t.Fatalf("%s ended as %s", jobID, st.JSON())
	}
	want := []string{"events.ndjson", "job.json", jobID + "_log.txt", jobID + "_mask.mp4", jobID + "_output.mp4", "status.json"}
	slices.Sort(want)
	if got := names(s.t, s.out(jobID)); !slices.Equal(got, want) {
		s.t.Errorf("output_dir of %s holds %q, want %q", jobID, got, want)
	}
	for _, file := range []*string{st.OutputVideoPath, st.MaskPreviewPath} {
		if n := frameCount(s.t, *file); n != frames {
			s.t.Errorf("%s has %d frames, want %d", *file, n, frames)
		}
	}
}

// names lists everything below a directory, in order.
func names(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, p); err == nil && rel != "." {
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

func glob(pattern string) []string {
	found, err := filepath.Glob(pattern)
	if err != nil {
		panic(fmt.Sprintf("pattern %q: %v", pattern, err)) // it is written in a test
	}
	return found
}

// eventually waits until what is looked at is as wanted.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("%s: not within a minute", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
