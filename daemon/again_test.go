package daemon

import (
	"errors"
	"testing"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/spool"
	"uredit/pipeline/fault"
)

func TestBackOff(t *testing.T) {
	const base = time.Minute
	for _, tt := range []struct {
		failed int
		random float64
		want   time.Duration
	}{
		{0, 0.5, time.Minute}, {1, 0.5, 2 * time.Minute}, {3, 0.5, 8 * time.Minute},
		{6, 0.5, time.Hour}, {99, 0.5, time.Hour},
		{0, 0, 48 * time.Second}, {0, 1, 72 * time.Second},
	} {
		if got := backOff(base, tt.failed, time.Hour, tt.random); got.Round(time.Second) != tt.want {
			t.Errorf("after %d failures, random %v: %v, want %v", tt.failed, tt.random, got, tt.want)
		}
	}
}

// TestVerdict: which errors end a job, and after how many tries.
func TestVerdict(t *testing.T) {
	d := &Daemon{source: &source{retry: time.Second}}
	for _, tt := range []struct {
		name  string
		e     job.Error
		tried int
		again bool
	}{
		{"the job's own", job.Error{Code: fault.NothingFound}, 0, false},
		{"one that may pass", job.Error{Code: fault.OutputUnwritable, Retryable: true}, 0, true},
		{"the third", job.Error{Code: fault.OutputUnwritable, Retryable: true}, 2, true},
		{"the fourth", job.Error{Code: fault.OutputUnwritable, Retryable: true}, 3, false},
		{"a card without room", job.Error{Code: fault.DeviceMemory}, 0, true},
		{"a card without room, again and again", job.Error{Code: fault.DeviceMemory}, 3, false},
		{"no ffmpeg", job.Error{Code: fault.ToolMissing}, 0, false},
		{"ffmpeg that was killed", job.Error{Code: fault.ToolFailed, Retryable: true}, 0, false},
		{"a full disk", job.Error{Code: job.CodeDiskFull, Retryable: true}, 0, false},
	} {
		w := &work{claim: &spool.Claim{ActiveName: spool.ActiveName{JobName: spool.JobName{Attempts: tt.tried}}}}
		end := d.verdict(w, &tt.e)
		if (end.again != "") != tt.again || (end.why == nil) != tt.again {
			t.Errorf("%s: %+v", tt.name, end)
		}
		if wait := time.Until(end.at); tt.again && (wait < 700*time.Millisecond || wait > 12*time.Minute || end.mark != spool.Tried) {
			t.Errorf("%s: again in %v, marked %v", tt.name, wait, end.mark)
		}
	}
}

// TestBreaker: three failures of a host stop it for a while, then one is enough;
// a success clears it.
func TestBreaker(t *testing.T) {
	var b breaker
	now := time.Now()
	bad := errors.New("no ffmpeg")
	for i := range breakerLimit {
		if err := b.open(now); err != nil {
			t.Fatalf("open after %d failures: %v", i, err)
		}
		b.note(bad, now)
	}
	if err := b.open(now.Add(breakerRest - 1)); !errors.Is(err, bad) {
		t.Errorf("after %d failures: %v", breakerLimit, err)
	}
	now = now.Add(breakerRest)
	if err := b.open(now); err != nil {
		t.Errorf("after its rest: %v", err)
	}
	if b.note(bad, now); b.open(now) == nil {
		t.Error("a failure after the rest does not stop it")
	}
	now = now.Add(breakerRest)
	b.note(nil, now)
	for range breakerLimit - 1 {
		b.note(bad, now)
	}
	if err := b.open(now); err != nil {
		t.Errorf("a success in between: %v", err)
	}
}

// TestTriedAgain: a job whose error may pass runs again by itself, is never said
// to have failed before its last try, and others run meanwhile.
func TestTriedAgain(t *testing.T) {
	s := newSite(t)
	s.start(t, 1, func(r *running) { r.source.retry = 20 * time.Millisecond })
	s.drop(t, "x.yaml", s.request("j", "out", "pass"))
	if st := s.finish(t, "out"); st.Status != job.Failed {
		t.Errorf("ended as %+v", st)
	}
	if n := s.attempt("out"); n != maxTries {
		t.Errorf("it was tried %d times, want %d", n, maxTries)
	}
	s.settled(t)
	failures := 0
	for _, state := range s.states(t, "out") {
		if state == job.Failed {
			failures++
		}
	}
	if failures != 1 {
		t.Errorf("told to have failed %d times: %v", failures, s.states(t, "out"))
	}
}
