package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"uredit/daemon/job"
)

// A badRequest is a request that never becomes a job.
type badRequest struct {
	name    string
	prepare func(s *site) // makes what the request meets; may be nil
	file    string        // its name in the inbox; "" for bad.yaml
	text    func(s *site) string
	code    string
	reason  string // the beginning of reason.txt, or all of it
	hint    string // in reason.txt; "-" where the sentence says all
	world   bool   // the request alone is valid: uredit validate cannot know
	silent  bool   // output_dir is not told
}

// lines returns a request for output_dir "bad" with other lines.
func lines(more ...string) func(*site) string {
	return func(s *site) string { return s.request("bad", more...) }
}

func text(t string) func(*site) string { return func(*site) string { return t } }

// after returns the usual request with text at its end.
func after(t string) func(*site) string {
	return func(s *site) string { return s.request("bad") + t }
}

func badRequests() []badRequest {
	const invalid = job.CodeInvalidRequest
	return []badRequest{
		{name: "unknown key", text: lines("guidence_scale: 3"), code: invalid,
			reason: "bad.yaml:10: guidence_scale: no such key", hint: "did you mean guidance_scale?"},
		{name: "text for a number", text: lines("num_inference_steps: many"), code: invalid,
			reason: `bad.yaml:6: num_inference_steps: text "many" is not a whole number`, hint: "write digits"},
		{name: "number for text", text: lines("mask_prompt: 7"), code: invalid, reason: "bad.yaml:4: mask_prompt: 7 is not text", hint: "in quotes"},
		{name: "3.5 for an integer", text: lines("num_inference_steps: 3.5"), code: invalid,
			reason: "bad.yaml:6: num_inference_steps: 3.5 is not a whole number", hint: "write 3 or 4"},
		{name: "a list for a path", text: lines("input_video_path: [a.mp4]"), code: invalid, reason: "bad.yaml:2: input_video_path: a list is not text", hint: "write one value"},
		{name: "out of range", text: lines("smoothing_alpha: 1.5"), code: invalid,
			reason: "bad.yaml:10: smoothing_alpha: 1.5 is not within 0..1", hint: "-"},
		{name: "second document", text: after("---\njob_id: other\n"), code: invalid, reason: "bad.yaml:10: a second document begins", hint: "one file holds one document", silent: true},
		{name: "duplicate key", text: after("job_id: other\n"), code: invalid, reason: "bad.yaml:10: job_id: the key is there twice, first in line 1", hint: "remove one"},
		{name: "empty file", text: text(""), code: invalid, reason: "bad.yaml: the file is empty", silent: true},
		{name: "comments alone", text: text("# later\n"), code: invalid, reason: "bad.yaml: the file is empty", silent: true},
		{name: "no mapping", text: text("- job_id: bad\n"), code: invalid, reason: "bad.yaml:1: ", silent: true},
		{name: "not YAML", text: text("job_id: [bad\n"), code: invalid, reason: "bad.yaml:", silent: true},
		{name: "not UTF-8", text: after("negative_prompt: \xff\n"), code: invalid, reason: "bad.yaml", silent: true},
		{name: "not JSON", file: "bad.json", text: text("job_id: bad\n"), code: invalid, reason: "bad.json:1: not JSON: ", hint: "-", silent: true},
		{name: "over 256 KiB", text: after("# " + strings.Repeat("x", job.MaxRequestBytes) + "\n"), code: job.CodeTooLarge,
			reason: "bad.yaml: ", silent: true},
		{name: "key missing", text: text("job_id: bad\n"), code: invalid, reason: "bad.yaml: input_video_path: the key is missing", silent: true},
		{name: "job_id with a slash", text: lines("job_id: ../bad"), code: invalid, reason: "bad.yaml:1: job_id: ", hint: "letters, digits", silent: true},
		{name: "job_id too long", text: lines("job_id: " + strings.Repeat("x", 101)), code: invalid, reason: "bad.yaml:1: job_id: ", hint: "letters, digits", silent: true},
		{name: "relative path", text: lines("input_video_path: in.mp4"), code: invalid,
			reason: `bad.yaml:2: input_video_path: "in.mp4" is not absolute`, hint: "from / on"},

		{name: "input outside the roots", text: lines("input_video_path: /etc/passwd"), code: job.CodePathOutside, world: true,
			reason: "bad.yaml:2: input_video_path: /etc/passwd", hint: "allowed are"},
		{name: "input that climbs out of the roots", text: func(s *site) string {
			return s.request("bad", "input_video_path: "+s.path("data")+"/../uredit.yaml")
		}, code: job.CodePathOutside, world: true, reason: "bad.yaml:2: input_video_path: ", hint: "allowed are"},
		{name: "output outside the roots", text: func(s *site) string {
			return s.request("bad", "output_dir: "+s.path("elsewhere"))
		}, code: job.CodePathOutside, world: true, reason: "bad.yaml:3: output_dir: ", hint: "allowed are", silent: true},
		{name: "output in the spool", text: func(s *site) string {
			return s.request("bad", "output_dir: "+s.path("spool", "inbox", "x"))
		}, code: job.CodePathOutside, world: true, reason: "bad.yaml:3: output_dir: ", hint: "a directory of your own", silent: true},
		{name: "input missing", text: func(s *site) string {
			return s.request("bad", "input_video_path: "+s.path("data", "none.mp4"))
		}, code: job.CodeInputMissing, world: true, reason: "bad.yaml:2: input_video_path: ", hint: "check the path"},
		{name: "input is a directory", text: func(s *site) string {
			return s.request("bad", "input_video_path: "+s.path("data"))
		}, code: job.CodeInputUnreadable, world: true, reason: "bad.yaml:2: input_video_path: ", hint: "the video file itself"},
		{name: "a stranger's file at the output", prepare: func(s *site) {
			s.put(filepath.Join(s.out("bad"), "bad_output.mp4"), "mine")
		}, text: lines(), code: job.CodeOutputExists, world: true, reason: "bad.yaml:3: output_dir: ", hint: "overwrite: true"},
		{name: "output_dir of a job that ended", prepare: func(s *site) {
			s.put(filepath.Join(s.out("bad"), "status.json"), string(job.Status{JobID: "bad", Status: job.Finished, Progress: 1}.JSON()))
		}, text: lines("crop_padding: -1"), code: invalid, reason: "bad.yaml:8: crop_padding: -1 is not within 0..4096", hint: "-", silent: true},
		{name: "status of another job", prepare: func(s *site) {
			s.put(filepath.Join(s.out("bad"), "status.json"), string(job.Status{JobID: "other", Status: job.Queued}.JSON()))
		}, text: lines("crop_padding: -1"), code: invalid, reason: "bad.yaml:8: crop_padding: -1 is not within 0..4096", hint: "-", silent: true},
		{name: "its own announcement", prepare: func(s *site) {
			s.put(filepath.Join(s.out("bad"), "status.json"), string(job.Status{JobID: "bad", Status: job.Queued}.JSON()))
		}, text: lines("crop_padding: -1"), code: invalid, reason: "bad.yaml:8: crop_padding: -1 is not within 0..4096", hint: "-"},
	}
}

// Every bad request ends in rejected with its reason, as uredit validate says
// it, and touches nothing.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t, "settle: 50ms", "poll_interval: 50ms")
	s.serve()
	s.put(filepath.Join(s.mkdir(s.path("data", "neighbour")), "keep.txt"), "keep")
	for _, b := range badRequests() {
		t.Run(b.name, func(t *testing.T) { b.try(&site{t: t, dir: s.dir}) })
	}
}

func (b badRequest) try(s *site) {
	t := s.t
	out := s.mkdir(s.out("bad"))
	defer os.RemoveAll(out)
	if b.prepare != nil {
		b.prepare(s)
	}
	file := b.file
	if file == "" {
		file = "bad.yaml"
	}
	request := b.text(s)
	before := tree(t, s.path("data"))
	s.put(s.inbox(file), request) // old enough to need no wait
	dir := s.rejection(strings.TrimSuffix(file, filepath.Ext(file)))
	defer os.RemoveAll(dir)
	s.settled()

	reason := strings.TrimSuffix(s.read(filepath.Join(dir, "reason.txt")), "\n")
	_, hint, _ := strings.Cut(reason, " (hint: ")
	if !strings.HasPrefix(reason, b.reason) || b.hint != "-" && (hint == "" || !strings.Contains(hint, b.hint)) {
		t.Errorf("reason.txt: %q,\nwant %q and the hint %q", reason, b.reason, b.hint)
	}
	if got := codeOf(s, dir); got != b.code {
		t.Errorf("reason.json has the code %q, want %q", got, b.code)
	}
	if got := s.read(filepath.Join(dir, "request"+filepath.Ext(file))); got != request {
		t.Error("the request beside its reason is not as it was dropped")
	}
	said := s.validate(file, request)
	if want := reason; !b.world && said != want {
		t.Errorf("uredit validate says %q,\nthe daemon %q", said, want)
	} else if b.world && said != file+": valid" {
		t.Errorf("uredit validate says %q of a valid request", said)
	}

	after := tree(t, s.path("data"))
	st, there := s.status("bad")
	told := filepath.Join("bad", job.StatusName)
	if !b.silent {
		if !there || st.Status != job.Failed || st.JobID != "bad" || st.Error == nil || *st.Error != reason {
			t.Errorf("status.json is %s", st.JSON())
		}
		before[told] = after[told]
	}
	if !maps.Equal(before, after) {
		t.Errorf("the files were\n%v\nand are\n%v", before, after)
	}
}

// rejection waits for a request's directory in rejected.
func (s *site) rejection(name string) string {
	s.t.Helper()
	var found []string
	eventually(s.t, "the rejection of "+name, func() bool {
		found = glob(s.path("spool", "rejected", "*-"+name, "reason.txt"))
		return len(found) == 1
	})
	return filepath.Dir(found[0])
}

func codeOf(s *site, dir string) string {
	s.t.Helper()
	var r struct {
		Errors job.Errors `json:"errors"`
	}
	if err := json.Unmarshal([]byte(s.read(filepath.Join(dir, "reason.json"))), &r); err != nil || len(r.Errors) == 0 {
		s.t.Fatalf("reason.json: %v", err)
	}
	return r.Errors[0].Code
}

// validate returns what uredit says of a request.
func (s *site) validate(file, request string) string {
	s.t.Helper()
	dir := s.t.TempDir()
	s.put(filepath.Join(dir, file), request)
	return strings.TrimSpace(uredit(s.t, dir, "validate", file))
}

// A seal is what changes when somebody touches a file.
type seal struct {
	inode    uint64
	mode     fs.FileMode
	size     int64
	modified time.Time
}

// tree returns the seals of all files below a directory. A job's output_dir is
// known by its inode alone: its reservation comes and goes.
func tree(t *testing.T, dir string) map[string]seal {
	t.Helper()
	seals := map[string]seal{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return errors.Join(err, errors.ErrUnsupported)
		}
		k := seal{inode: st.Ino, mode: info.Mode()}
		if rel != "bad" {
			k.size, k.modified = info.Size(), info.ModTime()
		}
		seals[rel] = k
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return seals
}

// A live job's names are its own: who comes second is rejected and changes
// nothing of the first.
func TestNamesOfALiveJob(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve()
	s.drop("live.yaml", s.request("live", slow()...))
	s.reach("live", job.Editing)
	for name, c := range map[string]struct {
		request []string
		code    string
	}{
		"same-id":  {[]string{"output_dir: " + s.out("other")}, job.CodeJobIDInUse},
		"same-dir": {[]string{"job_id: other", "output_dir: " + s.out("live")}, job.CodeOutputDirInUse},
	} {
		s.drop(name+".yaml", s.request("live", c.request...))
		if got := codeOf(s, s.rejection(name)); got != c.code {
			t.Errorf("%s: code %q, want %q", name, got, c.code)
		}
		if st, _ := s.status("live"); st.Status != job.Editing || st.JobID != "live" {
			t.Errorf("%s: the live job says %s", name, st.JSON())
		}
	}
	s.cancel("live")
	s.end("live")
	if got := s.states("live"); slices.Contains(got, job.Finished) || got[len(got)-1] != job.Failed {
		t.Errorf("the live job's events have the states %q", got)
	}
}
