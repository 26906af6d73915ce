package daemon

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/spool"
	"uredit/daemon/watch"
)

// shortLease is a lease for tests that wait for one.
const shortLease = 2 * time.Second

// lease gives a site's spool a short lease.
func (s site) lease(t *testing.T) {
	t.Helper()
	format := spool.Format{Version: 1, ID: "0123456789abcdef", UID: os.Geteuid(), GID: os.Getegid(), Lease: shortLease}
	if err := os.MkdirAll(s.path("spool", "inbox"), 0o775); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("spool", "FORMAT"), format.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// other starts a daemon of another host.
func (s site) other(t *testing.T, kill string) *exec.Cmd {
	t.Helper()
	return s.spawn(t, kill, envHost+"="+t.TempDir())
}

// A dead host's job goes on elsewhere after a lease, and not before.
func TestAnotherHostGoesOn(t *testing.T) {
	s := newSite(t)
	s.lease(t)
	first := s.other(t, "")
	s.drop(t, "x.yaml", s.request("j", "out", "die "+s.path("died")))
	wantKilled(t, first)
	died := time.Now()
	s.start(t, 1)
	if st := s.finish(t, "out"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
	took := time.Since(died)
	if limit := shortLease + 2*shortLease/18 + 10*time.Second; took < shortLease*8/10 || took > limit {
		t.Errorf("it went on after %v, want from %v to %v", took, shortLease, limit)
	}
	t.Logf("a lease of %v: the job was finished %v after its host died", shortLease, took.Round(time.Millisecond))
	if n := s.attempt("out"); n != 2 {
		t.Errorf("attempt %d, want 2", n)
	}
	s.settled(t)
	s.wantDone(t, 1)
}

// A job that was taken over begins at once, not at the next look.
func TestTakeOverWakesTheDevices(t *testing.T) {
	s := newSite(t)
	s.lease(t)
	first := s.other(t, "")
	s.drop(t, "x.yaml", s.request("j", "out", "die "+s.path("died")))
	wantKilled(t, first)
	s.start(t, 1, seldom)
	if st := s.finish(t, "out"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
}

// seldom makes a daemon look by itself once in an hour.
func seldom(r *running) {
	dirs := []string{filepath.Join(r.cfg.Root, spool.InboxDir), filepath.Join(r.cfg.Root, spool.ControlDir)}
	r.watcher = watch.New(dirs, time.Hour, r.log)
}

// A committed result is published by another host, not made again.
func TestAnotherHostPublishes(t *testing.T) {
	s := newSite(t)
	s.lease(t)
	first := s.other(t, "committed")
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	wantKilled(t, first)
	s.start(t, 1, watched(make(chan string))) // an edit would wait for ever
	if st := s.finish(t, "out"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
	s.settled(t)
	s.wantResult(t, "j", "out", "blue")
	s.wantDone(t, 1)
}

// A committed result that somebody spoilt is not published.
func TestSpoiltCommit(t *testing.T) {
	s := newSite(t)
	s.lease(t)
	first := s.other(t, "committed")
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	wantKilled(t, first)
	results, err := filepath.Glob(filepath.Join(s.out("out"), spool.WorkDir, "*", workName, "output.mp4"))
	if err != nil || len(results) != 1 {
		t.Fatalf("committed: %q, %v", results, err)
	}
	if err := os.WriteFile(results[0], []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.start(t, 1)
	if st := s.finish(t, "out"); st.Status != job.Failed {
		t.Errorf("ended as %+v", st)
	}
	if _, err := os.Stat(filepath.Join(s.out("out"), "j_output.mp4")); err == nil {
		t.Error("a spoilt result was published")
	}
	s.settled(t)
}

// A host that stood still for too long finds its job taken, and changes nothing
// any more.
func TestHostThatWakesUp(t *testing.T) {
	s := newSite(t)
	s.lease(t)
	first := s.other(t, "")
	s.drop(t, "x.yaml", s.request("j", "out", "take 3s"))
	eventually(t, "an edit under way", func() bool {
		st, ok := s.status(t, "out")
		return ok && st.Status == job.Editing
	})
	if err := first.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.start(t, 1)
	if st := s.finish(t, "out"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
	s.settled(t)
	before := s.public(t, "out")
	if err := first.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	// It has noticed when it runs another job.
	mark(t, s, "PAUSE."+hostOfTest(t))
	for i := range 3 {
		id := fmt.Sprintf("next_%d", i)
		s.drop(t, id+".yaml", s.request(id, id, "take 100ms"))
	}
	os.Remove(s.path("spool", "control", "PAUSE."+hostOfTest(t)))
	for i := range 3 {
		s.finish(t, fmt.Sprintf("next_%d", i))
	}
	s.settled(t)
	if after := s.public(t, "out"); after != before {
		t.Errorf("the host that woke up changed something:\n%s\nwas\n%s", after, before)
	}
}

func hostOfTest(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return spool.HostName(name)
}

// public describes what users see in an output directory.
func (s site) public(t *testing.T, out string) string {
	t.Helper()
	var b bytes.Buffer
	for _, name := range tree(t, s.out(out)) {
		info, err := os.Stat(filepath.Join(s.out(out), name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, name, info.Size(), info.ModTime().UnixNano())
	}
	return b.String()
}

// A host whose heartbeat does not get through stops its work, and goes on when
// it does.
func TestSilentHostStops(t *testing.T) {
	s := newSite(t)
	s.lease(t)
	busy := make(chan string)
	d := s.start(t, 1, watched(busy))
	s.drop(t, "x.yaml", s.request("j", "out", "wait"))
	next(t, busy)
	// The directory of heartbeats is another one: a write fails.
	hosts := s.path("spool", "spool", "hosts")
	if err := os.Rename(hosts, hosts+".away"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the job given back", func() bool {
		st, _ := s.status(t, "out")
		return st.Status == job.Queued && d.spool.Fenced()
	})
	if err := os.Rename(hosts+".away", hosts); err != nil {
		t.Fatal(err)
	}
	next(t, busy)
	mark(t, s, "j.cancel")
	s.finish(t, "out")
	s.settled(t)
}
