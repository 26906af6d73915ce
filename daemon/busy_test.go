package daemon

import (
	"io/fs"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/roots"
)

// TestBusyAttempt: an attempt's directory that a file server says is busy, as NFS
// does while a client holds a removed file in it open, is no fault of the job: it
// waits, and ends well.
func TestBusyAttempt(t *testing.T) {
	s := newSite(t)
	var asked atomic.Int32
	s.start(t, 1, func(r *running) {
		r.source.retry = 10 * time.Millisecond
		clear := r.clear
		r.clear = func(out *roots.Dir, j string, below int) error {
			if below != allEpochs && asked.Add(1) == 1 {
				return &fs.PathError{Op: "unlinkat", Path: j, Err: syscall.EBUSY}
			}
			return clear(out, j, below)
		}
	})
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	if st := s.finish(t, "out"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
	if asked.Load() < 2 {
		t.Errorf("cleared %d times, want one more after the one that was busy", asked.Load())
	}
	s.settled(t)
	s.wantResult(t, "j", "out", "blue")
}
