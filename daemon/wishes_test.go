package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// inQueue waits for a job that is accepted and waits.
func (s site) inQueue(t *testing.T, out string) {
	t.Helper()
	eventually(t, out+" in the queue", func() bool {
		st, ok := s.status(t, out)
		return ok && st.Status == job.Queued && len(tree(t, s.path("spool", "spool", "queue"))) > 0
	})
}

func (s site) noMarkers(t *testing.T) {
	t.Helper()
	eventually(t, "no markers", func() bool { return len(tree(t, s.path("spool", "control"))) == 0 })
}

// TestHoldAndRelease: a job on hold stays while others run, and runs when it is
// released; one that is cancelled on hold ends.
func TestHoldAndRelease(t *testing.T) {
	s := newSite(t)
	busy := make(chan string)
	s.start(t, 1, watched(busy))
	s.drop(t, "a.yaml", s.request("first", "a", "take 1ms"))
	for _, id := range []string{"kept", "dropped"} {
		s.drop(t, id+".yaml", s.request(id, id, "blue"))
		s.inQueue(t, id)
		mark(t, s, id+".hold")
	}
	s.noMarkers(t)
	if held := tree(t, s.path("spool", "spool", "held")); len(held) != 2 {
		t.Fatalf("on hold: %q", held)
	}
	next(t, busy)
	s.finish(t, "a")
	s.drop(t, "b.yaml", s.request("later", "b", "take 1ms"))
	if got := next(t, busy); got != "take 1ms" {
		t.Errorf("%q ran", got)
	}
	s.finish(t, "b")
	mark(t, s, "dropped.cancel")
	if st := s.finish(t, "dropped"); st.Status != job.Failed {
		t.Errorf("cancelled on hold, it ended as %+v", st)
	}
	mark(t, s, "kept.release")
	next(t, busy)
	if st := s.finish(t, "kept"); st.Status != job.Finished {
		t.Errorf("released, it ended as %+v", st)
	}
	s.settled(t)
	s.noMarkers(t)
}

// TestPriorityMarker: a waiting job gets another place, which it keeps when it
// comes back into the queue.
func TestPriorityMarker(t *testing.T) {
	s := newSite(t)
	busy := make(chan string)
	d := s.start(t, 1, watched(busy))
	s.drop(t, "a.yaml", s.request("first", "a", "wait"))
	next(t, busy)
	s.drop(t, "b.yaml", s.request("second", "b", "wait second"))
	s.inQueue(t, "b")
	s.drop(t, "c.yaml", s.request("third", "c", "wait third"))
	eventually(t, "two in the queue", func() bool { return len(tree(t, s.path("spool", "spool", "queue"))) == 2 })
	mark(t, s, "third.prio-9")
	s.noMarkers(t)
	mark(t, s, "first.cancel")
	if got := next(t, busy); got != "wait third" {
		t.Errorf("next ran %q", got)
	}
	d.dispatcher.Cancel(func(*work) bool { return true }, errDrained)
	if got := next(t, busy); got != "wait third" {
		t.Errorf("after the drain ran %q", got)
	}
	for _, id := range []string{"second", "third"} {
		mark(t, s, id+".cancel")
	}
	s.finish(t, "b")
	s.finish(t, "c")
	s.settled(t)
}

// TestRetryMarker: a job that failed runs once more, as a job of its own.
func TestRetryMarker(t *testing.T) {
	s := newSite(t)
	s.start(t, 1)
	s.drop(t, "a.yaml", s.request("k", "out", "fault edit_failed"))
	if st := s.finish(t, "out"); st.Status != job.Failed {
		t.Fatalf("ended as %+v", st)
	}
	s.settled(t)
	mark(t, s, "k.retry")
	mark(t, s, "unknown.retry")
	s.noMarkers(t)
	eventually(t, "two records", func() bool {
		dirs, _ := filepath.Glob(s.path("spool", "failed", "*", "reason.json"))
		return len(dirs) == 2
	})
	s.settled(t)
}

// TestCancelUnclaimed: a request that nobody claims is cancelled all the same.
func TestCancelUnclaimed(t *testing.T) {
	s := newSite(t)
	os.MkdirAll(s.path("spool", "control"), 0o775)
	mark(t, s, "PAUSE")
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	mark(t, s, "j.cancel")
	s.start(t, 1)
	eventually(t, "a rejection", func() bool {
		texts, _ := filepath.Glob(s.path("spool", "rejected", "*", "reason.txt"))
		if len(texts) == 0 {
			return false
		}
		data, err := os.ReadFile(texts[0])
		return err == nil && strings.HasPrefix(string(data), "cancelled by ")
	})
	eventually(t, "the marker gone", func() bool { return len(tree(t, s.path("spool", "control"))) == 1 })
}

// TestPauseOfOneHost: the marker names a host; others go on.
func TestPauseOfOneHost(t *testing.T) {
	s := newSite(t)
	d := s.start(t, 1)
	mark(t, s, "PAUSE.another-host")
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	s.finish(t, "out")
	mark(t, s, "PAUSE."+d.spool.Instance().Host)
	eventually(t, "the pause", func() bool { return d.source.stopped() })
	s.drop(t, "y.yaml", s.request("k", "out2", "blue"))
	os.Remove(s.path("spool", "control", "PAUSE."+d.spool.Instance().Host))
	s.finish(t, "out2")
}

// TestDrain: what runs on a drained host waits again when its time is over.
func TestDrain(t *testing.T) {
	s := newSite(t)
	busy := make(chan string)
	d := s.start(t, 1, watched(busy))
	s.drop(t, "x.yaml", s.request("j", "out", "wait"))
	next(t, busy)
	mark(t, s, "DRAIN."+d.spool.Instance().Host)
	s.inQueue(t, "out")
	if n := s.attempt("out"); n != 2 {
		t.Errorf("attempt %d is announced", n)
	}
	os.Remove(s.path("spool", "control", "DRAIN."+d.spool.Instance().Host))
	next(t, busy)
	mark(t, s, "j.cancel")
	s.finish(t, "out")
	s.settled(t)
}

// TestTurns: who is next.
func TestTurns(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	entry := func(j string, rank int, age time.Duration) spool.QueueName {
		return spool.QueueName{JobName: spool.JobName{Job: j, Epoch: 1}, Rank: rank, Enqueued: now.Add(-age)}
	}
	users := map[string]int{"a1": 1, "a2": 1, "a3": 1, "b1": 2, "b2": 2}
	tests := []struct {
		name  string
		queue []spool.QueueName
		want  string
	}{
		{"by age", []spool.QueueName{entry("a2", 4, 1), entry("a1", 4, 2), entry("a3", 4, 0)}, "a1 a2 a3"},
		{"by rank", []spool.QueueName{entry("a1", 4, 2), entry("a2", 0, 1)}, "a2 a1"},
		{"users take turns", []spool.QueueName{entry("a1", 4, 9), entry("a2", 4, 8), entry("a3", 4, 7), entry("b1", 4, 1), entry("b2", 4, 0)}, "a1 b1 a2 b2 a3"},
		{"an hour is a rank", []spool.QueueName{entry("a1", 3, 0), entry("b1", 5, 2*time.Hour)}, "b1 a1"},
		{"a long wait is as good as the best rank", []spool.QueueName{entry("a1", 0, time.Hour), entry("a2", 9, 20*time.Hour)}, "a2 a1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			turns, asked := newTurns(), 0
			var order []string
			submitter := func(q spool.QueueName) (int, error) { asked++; return users[q.Job], nil }
			turns.set(tt.queue, submitter)
			for range tt.queue {
				for q := range turns.all(now) {
					order = append(order, q.Job)
					turns.took(q)
					break
				}
			}
			if got := strings.Join(order, " "); got != tt.want {
				t.Errorf("order %s, want %s", got, tt.want)
			}
			if asked != len(tt.queue) {
				t.Errorf("looked for %d submitters of %d jobs", asked, len(tt.queue))
			}
		})
	}
}
