package daemon

import (
	"os"
	"testing"
	"time"
)

// decided returns a daemon that does not run, with one job in its queue.
func decided(t *testing.T, s site) *Daemon {
	t.Helper()
	d, err := New(Options{Config: s.config(), Engines: []Engine{&scripted{device: "cpu"}}, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	d.source.age = 0
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	if _, err := d.look(); err != nil {
		t.Fatal(err)
	}
	if queue, err := d.spool.Queue(); err != nil || len(queue) != 1 {
		t.Fatalf("the queue holds %v, %v", queue, err)
	}
	return d
}

// A job waits for a share that is away at no cost, however long it takes.
func TestWaitingCostsNoEpoch(t *testing.T) {
	s := newSite(t)
	d := decided(t, s)
	if err := os.Rename(s.data(), s.path("away")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if w, _, ok, err := d.source.Take(t.Context(), true); ok || err != nil {
			t.Fatalf("took %+v, %v", w, err)
		}
	}
	if wait := d.source.again(time.Hour); wait > d.source.retry {
		t.Errorf("the queue is looked at again in %v", wait)
	}
	if err := os.Rename(s.path("away"), s.data()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the job taken", func() bool {
		w, _, ok, err := d.source.Take(t.Context(), true)
		if err != nil || ok && w.claim.Epoch != 2 {
			t.Fatalf("took %+v, %v", w, err)
		}
		return ok
	})
}

// Each delay of one job is longer than the last, up to a limit.
func TestPostpone(t *testing.T) {
	s := &source{retry: time.Second, delays: map[string]delay{}}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 20, 20} {
		s.postpone("j")
		if got := s.delays["j"].wait; got != want*time.Second {
			t.Errorf("waits %v, want %v", got, want*time.Second)
		}
	}
}
