package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"uredit/daemon/job"
)

var (
	kills = flag.Int("kills", 6, "how often TestKilledAnywhere kills the daemon")
	seed  = flag.Uint64("seed", 0, "of the moments at which it does; 0 takes another each time")
)

// A daemon that is killed at any moment of a job takes it up again: the job
// finishes, with one result and no stray file. Each job dies twice; the third
// time would set it aside.
func TestKilledAnywhere(t *testing.T) {
	s := newSite(t)
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	random := rand.New(rand.NewPCG(*seed, 0))
	t.Logf("-seed=%d", *seed)

	d := s.serve()
	begun := time.Now()
	s.drop("measure.yaml", s.request("measure"))
	s.wantFinished("measure", 16)
	whole := time.Since(begun)
	s.settled()
	d.stop()
	clean := s.standing()

	for n := 0; n < *kills; n += 2 {
		id := fmt.Sprintf("job_%d", n/2)
		d := s.serve()
		s.drop(id+".yaml", s.request(id))
		states := ""
		for range 2 {
			<-time.After(time.Duration(random.Int64N(int64(whole))))
			d.kill()
			st, _ := s.status(id)
			states += " " + string(st.Status)
			d = s.serve()
		}
		s.wantFinished(id, 16)
		t.Logf("%s was killed at:%s", id, states)
		s.settled()
		d.stop()
		if got := s.standing(); !slices.Equal(got, clean) {
			t.Errorf("after %s:\n%q\nbefore:\n%q", id, got, clean)
		}
		if done := glob(s.path("spool", "done", "*", "*")); len(done) != n/2+2 {
			t.Errorf("after %s, %q are done", id, done)
		}
	}
}

// standing lists what is there between jobs: the spool without the ended jobs,
// and the runtime directory.
func (s *site) standing() []string {
	list := append(names(s.t, s.path("spool")), names(s.t, s.path("run"))...)
	return slices.DeleteFunc(list, func(name string) bool {
		return strings.HasPrefix(name, "done/") || filepath.Ext(name) == ".hb"
	})
}

// The third death of one job sets it aside; the next job finishes.
func TestThirdDeathSetsAside(t *testing.T) {
	s := newSite(t)
	d := s.serve()
	s.drop("poison.yaml", s.request("poison", slow()...))
	for n := range 3 {
		// Each attempt says that it began; only then is a death its own.
		eventually(t, "attempt under way", func() bool {
			data, err := os.ReadFile(filepath.Join(s.out("poison"), job.RecordName))
			if err != nil {
				return false
			}
			r, err := job.ParseRecord(data)
			return err == nil && r.Attempt == n+1 && r.Status.Status == job.Editing
		})
		d.kill()
		d = s.serve()
	}
	st := s.end("poison")
	if st.Status != job.Failed || st.Error == nil {
		t.Fatalf("ended as %s", st.JSON())
	}
	if st.Progress < 0.5 {
		t.Errorf("progress fell to %v", st.Progress)
	}
	r := s.record("poison")
	if r.Failure == nil || r.Failure.Code != job.CodeCrashed || r.Failure.Hint == "" {
		t.Errorf("job.json has the error %+v", r.Failure)
	}
	s.settled()
	if left := glob(s.path("data", "poison", "*.mp4")); len(left) > 1 || len(glob(s.path("data", "poison", ".uredit"))) > 0 {
		t.Errorf("output_dir holds %q", names(t, s.out("poison")))
	}
	s.drop("good.yaml", s.request("good"))
	s.wantFinished("good", 16)
}

// When only the daemon dies, and not its group, the programs that it started
// end by themselves: what they read from or write to is gone.
func TestFFmpegDiesWithTheDaemon(t *testing.T) {
	s := newSite(t)
	d := s.serve()
	s.drop("x.yaml", s.request("orphans", slow()...))
	s.reach("orphans", job.Editing)
	var pids []int
	eventually(t, "ffmpeg at work", func() bool {
		pids = children(t, d.cmd.Process.Pid, "ffmpeg")
		return len(pids) >= 2 // one decodes, one encodes
	})
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.done
	for _, pid := range pids {
		eventually(t, fmt.Sprintf("the end of ffmpeg %d", pid), func() bool { return !running(pid, "ffmpeg") })
	}
	t.Cleanup(func() {
		for _, pid := range pids {
			if running(pid, "ffmpeg") {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
}
