package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is a running ureditd serve.
type server struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *output
	done chan struct{} // closed when the process is gone
	err  error         // how it ended
}

// command is ureditd with arguments, in a process group of its own and without
// the settings of whoever runs the tests.
func command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "INSTRUCT_PIX2PIX_MODEL_PATH", "SAM3_MODEL_PATH":
		default:
			if !strings.HasPrefix(name, "UREDIT_") {
				cmd.Env = append(cmd.Env, v)
			}
		}
	}
	cmd.Env = append(cmd.Env, envCommand+"=ureditd")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// serve starts a daemon and waits until it serves. It is killed at the end of
// the test.
func (s *site) serve(change ...func(*exec.Cmd)) *server {
	s.t.Helper()
	d := s.start(change...)
	eventually(s.t, "a daemon that serves", func() bool {
		select {
		case <-d.done:
			s.t.Fatalf("the daemon ended with %v", d.err)
		default:
		}
		return strings.Contains(d.log.String(), "msg=serving")
	})
	return d
}

// start starts a daemon.
func (s *site) start(change ...func(*exec.Cmd)) *server {
	s.t.Helper()
	d := &server{t: s.t, log: &output{}, done: make(chan struct{})}
	d.cmd = command(context.Background(), os.Args[0], "serve", "--config", s.path("uredit.yaml"))
	d.cmd.Stderr = d.log
	for _, f := range change {
		f(d.cmd)
	}
	if err := d.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.done)
	}()
	s.t.Cleanup(func() {
		d.kill()
		if strings.Contains(d.log.String(), "DATA RACE") {
			s.t.Error("the race detector found something in the daemon")
		}
		if s.t.Failed() {
			s.t.Logf("the daemon's log:\n%s", d.log)
		}
	})
	return d
}

// kill ends the daemon's process group without warning.
func (d *server) kill() {
	// An error says that it is gone.
	_ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
	<-d.done
}

// stop ends the daemon as a service manager does. It must exit with 0.
func (d *server) stop() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	select {
	case <-d.done:
	case <-time.After(time.Minute):
		d.t.Fatal("the daemon did not end within a minute")
	}
	if d.err != nil {
		d.t.Errorf("after SIGTERM the daemon ended with %v", d.err)
	}
}

// children returns the processes of a name that a process started.
func children(t *testing.T, parent int, name string) []int {
	t.Helper()
	var pids []int
	for _, dir := range glob("/proc/[0-9]*") {
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			continue // it ended meanwhile
		}
		// PID (NAME) STATE PPID ...; a name may hold spaces and brackets.
		before, after, _ := bytes.Cut(stat, []byte("("))
		end := bytes.LastIndexByte(after, ')')
		fields := strings.Fields(string(after[end+1:]))
		if string(after[:end]) == name && fields[1] == strconv.Itoa(parent) && fields[0] != "Z" {
			pid, err := strconv.Atoi(strings.TrimSpace(string(before)))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// running reports whether a process of a name has the number pid.
func running(pid int, name string) bool {
	comm, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if err != nil || strings.TrimSpace(string(comm)) != name {
		return false
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

// frameCount decodes a video and counts its frames.
func frameCount(t *testing.T, file string) int {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v:0", "-count_frames",
		"-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", file).CombinedOutput()
	n, bad := strconv.Atoi(strings.Trim(string(out), "\n, "))
	if err != nil || bad != nil {
		t.Fatalf("%s does not probe: %v\n%s", file, err, out)
	}
	return n
}

// output collects what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
