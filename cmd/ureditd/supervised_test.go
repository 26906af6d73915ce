package main

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"uredit/daemon/job"
)

// What systemd hears of a real daemon from its start to its end, and the watchdog
// of two seconds that is fed meanwhile.
func TestSupervisedProcess(t *testing.T) {
	s := newSite(t)
	systemd := newSupervisor(t)
	d := s.serve(func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+systemd.name, "WATCHDOG_USEC=2000000")
	})
	for _, want := range []string{
		"STATUS=looking at the host", "STATUS=verifying the models", "STATUS=opening the devices", "STATUS=opening the spool",
	} {
		if got := systemd.want("STATUS="); !strings.HasSuffix(got, want) || !strings.HasPrefix(got, "EXTEND_TIMEOUT_USEC=") {
			t.Errorf("during the start systemd was told %q, want %q", got, want)
		}
	}
	if got := systemd.want("READY=1"); !strings.HasSuffix(got, "STATUS=0 of 1 devices busy, 0 queued") {
		t.Errorf("told %q", got)
	}
	systemd.want("WATCHDOG=1")
	s.drop("long.yaml", s.request("long", "num_inference_steps: 100"))
	s.reach("long", job.Editing)
	systemd.want("STATUS=1 of 1 devices busy, 0 queued")
	if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	systemd.want("RELOADING=1\nMONOTONIC_USEC=")
	systemd.want("READY=1")
	d.stop()
	if got := systemd.want("STOPPING=1"); !strings.Contains(got, "STATUS=stopping: 1 running jobs have") {
		t.Errorf("told %q", got)
	}
	s.wantFinished("long", 16)
}

// A daemon that cannot start says why where systemctl status shows it.
func TestSupervisedFailure(t *testing.T) {
	s := newSite(t, "ort_library: /nowhere.so")
	systemd := newSupervisor(t)
	d := s.start(func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+systemd.name) })
	<-d.done
	if got := systemd.want("STATUS=ended: "); !strings.Contains(got, "/nowhere.so") {
		t.Errorf("told %q", got)
	}
}
