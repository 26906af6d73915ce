package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"uredit/daemon/config"
	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// message returns what status.json says of a job that is queued.
func (s site) message(t *testing.T, out string) string {
	t.Helper()
	st, ok := s.status(t, out)
	if !ok || st.Status != job.Queued || st.Message == nil {
		return ""
	}
	return *st.Message
}

// remark returns what a daemon's heartbeat says that does not work.
func (s site) remark(t *testing.T, d *running) string {
	t.Helper()
	name := d.spool.Instance().String() + ".hb"
	data, err := os.ReadFile(s.path("spool", spool.HostsDir, name))
	if err != nil {
		t.Fatal(err)
	}
	_, b, err := spool.ParseHeartbeat(name, data)
	if err != nil {
		return "" // being written
	}
	return b.Remark
}

// A job that waits for room says so in status.json, once, and keeps its place and
// its attempt.
func TestTellsOfAFullDisk(t *testing.T) {
	s := newSite(t)
	s.lease(t)
	var free atomic.Uint64
	d := s.start(t, 1, fullness(&free))
	s.drop(t, "x.yaml", s.request("j", "out", "blue"))
	want := job.CannotBegin + d.spool.Instance().Host + ": the disk of " + s.out("out") + " is nearly full: less than 512 MB are free"
	eventually(t, "the reason in status.json", func() bool { return s.message(t, "out") == want })
	eventually(t, "the host's remark", func() bool { return strings.Contains(s.remark(t, d), "nearly full") })
	log := filepath.Join(s.out("out"), "j_log.txt")
	for range 3 { // looks
		mark(t, s, "PAUSE")
		eventually(t, "a pause", func() bool { return d.source.stopped() })
		os.Remove(s.path("spool", "control", "PAUSE"))
		eventually(t, "its end", func() bool { return !d.source.stopped() })
	}
	if data, err := os.ReadFile(log); err != nil || strings.Count(string(data), "nearly full") != 1 {
		t.Errorf("the log is %q, %v", data, err)
	}
	free.Store(1 << 40)
	if st := s.finish(t, "out"); st.Status != job.Finished {
		t.Errorf("ended as %+v", st)
	}
	eventually(t, "nothing to remark", func() bool { return s.remark(t, d) == "" })
	if n := s.attempt("out"); n != 1 {
		t.Errorf("attempt %d", n)
	}
	s.settled(t)
}

// A job whose input lies on a share that is not mounted says so where its results
// go; one whose output_dir is away leaves that to the host's remark.
func TestTellsOfAMissingRoot(t *testing.T) {
	s := newSite(t)
	if err := os.Mkdir(s.path("videos"), 0o775); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.path("data", "in.mp4"), s.path("videos", "in.mp4")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ away, told string }{
		{"videos", "root " + s.path("videos") + " is another directory than before"},
		{"data", ""},
	} {
		d := s.idle(t, func(c *config.Config) { c.Roots = append(c.Roots, s.path("videos")) })
		d.inMemory = func(string) bool { return false }
		id := "of_" + tt.away
		s.drop(t, id+".yaml", strings.Replace(s.request(id, id, "blue"), s.path("data", "in.mp4"), s.path("videos", "in.mp4"), 1))
		if _, err := d.look(); err != nil {
			t.Fatal(err)
		}
		if got := s.message(t, id); got != "waiting for a device" {
			t.Fatalf("queued with %q", got)
		}
		if err := os.Rename(s.path(tt.away), s.path("away")); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(s.path(tt.away), 0o775); err != nil {
			t.Fatal(err)
		}
		if w, _, ok, err := d.source.Take(t.Context(), true); ok || err != nil {
			t.Fatalf("took %+v, %v", w, err)
		}
		if _, err := d.look(); err != nil {
			t.Fatal(err)
		}
		if got := s.message(t, id); tt.told != "" && !strings.Contains(got, tt.told) {
			t.Errorf("status.json says %q", got)
		}
		if got := tree(t, s.path(tt.away)); len(got) > 0 {
			t.Errorf("beneath the mount lies %q", got)
		}
		if got := d.note.worst(); !strings.Contains(got, "root "+s.path(tt.away)) {
			t.Errorf("the host's remark is %q", got)
		}
		if queue, err := d.spool.Queue(); err != nil || len(queue) == 0 {
			t.Errorf("the queue holds %v, %v", queue, err)
		}
		os.Remove(s.path(tt.away))
		if err := os.Rename(s.path("away"), s.path(tt.away)); err != nil {
			t.Fatal(err)
		}
		d.Close()
	}
}
