package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/roots"
)

func TestEnough(t *testing.T) {
	for _, tt := range []struct {
		free, all uint64
		enough    bool
		low       bool
	}{
		{1 << 40, 1 << 41, true, false}, {600 << 20, 1 << 40, true, false},
		{500 << 20, 1 << 40, false, false}, {200 << 20, 1 << 40, false, true},
		{30 << 20, 1 << 30, true, false}, {20 << 20, 1 << 30, false, false}, {10 << 20, 1 << 30, false, true},
		{0, 1 << 30, false, true}, {0, 0, true, false},
	} {
		d := disk{free: tt.free, all: tt.all}
		if d.enough() != tt.enough || d.low() != tt.low {
			t.Errorf("%d of %d bytes free: enough %v, low %v", tt.free, tt.all, d.enough(), d.low())
		}
	}
}

// fullness makes a daemon see a disk as the test says.
func fullness(free *atomic.Uint64) func(*running) {
	return func(r *running) {
		r.roomEvery = time.Millisecond
		r.source.retry = 20 * time.Millisecond
		r.source.disk = func(*roots.Dir) (disk, error) { return disk{free: free.Load(), all: 1 << 40}, nil }
	}
}

// A running job pauses while the disk of its results is nearly full, says so,
// and goes on by itself; one that pauses can be cancelled.
func TestPausesWithoutRoom(t *testing.T) {
	s := newSite(t)
	var free atomic.Uint64
	free.Store(1 << 40)
	s.start(t, 2, fullness(&free))
	for _, id := range []string{"a", "b"} {
		s.drop(t, id+".yaml", s.request(id, id, "take 1s"))
	}
	for _, out := range []string{"a", "b"} {
		eventually(t, out+" under way", func() bool { st, _ := s.status(t, out); return st.Status == job.Editing })
	}
	free.Store(200 << 20)
	for _, out := range []string{"a", "b"} {
		eventually(t, out+" paused", func() bool {
			st, _ := s.status(t, out)
			return st.Message != nil && *st.Message == "paused: the disk of "+s.out(out)+
				" is nearly full: less than 256 MB are free; it goes on by itself when 512 MB are"
		})
	}
	mark(t, s, "b.cancel")
	if st := s.finish(t, "b"); st.Status != job.Failed {
		t.Errorf("cancelled while it paused, it ended as %+v", st)
	}
	free.Store(300 << 20) // not enough to go on
	if st, _ := s.status(t, "a"); st.Status != job.Editing {
		t.Errorf("the other is %+v", st)
	}
	free.Store(1 << 40)
	if st := s.finish(t, "a"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
	log, err := os.ReadFile(filepath.Join(s.out("a"), "a_log.txt"))
	if err != nil || !strings.Contains(string(log), job.Paused) || !strings.Contains(string(log), "there is room again") {
		t.Errorf("the log is %q, %v", log, err)
	}
}

// TestNoRoom: a job waits while the disk of its results is nearly full, and runs
// by itself when there is room.
func TestNoRoom(t *testing.T) {
	needsRoot(t)
	s := newSite(t)
	out := s.out("small")
	if err := os.Mkdir(out, 0o775); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", out, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("cannot mount here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(out, syscall.MNT_DETACH) })
	busy := make(chan string)
	d := s.start(t, 1, watched(busy))
	s.drop(t, "first.yaml", s.request("first", "first", "wait"))
	next(t, busy)
	s.drop(t, "x.yaml", s.request("j", "small", "blue"))
	s.inQueue(t, "small")
	big := filepath.Join(out, "big")
	if err := os.WriteFile(big, make([]byte, 1<<20), 0o644); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill the disk: %v", err)
	}
	mark(t, s, "first.cancel")
	eventually(t, "the trouble noted", func() bool { return d.note.troubles() > 0 })
	if err := os.Remove(big); err != nil {
		t.Fatal(err)
	}
	next(t, busy)
	if st := s.finish(t, "small"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
}
