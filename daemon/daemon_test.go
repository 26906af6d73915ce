package daemon

import (
	"bytes"
	"context"
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
	"uredit/daemon/spool"
	"uredit/pipeline"
	"uredit/pipeline/fault"
)

// status reads a status.json as the oldest reader does: exactly ten keys.
func (s site) status(t *testing.T, out string) (job.Status, bool) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.out(out), job.StatusName))
	if errors.Is(err, fs.ErrNotExist) {
		return job.Status{}, false
	}
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := json.Unmarshal(data, &keys); err != nil || len(keys) != 10 {
		t.Fatalf("status.json is torn or has %d keys: %v\n%s", len(keys), err, data)
	}
	st, err := job.ParseStatus(data)
	if err != nil {
		t.Fatal(err)
	}
	return st, true
}

// attempt reads the number of the attempt from job.json, 0 where there is none.
func (s site) attempt(out string) int {
	data, err := os.ReadFile(filepath.Join(s.out(out), job.RecordName))
	if err != nil {
		return 0
	}
	record, err := job.ParseRecord(data)
	if err != nil {
		return 0
	}
	return record.Attempt
}

// finish polls a job to its end. Its states go back with a higher attempt only,
// whose queued a look may have missed, and its progress never falls.
func (s site) finish(t *testing.T, out string) job.Status {
	t.Helper()
	var last job.Status
	attempt := 0 // at most that of last
	eventually(t, "the job in "+out, func() bool {
		before := s.attempt(out)
		st, ok := s.status(t, out)
		if !ok {
			return false
		}
		if st.Progress < last.Progress {
			t.Errorf("progress fell from %v to %v", last.Progress, st.Progress)
		}
		if st.Status.Rank() < last.Status.Rank() && st.Status != job.Queued && s.attempt(out) <= attempt {
			t.Errorf("%s followed %s in attempt %d", st.Status, last.Status, attempt)
		}
		last, attempt = st, before
		return st.Status.Terminal()
	})
	return last
}

// tree lists the files below a directory.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	names := []string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, p)
		if err == nil && (!d.IsDir() || strings.HasPrefix(d.Name(), ".") && p != dir) {
			names = append(names, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// settled waits until the spool holds nothing that lives.
func (s site) settled(t *testing.T) {
	t.Helper()
	eventually(t, "an empty spool", func() bool {
		for _, dir := range []string{"inbox", "spool/queue", "spool/active", "spool/requests", "spool/ids"} {
			if entries, _ := os.ReadDir(s.path("spool", dir)); len(entries) > 0 {
				return false
			}
		}
		return true
	})
}

// wantResult checks that a job left its six files, whole, and nothing else.
func (s site) wantResult(t *testing.T, jobID, out, edit string) {
	t.Helper()
	want := []string{"events.ndjson", "job.json", jobID + "_log.txt", jobID + "_mask.mp4", jobID + "_output.mp4", "status.json"}
	slices.Sort(want)
	if got := tree(t, s.out(out)); !slices.Equal(got, want) {
		t.Errorf("files of %s: %q, want %q", jobID, got, want)
	}
	data, err := os.ReadFile(filepath.Join(s.out(out), jobID+"_output.mp4"))
	if err != nil || string(data) != "edited: "+edit {
		t.Errorf("output %q, %v", data, err)
	}
}

func TestFromInboxToResult(t *testing.T) {
	s := newSite(t)
	s.start(t, 1)
	s.drop(t, "x.yaml", s.request("test_001", "out", "make it blue"))
	st := s.finish(t, "out")
	if st.Status != job.Finished || st.Progress != 1 || st.Error != nil {
		t.Errorf("ended as %+v", st)
	}
	for what, p := range map[string]*string{"output": st.OutputVideoPath, "mask": st.MaskPreviewPath, "log": st.LogsPath} {
		if p == nil || !filepath.IsAbs(*p) {
			t.Errorf("%s path is %v", what, p)
		} else if _, err := os.Stat(*p); err != nil {
			t.Error(err)
		}
	}
	s.settled(t)
	s.wantResult(t, "test_001", "out", "make it blue")
	if got := s.states(t, "out"); !slices.Equal(got, job.States()[:8]) {
		t.Errorf("events show %q, want the eight states of success", got)
	}
	if info, err := os.Stat(filepath.Join(s.out("out"), "test_001_output.mp4")); err == nil && info.Mode().Perm() != 0o664 {
		t.Errorf("the output's mode is %v", info.Mode())
	}
}

// states returns the states that events.ndjson shows, in order, each once.
func (s site) states(t *testing.T, out string) []job.State {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.out(out), job.EventsName))
	if err != nil {
		t.Fatal(err)
	}
	var got []job.State
	for line := range bytes.Lines(data) {
		var e struct {
			Status job.State `json:"status"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Status != "" && !slices.Contains(got, e.Status) {
			got = append(got, e.Status)
		}
	}
	return got
}

func TestSecondRunOfTheSameJobID(t *testing.T) {
	s := newSite(t)
	s.start(t, 1)
	for _, edit := range []string{"make it blue", "make it green"} {
		s.drop(t, "x.yaml", s.request("test_001", "out", edit))
		eventually(t, edit, func() bool {
			data, _ := os.ReadFile(filepath.Join(s.out("out"), "test_001_output.mp4"))
			st, _ := s.status(t, "out")
			return string(data) == "edited: "+edit && st.Status == job.Finished
		})
		s.settled(t)
		s.wantResult(t, "test_001", "out", edit)
	}
}

func TestNestedRequestAndJSON(t *testing.T) {
	s := newSite(t)
	s.start(t, 1)
	dir := s.path("spool", "inbox", "holiday")
	if err := os.MkdirAll(dir, 0o775); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, "request.yaml"), []byte(s.request("a", "a", "blue")), 0o644)
	data, _ := json.Marshal(map[string]any{"job_id": "b", "input_video_path": s.path("data", "in.mp4"),
		"output_dir": s.out("b"), "mask_prompt": "ball", "edit_prompt": "green", "max_frames": nil, "extra": map[string]any{"model_path": nil}})
	s.drop(t, "b.json", string(data))
	for _, out := range []string{"a", "b"} {
		if st := s.finish(t, out); st.Status != job.Finished {
			t.Errorf("%s ended as %+v", out, st)
		}
	}
}

// A request that is written slowly is claimed when it is whole, and not before.
func TestHalfWrittenRequest(t *testing.T) {
	s := newSite(t)
	s.start(t, 1, func(d *running) { d.intake.Settle = time.Second })
	text := strings.TrimSuffix(s.request("j", "out", "blue"), "...\n")
	f, err := os.Create(s.path("spool", "inbox", "x.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk([]byte(text), 1+len(text)/8) {
		f.Write(part)
		<-time.After(30 * time.Millisecond)
	}
	f.Close()
	if st := s.finish(t, "out"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
	if found, _ := os.ReadDir(s.path("spool", "rejected")); len(found) > 0 {
		t.Error("half a request was rejected")
	}
}

// While a job lives its job_id and its output_dir are its own.
func TestNamesInUse(t *testing.T) {
	s := newSite(t)
	busy := make(chan string)
	s.start(t, 1, watched(busy))
	s.drop(t, "first.yaml", s.request("test_001", "out", "wait"))
	next(t, busy)
	s.drop(t, "second.yaml", s.request("waiting", "waits", "blue"))
	eventually(t, "the second in the queue", func() bool { _, ok := s.status(t, "waits"); return ok })
	for name, c := range map[string]struct{ id, out, code string }{
		"same-id":  {"test_001", "other", job.CodeJobIDInUse},
		"same-dir": {"test_002", "out", job.CodeOutputDirInUse},
		// The status that is there says queued, and is not this request's.
		"same-both": {"waiting", "waits", job.CodeJobIDInUse},
	} {
		s.drop(t, name+".yaml", s.request(c.id, c.out, "blue"))
		var r reason
		eventually(t, name, func() bool {
			found, _ := filepath.Glob(s.path("spool", "rejected", "*-"+name, "request.yaml"))
			if len(found) == 0 {
				return false
			}
			data, _ := os.ReadFile(filepath.Join(filepath.Dir(found[0]), "reason.json"))
			return json.Unmarshal(data, &r) == nil
		})
		if r.Errors[0].Code != c.code {
			t.Errorf("%s: %v, want %s", name, r.Errors, c.code)
		}
	}
	if st, _ := s.status(t, "out"); st.JobID != "test_001" || st.Status != job.Editing {
		t.Errorf("the live job's status became %+v", st)
	}
	if st, _ := s.status(t, "waits"); st.Status != job.Queued {
		t.Errorf("the waiting job's status became %+v", st)
	}
	mark(t, s, "test_001.cancel")
	s.finish(t, "out")
	next(t, busy)
	s.finish(t, "waits")
	s.settled(t)
	if _, err := os.Stat(filepath.Join(s.out("out"), ".uredit")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the work directory is left: %v", err)
	}
}

func TestFailures(t *testing.T) {
	for edit, code := range map[string]string{
		"fault nothing_found": fault.NothingFound,
		"fault device_fault":  fault.DeviceFault,
		"panic":               fault.Internal,
	} {
		t.Run(edit, func(t *testing.T) {
			s := newSite(t)
			s.start(t, 1)
			s.drop(t, "x.yaml", s.request("j", "out", edit))
			st := s.finish(t, "out")
			if st.Status != job.Failed || st.Error == nil || st.Progress < 0.5 || st.OutputVideoPath != nil {
				t.Errorf("ended as %+v", st)
			}
			s.settled(t)
			data, err := os.ReadFile(filepath.Join(s.out("out"), job.RecordName))
			if err != nil {
				t.Fatal(err)
			}
			record, err := job.ParseRecord(data)
			if err != nil || record.Failure == nil || record.Failure.Code != code || record.Outcome != job.OutcomeFailed {
				t.Errorf("job.json: %v, %+v", err, record.Failure)
			}
			// The daemon goes on.
			s.drop(t, "y.yaml", s.request("j", "out", "blue"))
			eventually(t, "the next job", func() bool { st, _ := s.status(t, "out"); return st.Status == job.Finished })
		})
	}
}

// Two devices run two jobs at once; a fault in one leaves the other alone.
func TestTwoDevices(t *testing.T) {
	s := newSite(t)
	busy := make(chan string)
	s.start(t, 2, watched(busy))
	s.drop(t, "good.yaml", s.request("good", "good", "wait"))
	next(t, busy)
	for i, edit := range []string{"panic", "fault device_fault", "blue"} {
		id := fmt.Sprintf("bad_%d", i)
		s.drop(t, id+".yaml", s.request(id, id, edit))
		next(t, busy) // while the other waits
		s.finish(t, id)
	}
	if st, _ := s.status(t, "good"); st.Status != job.Editing {
		t.Errorf("the neighbour is %+v", st)
	}
	mark(t, s, "good.cancel")
	s.finish(t, "good")
}

// brokenCard is a scripted engine whose card fails in the middle of an edit.
type brokenCard struct{ scripted }

func (e *brokenCard) Edit(_ context.Context, _ pipeline.Spec, report func(pipeline.Progress)) (pipeline.Result, error) {
	report(pipeline.Progress{Stage: pipeline.Editing, Frame: 2, Total: 4})
	return pipeline.Result{}, &fault.Error{Code: fault.DeviceFault, Stage: "editing", Retryable: true,
		Err: errors.New("run model unet/model.onnx: CUDA failure 700: an illegal memory access was encountered")}
}

// A fault of a real device ends the daemon with its reason; the job is queued
// again, safe, and the daemon that is started next finishes it.
func TestDeviceFaultEndsTheDaemon(t *testing.T) {
	s := newSite(t)
	serve := func(e Engine) func(context.Context) error {
		d, err := New(Options{Config: s.config(), Engines: []Engine{e}, Log: testLog(t)})
		if err != nil {
			t.Fatal(err)
		}
		d.source.age = 0
		return func(ctx context.Context) error { return errors.Join(d.Run(ctx), d.Close()) }
	}
	run := serve(&brokenCard{scripted{device: "cuda:0"}})
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	err := run(t.Context())
	if !errors.Is(err, ErrDevice) || !strings.Contains(err.Error(), "device cuda:0: the device failed: ") || !strings.Contains(err.Error(), "CUDA failure 700") {
		t.Errorf("Run = %v, want ErrDevice and the card's own words", err)
	}
	if st, _ := s.status(t, "out"); st.Status != job.Queued || st.Progress < 0.5 {
		t.Errorf("the job is %+v", st)
	}
	queue, err := filepath.Glob(filepath.Join(s.config().Root, spool.QueueDir, "*"))
	if err != nil || len(queue) != 1 || !strings.Contains(queue[0], ".a0c1.") {
		t.Errorf("queue %q, %v", queue, err)
	}
	run = serve(&scripted{device: "cuda:0"})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	if st := s.finish(t, "out"); st.Status != job.Finished {
		t.Errorf("the job ended as %+v", st)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAGrowingInputWaits(t *testing.T) {
	s := newSite(t)
	age := time.Second
	input := s.path("data", "in.mp4")
	if err := os.Chtimes(input, time.Now(), time.Now().Add(time.Hour)); err != nil { // the server's clock is ahead
		t.Fatal(err)
	}
	s.start(t, 1, func(d *running) { d.source.age = age })
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	eventually(t, "queued", func() bool { st, ok := s.status(t, "out"); return ok && st.Status == job.Queued })
	grown := time.Now()
	f, err := os.OpenFile(input, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("more")
	f.Close()
	os.Chtimes(input, time.Now(), time.Now().Add(time.Hour))
	if st := s.finish(t, "out"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
	if waited := time.Since(grown); waited < age {
		t.Errorf("the job was over %v after the input grew, before it was stable for %v", waited, age)
	}
}

// After a crash with two jobs at work each of them runs alone once, on a daemon
// with two devices.
func TestSuspectsRunAlone(t *testing.T) {
	s := newSite(t)
	first := s.spawn(t, "", envTwo+"=1")
	s.drop(t, "a.yaml", s.request("a", "a", "wait", "priority: 9"))
	eventually(t, "the first under way", func() bool { st, _ := s.status(t, "a"); return st.Status == job.Editing })
	s.drop(t, "b.yaml", s.request("b", "b", "die "+s.path("died")))
	wantKilled(t, first)
	busy := make(chan string)
	d := s.start(t, 2, watched(busy))
	if edit := next(t, busy); edit != "wait" {
		t.Errorf("%q ran first, want the urgent one", edit)
	}
	// The devices take nothing while a suspect runs; were they to ask, they would
	// get no suspect beside another job.
	if w, _, ok, err := d.source.Take(t.Context(), false); ok || err != nil {
		t.Errorf("%+v would run beside a suspect, %v", w, err)
	}
	select {
	case edit := <-busy:
		t.Errorf("%q runs beside a suspect", edit)
	default:
	}
	mark(t, s, "a.cancel")
	next(t, busy)
	if st := s.finish(t, "b"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
}
