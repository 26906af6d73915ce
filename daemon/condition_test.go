package daemon

import (
	"sync"
	"testing"
	"time"
)

// The observer hears of the job that runs, of the one that waits, of the drain,
// and a reload reaches the loop.
func TestConditionAndReload(t *testing.T) {
	s := newSite(t)
	busy := make(chan string)
	var mu sync.Mutex
	var last Condition
	seen := func() Condition {
		mu.Lock()
		defer mu.Unlock()
		return last
	}
	r := s.start(t, 1, watched(busy), func(r *running) {
		r.observe = func(c Condition) {
			mu.Lock()
			defer mu.Unlock()
			last = c
		}
	})
	s.drop(t, "a.yaml", s.request("a", "a", "wait"))
	<-busy
	s.drop(t, "b.yaml", s.request("b", "b", "blue"))
	eventually(t, "one busy, one queued", func() bool {
		c := seen()
		waits := time.Since(c.Oldest)
		c.Oldest = time.Time{}
		return c == Condition{Devices: 1, Busy: 1, Queued: 1} && waits >= -time.Second && waits < time.Hour
	})
	if got, want := seen().String(), "1 of 1 devices busy, 1 queued"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	c := s.config()
	c.DrainTimeout = time.Millisecond
	r.Reload(c)
	eventually(t, "the new drain timeout", func() bool { return seen().Grace == time.Millisecond })
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if !seen().Draining {
		t.Error("nobody was told of the drain")
	}
	r.Reload(c) // returns though nobody runs
}
