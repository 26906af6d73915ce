package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"uredit/daemon/job"
)

func TestEnough(t *testing.T) {
	for _, tt := range []struct {
		free, all uint64
		want      bool
	}{
		{1 << 40, 1 << 41, true}, {600 << 20, 1 << 40, true}, {500 << 20, 1 << 40, false},
		{30 << 20, 1 << 30, true}, {20 << 20, 1 << 30, false}, {0, 1 << 30, false}, {0, 0, true},
	} {
		if got := enough(tt.free, tt.all); got != tt.want {
			t.Errorf("%d of %d bytes free: %v", tt.free, tt.all, got)
		}
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
