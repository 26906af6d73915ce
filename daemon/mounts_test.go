package daemon

import (
	"os"
	"strings"
	"testing"

	"uredit/daemon/job"
	"uredit/daemon/roots"
)

// unmount leaves the empty directory beneath a mount; mount brings the share
// back.
func (s site) unmount(t *testing.T) (mount func()) {
	t.Helper()
	away := s.path("away")
	if err := os.Rename(s.data(), away); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.data(), 0o775); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if got := tree(t, s.data()); len(got) > 0 {
			t.Errorf("beneath the mount lies %q", got)
		}
		if err := os.Remove(s.data()); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(away, s.data()); err != nil {
			t.Fatal(err)
		}
	}
}

// A root whose share is not mounted is an empty directory. Requests wait in the
// inbox for it, jobs in the queue, and nothing is written beneath the mount.
func TestUnmountedRoot(t *testing.T) {
	s := newSite(t)
	first := s.start(t, 1)
	s.drop(t, "x.yaml", s.request("x", "x", "blue"))
	s.finish(t, "x")
	s.settled(t)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	id, err := os.ReadFile(s.path("data", roots.IDName))
	if err != nil {
		t.Fatal(err)
	}
	format, err := os.ReadFile(s.path("spool", "FORMAT"))
	if err != nil || !strings.Contains(string(format), "root "+strings.TrimSpace(string(id))+" "+s.data()+"\n") {
		t.Errorf("the root's id is %q, FORMAT says\n%s", id, format)
	}

	d := decided(t, s)
	mount := s.unmount(t)
	for range 3 {
		if w, _, ok, err := d.source.Take(t.Context(), true); ok || err != nil {
			t.Fatalf("took %+v, %v", w, err)
		}
	}
	s.drop(t, "y.yaml", s.request("y", "y", "blue"))
	s.drop(t, "bad.yaml", "job_id: [\n...\n") // needs no root to be rejected
	if _, err := d.look(); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, s.path("spool", "inbox")); len(got) != 1 || got[0] != "y.yaml" {
		t.Errorf("the inbox holds %q", got)
	}
	if got := tree(t, s.path("spool", "spool", "active")); len(got) > 0 {
		t.Errorf("active holds %q", got)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	mount()
	s.start(t, 1)
	for _, out := range []string{"out", "y"} {
		if st := s.finish(t, out); st.Status != job.Finished {
			t.Errorf("%s ended as %+v", out, st)
		}
	}
}

// A root in memory is another one after each reboot: it gets no id, and takes
// jobs as before.
func TestRootInMemory(t *testing.T) {
	s := newSite(t)
	inMemory := func(r *running) { r.inMemory = func(dir string) bool { return dir == s.data() } }
	first := s.start(t, 1, inMemory)
	s.drop(t, "x.yaml", s.request("x", "x", "blue"))
	s.finish(t, "x")
	s.settled(t)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(s.path("data", roots.IDName)); err == nil {
		t.Error("the root got an id")
	}
	if err := os.RemoveAll(s.data()); err != nil {
		t.Fatal(err)
	}
	s.make(t)
	s.start(t, 1, inMemory)
	s.drop(t, "y.yaml", s.request("y", "y", "blue"))
	if st := s.finish(t, "y"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
}

// A rejected request gives a root no id.
func TestRejectionIdentifiesNothing(t *testing.T) {
	s := newSite(t)
	d, err := New(Options{Config: s.config(), Engines: []Engine{&scripted{device: "cpu"}}, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	s.drop(t, "x.yaml", strings.Replace(s.request("x", "x", "blue"), "in.mp4", "none.mp4", 1))
	if _, err := d.look(); err != nil {
		t.Fatal(err)
	}
	s.settled(t)
	if _, err := os.Lstat(s.path("data", roots.IDName)); err == nil {
		t.Error("a rejection identified the root")
	}
}
