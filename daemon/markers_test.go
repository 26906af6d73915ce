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

// A claim that cannot be decided about is cancelled by its job_id, or by the
// spool's name of it.
func TestCancelAClaim(t *testing.T) {
	for _, byToken := range []bool{false, true} {
		s := newSite(t)
		d, err := New(Options{Config: s.config(), Engines: []Engine{&scripted{device: "cpu"}}, Log: testLog(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		if err := os.Rename(s.data(), s.path("away")); err != nil {
			t.Fatal(err)
		}
		s.drop(t, "x.yaml", s.request("stuck", "out", "blue"))
		if _, err := d.look(); err != nil || len(d.claims) != 1 {
			t.Fatalf("%d claims, %v", len(d.claims), err)
		}
		subject := "stuck"
		if byToken {
			subject = d.claims[0].Job
		}
		mark(t, s, subject+".cancel")
		if _, err := d.look(); err != nil || len(d.claims) != 0 {
			t.Errorf("%d claims are left, %v", len(d.claims), err)
		}
		s.settled(t)
		reasons, _ := filepath.Glob(s.path("spool", "rejected", "*-x", "reason.txt"))
		if len(reasons) != 1 {
			t.Fatalf("rejected holds %q", reasons)
		}
		if data, err := os.ReadFile(reasons[0]); err != nil || !strings.HasPrefix(string(data), "cancelled by ") {
			t.Errorf("the reason is %q, %v", data, err)
		}
		if left := tree(t, s.path("spool", "control")); len(left) > 0 {
			t.Errorf("the marker is left: %q", left)
		}
	}
}

// A marker that is older than the job was meant for an earlier one of the name.
func TestAnOldMarkerIsNoWish(t *testing.T) {
	s := newSite(t)
	busy := make(chan string)
	d := s.start(t, 1, watched(busy))
	s.drop(t, "x.yaml", s.request("j", "out", "wait"))
	next(t, busy)
	tmp, marker := s.path("spool", "control", ".j"), s.path("spool", "control", "j.cancel")
	if err := os.WriteFile(tmp, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(tmp, old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, marker); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the marker gone", func() bool { _, err := os.Stat(marker); return os.IsNotExist(err) })
	// The first cause is the one that a job tells.
	d.dispatcher.Cancel(func(*work) bool { return true }, &cancelledError{by: "the test"})
	if st := s.finish(t, "out"); st.Error == nil || *st.Error != "cancelled by the test" {
		t.Errorf("ended as %+v", st)
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
