package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/report"
)

const token = "20260102T030405-abcdef"

// place is an output directory.
type place struct {
	t    *testing.T
	path string
	root *os.Root
}

func newPlace(t *testing.T, path string) place {
	t.Helper()
	root, err := os.OpenRoot(path)
	must(t, err)
	t.Cleanup(func() { must(t, root.Close()) })
	return place{t, path, root}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func request() job.Request {
	r := job.Default()
	r.JobID, r.InputVideoPath, r.OutputDir, r.MaskPrompt, r.EditPrompt = "test_001", "/in.mp4", "/out", "red ball", "make it blue"
	return r
}

func (p place) queue(tok string, attempt int) {
	p.t.Helper()
	r := request()
	dir := fmt.Sprintf(".uredit/%s.e%04d.queued", tok, attempt)
	must(p.t, p.root.MkdirAll(dir, 0o755))
	must(p.t, report.WriteQueued(p.root, p.path, dir, tok, &r, attempt))
	must(p.t, p.root.RemoveAll(dir))
}

func (p place) start(tok string, number int) (*report.Reporter, error) {
	p.t.Helper()
	name := fmt.Sprintf(".uredit/%s.e%04d", tok, number)
	must(p.t, p.root.MkdirAll(name, 0o755))
	attempt, err := p.root.OpenRoot(name)
	must(p.t, err)
	p.t.Cleanup(func() { must(p.t, attempt.Close()) })
	return report.Start(report.Options{Dir: p.root, DirPath: p.path, Attempt: attempt, AttemptName: name, Request: request(),
		Token: tok, Number: number, Host: "h", Device: "cpu", Versions: map[string]string{"uredit": "1"}})
}

func (p place) mustStart(tok string, number int) *report.Reporter {
	p.t.Helper()
	r, err := p.start(tok, number)
	must(p.t, err)
	return r
}

func (p place) read(name string) []byte {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(p.path, name))
	must(p.t, err)
	return data
}

func (p place) status() job.Status {
	p.t.Helper()
	s, err := job.ParseStatus(p.read(job.StatusName))
	must(p.t, err)
	return s
}

func (p place) record() job.Record {
	p.t.Helper()
	r, err := job.ParseRecord(p.read(job.RecordName))
	must(p.t, err)
	return r
}

// events returns "type status attempt" of each line.
func (p place) events() []string {
	p.t.Helper()
	var list []string
	for line := range bytes.Lines(p.read(job.EventsName)) {
		var e struct {
			Type, Status string
			Attempt      int
		}
		if err := json.Unmarshal(line, &e); err != nil {
			p.t.Fatalf("%v: %s", err, line)
		}
		list = append(list, fmt.Sprintf("%s %s %d", e.Type, e.Status, e.Attempt))
	}
	return list
}

func text(s *string) string {
	if s == nil {
		return "<nil>"
	}
	return *s
}

func TestWholeJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, t.TempDir())
		p.queue(token, 1)
		if s := p.status(); s.Status != job.Queued || s.Progress != 0 || text(s.LogsPath) != p.path+"/test_001_log.txt" {
			t.Errorf("queued: %+v", s)
		}
		r := p.mustStart(token, 1)
		r.Models(map[string]string{"m": "0"})
		r.Input(json.RawMessage(`{"width":4}`))
		steps := []struct {
			state        job.State
			frame, total int
			progress     job.Fraction
		}{
			{job.Extracting, 0, 0, 0},
			{job.Extracting, 0, 10, 0},
			{job.Masking, 0, 10, 0.25},
			{job.Propagating, 0, 10, 0.3},
			{job.Propagating, 5, 10, 0.4},
			{job.Editing, 0, 10, 0.5},
			{job.Editing, 5, 10, 0.7},
			{job.Editing, 3, 10, 0.7},
			{job.Masking, 1, 10, 0.7}, // left already
			{job.Editing, 10, 10, 0.9},
			{job.Smoothing, 10, 10, 0.9},
			{job.Saving, 10, 10, 0.95},
		}
		at := job.Queued
		for _, step := range steps {
			time.Sleep(time.Second) // the bubble's clock
			r.Stage(step.state, step.frame, step.total, "")
			if step.state.Rank() > at.Rank() { // written before Stage returns
				at = step.state
				if got := p.status(); got.Status != at {
					t.Errorf("%s: status.json says %s", at, got.Status)
				}
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if s := p.status(); s.Status != at || s.Progress != step.progress || text(s.Error) != "<nil>" {
				t.Errorf("%+v: status.json is %+v", step, s)
			}
		}
		must(t, os.WriteFile(p.path+"/test_001_mask.mp4", nil, 0o666))
		must(t, os.WriteFile(p.path+"/test_001_output.mp4", nil, 0o666))
		r.MaskReady("test_001_mask.mp4")
		r.Warn("pipeline", "no sound")
		must(t, r.Finish(report.Result{Output: "test_001_output.mp4", Probe: json.RawMessage(`{"width":4}`), Frames: 10}))
		must(t, r.Close())

		s := p.status()
		if s.Status != job.Finished || s.Progress != 1 || *s.CurrentFrame != 10 || *s.TotalFrames != 10 ||
			text(s.OutputVideoPath) != p.path+"/test_001_output.mp4" || text(s.MaskPreviewPath) != p.path+"/test_001_mask.mp4" {
			t.Errorf("finished: %s", s.JSON())
		}
		rec := p.record()
		if rec.Outcome != job.OutcomeFinished || rec.Failure != nil || len(rec.Warnings) != 1 || rec.Models["m"] != "0" || rec.Device != "cpu" ||
			rec.Attempt != 1 || len(rec.Stages) != 6 || rec.Stages[3].Frames != 10 || rec.Stages[3].FPS == 0 || rec.FinishedAt.IsZero() ||
			!slices.Equal(rec.Files, []string{"test_001_log.txt", "events.ndjson", "test_001_output.mp4", "test_001_mask.mp4"}) {
			t.Errorf("job.json: %s", rec.JSON())
		}
		var states []string
		for _, e := range p.events() {
			if kind, rest, _ := strings.Cut(e, " "); kind != "progress" {
				states = append(states, rest)
			}
		}
		want := []string{"queued 1", "queued 1", "extracting 1", "masking 1", "propagating 1", "editing 1", "smoothing 1", "saving 1", "saving 1", "finished 1"}
		if !slices.Equal(states, want) {
			t.Errorf("events show %q, want %q", states, want)
		}
		entries, err := os.ReadDir(p.path + "/.uredit/" + token + ".e0001")
		if err != nil || len(entries) != 0 {
			t.Errorf("the attempt's directory holds %v, error %v", entries, err)
		}
	})
}

// TestCadence: two writes a second at most while frames come, one within
// two seconds while none come, and none after the end.
func TestCadence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, t.TempDir())
		r := p.mustStart(token, 1)
		r.Stage(job.Editing, 0, 1000, "")
		before := p.record().Seq
		for i := range 1000 {
			time.Sleep(10 * time.Millisecond)
			r.Stage(job.Editing, i+1, 1000, "")
		}
		synctest.Wait()
		rec := p.record()
		if n := rec.Seq - before; n < 19 || n > 20 {
			t.Errorf("%d writes in 10 s, want 2 a second", n)
		}
		if rec.ETASeconds == nil || *rec.ETASeconds > 0.6 || rec.Stages[0].FPS < 99 || rec.Stages[0].FPS > 101 {
			t.Errorf("job.json: %s", rec.JSON())
		}
		if n := len(p.events()); n < 5 || n > 9 {
			t.Errorf("%d events in 10 s: %q", n, p.events())
		}
		time.Sleep(time.Second) // the last frame is written
		synctest.Wait()
		before = p.record().Seq
		for range 10 {
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if got := p.record(); time.Since(got.Heartbeat) > 2*time.Second {
				t.Errorf("the heartbeat is %v old", time.Since(got.Heartbeat))
			}
		}
		if n := p.record().Seq - before; n < 12 || n > 15 {
			t.Errorf("%d writes in 20 s without progress, want one every 1.5 s", n)
		}
		must(t, r.Requeue("the daemon stops"))
		before = p.record().Seq
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := p.record().Seq; got != before {
			t.Errorf("%d writes after the end", got-before)
		}
		must(t, r.Close())
	})
}

func TestFail(t *testing.T) {
	tests := []struct {
		name    string
		why     job.Error
		stage   job.State
		message string
		err     string
		outcome job.Outcome
	}{
		{"plain", job.Error{Code: "tool_failed", Message: "ffmpeg died", Hint: "see the log"}, job.Editing, "failed while editing", "ffmpeg died (hint: see the log)", job.OutcomeFailed},
		{"stage is known", job.Error{Code: "disk_full", Stage: job.Saving, Message: "no space"}, job.Saving, "failed while saving", "no space", job.OutcomeFailed},
		{"cancelled", job.Error{Code: job.CodeCancelled, Message: "cancelled by root"}, job.Editing, "cancelled", "cancelled by root", job.OutcomeCancelled},
		{"cancelled in other words", job.Error{Code: job.CodeCancelled, Message: "stopped"}, job.Editing, "cancelled", "cancelled: stopped", job.OutcomeCancelled},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t, t.TempDir())
			r := p.mustStart(token, 1)
			r.Stage(job.Editing, 5, 10, "")
			must(t, r.Fail(&test.why))
			must(t, r.Fail(&job.Error{Message: "again"})) // the first word counts
			r.Stage(job.Saving, 1, 1, "")
			must(t, r.Close())
			s, rec := p.status(), p.record()
			if s.Status != job.Failed || s.Progress != 0.7 || text(s.Message) != test.message || text(s.Error) != test.err || s.OutputVideoPath != nil || *s.CurrentFrame != 5 {
				t.Errorf("status.json: %s", s.JSON())
			}
			if rec.Failure == nil || rec.Failure.Stage != test.stage || rec.Failure.Code != test.why.Code || rec.Outcome != test.outcome || !slices.Equal(rec.Files, []string{"test_001_log.txt", "events.ndjson"}) {
				t.Errorf("job.json: %s", rec.JSON())
			}
			if log := string(p.read("test_001_log.txt")); !strings.Contains(log, "INFO  [1] "+test.message+": "+test.err+"\n") {
				t.Errorf("the log says\n%s", log)
			}
		})
	}
	p := newPlace(t, t.TempDir())
	r := p.mustStart(token, 1)
	must(t, r.Fail(&job.Error{Code: "x", Message: "m"}))
	must(t, r.Close())
	if rec := p.record(); rec.Failure.Stage != "" || text(rec.Message) != "failed" {
		t.Errorf("before any stage: %s", rec.JSON())
	}
}

// TestAttempts: queued comes back with a higher attempt, progress stays, and
// the growing files hold what went before. Another job starts anew, and still
// knows which outputs are no stranger's.
func TestAttempts(t *testing.T) {
	p := newPlace(t, t.TempDir())
	p.queue(token, 1)
	first := p.mustStart(token, 1)
	first.Stage(job.Editing, 5, 10, "")
	first.MaskReady("test_001_mask.mp4")
	must(t, os.WriteFile(p.path+"/test_001_mask.mp4", nil, 0o666))
	must(t, first.Requeue("the daemon stops"))
	if s, rec := p.status(), p.record(); s.Status != job.Queued || s.Progress != 0.7 || text(s.Message) != "the daemon stops" || rec.Attempt != 2 {
		t.Errorf("requeued: %s", rec.JSON())
	}
	// A crash in the middle of a line.
	events, err := os.OpenFile(p.path+"/"+job.EventsName, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = events.WriteString(`{"torn`)
	must(t, err)
	must(t, events.Close())

	second := p.mustStart(token, 2)
	second.Stage(job.Extracting, 0, 10, "")
	if s := p.status(); s.Status != job.Extracting || s.Progress != 0.7 || s.MaskPreviewPath == nil {
		t.Errorf("second attempt: %s", s.JSON())
	}
	// The first attempt does not know that it is dead: nobody reads it.
	first.Logger().Info("from the grave")
	must(t, first.Close())
	if log := string(p.read("test_001_log.txt")); !strings.Contains(log, "[1] editing") || !strings.Contains(log, "[2] extracting") || strings.Contains(log, "grave") {
		t.Errorf("the log says\n%s", log)
	}
	want := []string{"queued queued 1", "start queued 1", "state editing 1", "state queued 2", "start queued 2", "state extracting 2"}
	if got := p.events(); !slices.Equal(got, want) {
		t.Errorf("events show %q, want %q", got, want)
	}
	must(t, second.Close()) // it dies without a word
	p.queue(token, 3)
	if s := p.status(); s.Status != job.Queued || s.Progress != 0.7 || text(s.Message) != "waiting for another attempt" {
		t.Errorf("queued again: %s", s.JSON())
	}
	if got := p.events(); len(got) != 7 || got[6] != "queued queued 3" {
		t.Errorf("events show %q", got)
	}

	p.queue("20260102T030406-other1", 1)
	if rec := p.record(); rec.Progress != 0 || rec.MaskPreviewPath != nil || !slices.Contains(rec.Files, "test_001_mask.mp4") {
		t.Errorf("another job: %s", rec.JSON())
	}
	if got := p.events(); !slices.Equal(got, []string{"queued queued 1"}) {
		t.Errorf("events of another job show %q", got)
	}
	entries, err := os.ReadDir(p.path)
	must(t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".tmp") {
			t.Errorf("%s is left", e.Name())
		}
	}
}

// TestFromCacheOverAttempts: what another job made stays so when the next attempt
// goes on with it, until that makes it itself; another job has nothing of it.
func TestFromCacheOverAttempts(t *testing.T) {
	p := newPlace(t, t.TempDir())
	from := job.FromCache{What: job.CachedMasks, JobID: "older", Token: "J", Host: "h", MadeAt: time.Unix(1e9, 0).UTC()}
	want := func(when string, wanted *job.FromCache) {
		t.Helper()
		if got := p.record().FromCache; (got == nil) != (wanted == nil) || got != nil && *got != *wanted {
			t.Errorf("%s job.json comes from %+v, want %+v", when, got, wanted)
		}
	}
	r := p.mustStart(token, 1)
	r.FromCache(&from)
	must(t, r.Requeue("the daemon stopped"))
	must(t, r.Close())
	want("after the first attempt", &from)
	r = p.mustStart(token, 2)
	want("in the second", &from)
	r.FromCache(nil)
	must(t, r.Fail(&job.Error{Code: job.CodeInternal, Message: "x"}))
	must(t, r.Close())
	want("after the second", nil)
	r = p.mustStart(token, 3)
	r.FromCache(&from)
	must(t, r.Close())
	must(t, p.mustStart("20260102T030406-abcdef", 1).Close())
	want("of another job,", nil)
}

// TestReaders polls status.json as fast as it can through a job: never torn,
// never backwards.
func TestReaders(t *testing.T) {
	p := newPlace(t, t.TempDir())
	p.queue(token, 1)
	r := p.mustStart(token, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, s := range job.States()[1:7] {
			for i := range 20 {
				r.Stage(s, i, 20, "")
			}
		}
		if err := r.Finish(report.Result{Output: "x", Frames: 20}); err != nil {
			t.Error(err)
		}
	}()
	last, progress := -1, job.Fraction(-1)
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		s := p.status()
		if s.Status.Rank() < last || s.Progress < progress {
			t.Fatalf("%s %v after rank %d, %v", s.Status, s.Progress, last, progress)
		}
		last, progress = s.Status.Rank(), s.Progress
	}
	must(t, r.Close())
	if last != job.Finished.Rank() {
		t.Errorf("ended at rank %d", last)
	}
}
