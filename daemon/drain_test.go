package daemon

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

func TestDrainGivesJobsBack(t *testing.T) {
	s := newSite(t)
	busy := make(chan string)
	d := s.start(t, 1, watched(busy))
	s.drop(t, "x.yaml", s.request("j", "out", "wait"))
	next(t, busy)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if st, _ := s.status(t, "out"); st.Status != job.Queued || st.Progress < 0.5 {
		t.Errorf("after the drain the job is %+v", st)
	}
	queue, _ := os.ReadDir(s.path("spool", "spool", "queue"))
	if len(queue) != 1 || !strings.Contains(queue[0].Name(), ".e0002.a0c0.") {
		t.Errorf("queue %v", queue)
	}
	if work := tree(t, filepath.Join(s.out("out"), ".uredit")); !slices.Equal(work, []string{"owner"}) {
		t.Errorf("work directory %q", work)
	}
}

// A request that could not be decided about goes back into the inbox when the
// daemon stops, however often, and nothing is held against it.
func TestDrainGivesClaimsBack(t *testing.T) {
	s := newSite(t)
	away := s.path("away")
	unmounted := func(*running) {
		if err := os.Rename(s.data(), away); err != nil {
			t.Fatal(err)
		}
	}
	active := s.path("spool", "spool", "active")
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	for range spool.MaxCrashes + 1 {
		r := s.start(t, 1, unmounted)
		eventually(t, "a claim", func() bool {
			entries, _ := os.ReadDir(active)
			return len(entries) == 1
		})
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		if got := tree(t, active); len(got) > 0 {
			t.Errorf("active holds %q", got)
		}
		if got := tree(t, s.path("spool", "inbox")); !slices.Equal(got, []string{"x.yaml"}) {
			t.Errorf("the inbox holds %q", got)
		}
		if err := os.Rename(away, s.data()); err != nil {
			t.Fatal(err)
		}
	}
	s.start(t, 1)
	if st := s.finish(t, "out"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
}

// A result that was published but could not be announced is announced by the
// next attempt. In between nobody says that the job failed.
func TestAnnouncedLater(t *testing.T) {
	s := newSite(t)
	status := filepath.Join(s.out("out"), job.StatusName)
	var edits atomic.Int32
	s.start(t, 1, func(r *running) {
		r.source.retry = 20 * time.Millisecond
		r.at = func(point string) {
			switch point {
			case "edited":
				edits.Add(1)
			case "published": // job.json can be written, status.json cannot
				if err := errors.Join(os.Remove(status), os.Mkdir(status, 0o755)); err != nil {
					t.Error(err)
				}
			case "told":
				if err := os.Remove(status); err != nil {
					t.Error(err)
				}
			}
		}
	})
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	s.settled(t)
	if st, ok := s.status(t, "out"); !ok || st.Status != job.Finished {
		t.Errorf("status.json: %t, %+v", ok, st)
	}
	s.wantResult(t, "j", "out", "blue")
	s.wantDone(t, 1)
	if n := edits.Load(); n != 1 {
		t.Errorf("the job was edited %d times", n)
	}
}

// An output directory that is away for a moment when the job ends gets its last
// word all the same.
func TestInsists(t *testing.T) {
	s := newSite(t)
	r := s.start(t, 1, func(r *running) { r.pause = time.Millisecond })
	w := &work{claim: &spool.Claim{ActiveName: spool.ActiveName{JobName: spool.JobName{Job: "j"}}}}
	tries := 0
	step := func() error {
		if tries++; tries < 4 {
			return syscall.ESTALE
		}
		return nil
	}
	if err := r.insist(w, passing, step); err != nil || tries != 4 {
		t.Errorf("after %d tries: %v", tries, err)
	}
	if tries = 0; r.insist(w, func(error) bool { return false }, step) == nil || tries != 1 {
		t.Errorf("what is not worth it was tried %d times", tries)
	}
	r.pause = time.Hour
	done := make(chan error, 1)
	tries = -1
	go func() { done <- r.insist(w, passing, func() error { tries++; return syscall.ESTALE }) }()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, syscall.ESTALE) || tries != 1 && tries != 0 {
		t.Errorf("a daemon that stops tried %d times more: %v", tries, err)
	}
}

// The directories that users write in may be removed, replaced by a link, or led
// astray: the daemon makes them again or says so, and goes on when they are back.
func TestInboxRemovedAndReplaced(t *testing.T) {
	s := newSite(t)
	r := s.start(t, 1)
	s.drop(t, "first.yaml", s.request("first", "first", "blue"))
	s.finish(t, "first")
	s.settled(t)
	inbox := s.path("spool", "inbox")
	for _, dir := range []string{inbox, s.path("spool", "control")} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another "+dir, func() bool {
			info, err := os.Stat(dir)
			return err == nil && info.Mode() == fs.ModeDir|fs.ModeSetgid|fs.ModeSticky|0o775
		})
	}
	s.drop(t, "a.yaml", s.request("a", "a", "blue"))
	s.finish(t, "a")

	link := func(target string) { // the daemon may make the directory again in between
		eventually(t, "a link to "+target, func() bool {
			os.RemoveAll(inbox)
			return os.Symlink(target, inbox) == nil
		})
	}
	for _, target := range []string{"nowhere", s.data()} { // a dangling link, one that leads out of the spool
		link(target)
		eventually(t, "a trouble", func() bool { return r.note.troubles() > 0 })
		if err := os.Remove(inbox); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the end of the trouble", func() bool { return r.note.troubles() == 0 })
	}

	if err := os.Mkdir(s.path("spool", "beside"), 0o775); err != nil {
		t.Fatal(err)
	}
	link("beside") // within the spool: the administrator's word
	s.drop(t, "b.yaml", s.request("b", "b", "blue"))
	s.finish(t, "b")
}
