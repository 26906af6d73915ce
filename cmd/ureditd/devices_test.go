package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uredit/daemon/job"
)

// cancel asks for the end of a job.
func (s *site) cancel(jobID string) {
	s.t.Helper()
	if err := os.WriteFile(s.path("spool", "control", jobID+".cancel"), nil, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// span is when a job worked: from its first stage to its end.
func (s *site) span(jobID string) (from, to time.Time) {
	s.t.Helper()
	stages := s.record(jobID).Stages
	if len(stages) == 0 {
		s.t.Fatalf("job.json of %s has no stages", jobID)
	}
	return stages[0].StartedAt, stages[len(stages)-1].EndedAt
}

// Two devices work on two jobs at once, and give the results that one gives.
func TestTwoDevices(t *testing.T) {
	s := newSite(t, "devices: [cpu, cpu]")
	s.serve()
	steps := "num_inference_steps: 40"
	for _, id := range []string{"one", "two"} {
		s.drop(id+".yaml", s.request(id, steps))
	}
	s.wantFinished("one", 16)
	s.wantFinished("two", 16)
	from1, to1 := s.span("one")
	from2, to2 := s.span("two")
	if from1.After(to2) || from2.After(to1) {
		t.Errorf("the jobs ran one after the other: %v to %v and %v to %v", from1, to1, from2, to2)
	}
	same := func(a, b string) {
		t.Helper()
		if s.read(filepath.Join(s.out(a), a+"_output.mp4")) != s.read(filepath.Join(s.out(b), b+"_output.mp4")) {
			t.Errorf("%s and %s have different results", a, b)
		}
	}
	same("one", "two")
	s.drop("alone.yaml", s.request("alone", steps))
	s.wantFinished("alone", 16)
	same("one", "alone")
}

// What happens to a job is nothing to its neighbour: one fails, one is
// cancelled in the middle, the good one finishes in its first attempt.
func TestNeighbours(t *testing.T) {
	s := newSite(t, "devices: [cpu, cpu]")
	s.serve()
	s.drop("good.yaml", s.request("good", "num_inference_steps: 800"))
	s.reach("good", job.Masking)

	s.drop("bad.yaml", s.request("bad", "mask_prompt: green ball"))
	if st := s.end("bad"); st.Status != job.Failed {
		t.Errorf("bad ended as %s", st.JSON())
	}
	s.drop("cancelled.yaml", s.request("cancelled", slow()...))
	s.reach("cancelled", job.Editing)
	s.cancel("cancelled")
	asked := time.Now()
	st := s.end("cancelled")
	if took := time.Since(asked); took > 5*time.Second {
		t.Errorf("the cancel took %v", took)
	}
	if st.Status != job.Failed || st.Error == nil || !strings.HasPrefix(*st.Error, "cancelled") || st.Progress < 0.5 {
		t.Errorf("cancelled ended as %s", st.JSON())
	}
	if r := s.record("cancelled"); r.Outcome != job.OutcomeCancelled || r.Failure.Code != job.CodeCancelled {
		t.Errorf("job.json of cancelled has the outcome %q and the error %+v", r.Outcome, r.Failure)
	}
	if st, _ := s.status("good"); st.Status.Terminal() {
		t.Error("the good job was over before its neighbours: make it longer")
	}
	s.wantFinished("good", 16)
	if r := s.record("good"); r.Attempt != 1 {
		t.Errorf("the good job took %d attempts", r.Attempt)
	}
	if marks, _ := os.ReadDir(s.path("spool", "control")); len(marks) > 0 {
		t.Errorf("markers are left: %v", marks)
	}
}

// SIGTERM lets running jobs end and claims nothing more; the next daemon goes
// on with what waits.
func TestDrainLetsJobsEnd(t *testing.T) {
	s := newSite(t)
	d := s.serve()
	s.drop("running.yaml", s.request("running", "num_inference_steps: 100"))
	s.reach("running", job.Editing)
	s.drop("waiting.yaml", s.request("waiting"))
	s.reach("waiting", job.Queued)
	d.stop()
	s.wantFinished("running", 16)
	if st, _ := s.status("waiting"); st.Status != job.Queued {
		t.Errorf("after the drain the waiting job is %s", st.Status)
	}
	s.drop("late.yaml", s.request("late"))
	s.serve()
	s.wantFinished("waiting", 16)
	s.wantFinished("late", 16)
}

// A job that does not end within the drain timeout goes back into the queue,
// without blame, and the daemon still ends with 0.
func TestDrainTimeout(t *testing.T) {
	s := newSite(t, "drain_timeout: 300ms")
	d := s.serve()
	s.drop("long.yaml", s.request("long", slow()...))
	s.reach("long", job.Editing)
	asked := time.Now()
	d.stop()
	if took := time.Since(asked); took > 8*time.Second {
		t.Errorf("the drain took %v", took)
	}
	queue := glob(s.path("spool", "spool", "queue", "*"))
	if len(queue) != 1 || !strings.Contains(queue[0], ".a0c0.") {
		t.Errorf("the queue holds %q", queue)
	}
	if st, _ := s.status("long"); st.Status != job.Queued || st.Progress < 0.5 {
		t.Errorf("after the drain the job says %s", st.JSON())
	}
	s.serve()
	s.cancel("long")
	if st := s.end("long"); st.Error == nil || !strings.HasPrefix(*st.Error, "cancelled") {
		t.Errorf("long ended as %s", st.JSON())
	}
}
