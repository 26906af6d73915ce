package daemon

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// chaosHost is one host: a directory of its own, and at times a process.
type chaosHost struct {
	name  string
	dir   string // its own disk
	log   string
	mount string    // what it mounts over the site, or ""
	boot  string    // a file in the place of its kernel's boot id, or ""
	cmd   *exec.Cmd // nil while it is down
	until time.Time // when it comes back, or goes on
	calm  time.Time // since when it is neither killed nor stopped
	stood bool      // it stands still
}

// start starts a host's daemon.
func (c *chaos) start(h *chaosHost) {
	c.t.Helper()
	log, err := os.OpenFile(h.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	h.cmd = exec.Command(os.Args[0])
	h.cmd.Env = append(os.Environ(), envDaemon+"="+c.site.dir, envHost+"="+h.dir, envMutant+"="+c.mutant, envMount+"="+h.mount, envBoot+"="+h.boot, envCache+"=1", envCalls+"="+h.calls())
	h.cmd.Stderr = log
	if h.mount != "" || h.boot != "" {
		h.cmd.SysProcAttr = ownMounts()
	}
	if err := h.cmd.Start(); err != nil {
		h.cmd = nil
		c.t.Fatal(err)
	}
	h.calm = time.Now()
}

// ownMounts lets a process mount what others do not see.
func ownMounts() *syscall.SysProcAttr { return &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS} }

// needOwnMounts skips a test where ownMounts is not allowed, or where the root of
// the files is no mount, as in a chroot.
func needOwnMounts(t *testing.T) {
	t.Helper()
	probe := exec.Command("true")
	probe.SysProcAttr = ownMounts()
	if err := probe.Run(); err != nil {
		t.Skipf("a process cannot have mounts of its own here: %v", err)
	}
}

// end ends the hosts, and shows their logs when the test failed.
func (c *chaos) end() {
	for _, h := range c.hosts {
		c.kill(h)
		if !c.t.Failed() || c.mutant != "" {
			continue
		}
		log, err := os.ReadFile(h.log)
		c.t.Logf("%s, %v:\n%s", h.name, err, log[max(0, len(log)-8000):])
	}
}

func (c *chaos) kill(h *chaosHost) {
	if h.cmd != nil {
		h.cmd.Process.Kill()
		h.cmd.Wait() // it was killed: the error says so
		h.cmd, h.stood = nil, false
	}
}

// tidyUp starts everybody anew, who then tidies up what was left after the records
// by those that were killed, or whose answers were lost. The answers may get lost
// again.
func (c *chaos) tidyUp() {
	for range 3 {
		for _, h := range c.hosts {
			c.kill(h)
		}
		c.revive(true)
		for range 100 {
			<-time.After(100 * time.Millisecond)
			if c.seen.tidy() {
				return
			}
		}
	}
}

// signal sends one to a host that runs.
func (h *chaosHost) signal(s syscall.Signal) {
	if h.cmd != nil {
		h.cmd.Process.Signal(s)
	}
}

// wantStopped waits until no thread of a process that got SIGSTOP does anything
// any more: one may still wait for a file server, which changes something.
func wantStopped(t *testing.T, pid int) {
	t.Helper()
	eventually(t, "a process that stands still", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range threads {
			stat, err := os.ReadFile(file)
			if err != nil {
				continue // it ended
			}
			_, rest, _ := strings.Cut(string(stat), ") ")
			if rest != "" && !strings.ContainsAny(rest[:1], "TtZX") {
				return false
			}
		}
		return true
	})
}
