package daemon

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"uredit/daemon/job"
)

// One job that ends every daemon beside three good ones, on two devices: it is
// set aside, and nothing else is.
func TestPoison(t *testing.T) {
	s := newSite(t)
	cmd := s.spawn(t, "", envTwo+"=1")
	s.drop(t, "a.yaml", s.request("poison", "poison", "die", "priority: 9"))
	outs := []string{"poison"}
	for i := range 3 {
		id := fmt.Sprintf("good_%d", i)
		outs = append(outs, id)
		// Long enough to be under way when the daemon dies.
		s.drop(t, id+".yaml", s.request(id, id, "take 300ms"))
	}
	deaths := 0
	for {
		died := exited(cmd)
		over := false
		eventually(t, "the jobs' end, or the daemon's", func() bool {
			select {
			case <-died:
				return true
			default:
			}
			over = s.allOver(t, outs)
			return over
		})
		if over {
			defer func() { cmd.Process.Kill(); <-died }()
			break
		}
		if deaths++; deaths > 4 { // once among others, then three times alone
			t.Fatalf("the daemon died %d times", deaths)
		}
		cmd = s.spawn(t, "", envTwo+"=1")
	}
	for _, out := range outs {
		st, _ := s.status(t, out)
		if want := map[bool]job.State{true: job.Failed, false: job.Finished}[out == "poison"]; st.Status != want {
			t.Errorf("%s ended as %+v", out, st)
		}
	}
	s.settled(t)
	if found, _ := filepath.Glob(s.path("spool", "failed", "*")); len(found) != 1 {
		t.Errorf("failed holds %q", found)
	}
	t.Logf("set aside after %d deaths of its daemon", deaths)
}

// exited returns a channel that is closed when a process has ended.
func exited(cmd *exec.Cmd) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	return ended
}

// allOver reports whether the jobs of all output directories have ended.
func (s site) allOver(t *testing.T, outs []string) bool {
	t.Helper()
	for _, out := range outs {
		if st, ok := s.status(t, out); !ok || !st.Status.Terminal() {
			return false
		}
	}
	return true
}
