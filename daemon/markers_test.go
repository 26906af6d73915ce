package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uredit/daemon/job"
)

func mark(t *testing.T, s site, name string) {
	t.Helper()
	if err := os.WriteFile(s.path("spool", "control", name), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCancel(t *testing.T) {
	s := newSite(t)
	busy := make(chan string)
	s.start(t, 1, watched(busy))
	s.drop(t, "a.yaml", s.request("running", "a", "wait"))
	next(t, busy)
	s.drop(t, "b.yaml", s.request("waiting", "b", "wait"))
	eventually(t, "the second in the queue", func() bool {
		st, ok := s.status(t, "b")
		return ok && st.Status == job.Queued
	})
	mark(t, s, "unknown.cancel")
	mark(t, s, "waiting.cancel")
	mark(t, s, "running.cancel")
	for _, out := range []string{"a", "b"} {
		st := s.finish(t, out)
		if st.Status != job.Failed || st.Error == nil || !strings.HasPrefix(*st.Error, "cancelled by ") {
			t.Errorf("%s ended as %+v", out, st)
		}
	}
	s.settled(t)
	eventually(t, "no markers", func() bool {
		left, _ := os.ReadDir(s.path("spool", "control"))
		return len(left) == 0
	})
	if failed, _ := filepath.Glob(s.path("spool", "failed", "*", "reason.json")); len(failed) != 2 {
		t.Errorf("%d jobs in failed, want 2", len(failed))
	}
}

func TestAnOldMarkerIsNoWish(t *testing.T) {
	s := newSite(t)
	control := s.path("spool", "control")
	os.MkdirAll(control, 0o775)
	file := filepath.Join(control, "j.cancel")
	os.WriteFile(file, nil, 0o644)
	old := time.Now().Add(-time.Hour)
	os.Chtimes(file, old, old)
	s.start(t, 1)
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	if st := s.finish(t, "out"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the marker is still there")
	}
}

func TestPause(t *testing.T) {
	s := newSite(t)
	pause := s.path("spool", "control", "PAUSE")
	os.MkdirAll(filepath.Dir(pause), 0o775)
	os.WriteFile(pause, nil, 0o644)
	d := s.start(t, 1)
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	eventually(t, "a look", func() bool { d.source.mu.Lock(); defer d.source.mu.Unlock(); return d.source.paused })
	if entries, _ := os.ReadDir(s.path("spool", "inbox")); len(entries) != 1 {
		t.Errorf("claimed while paused: %v", entries)
	}
	os.Remove(pause)
	if st := s.finish(t, "out"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
}
