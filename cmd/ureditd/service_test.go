package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uredit/daemon"
	"uredit/daemon/config"
	"uredit/daemon/sdnotify"
)

// supervisor is systemd's end of the notify socket.
type supervisor struct {
	t    *testing.T
	conn *net.UnixConn
	name string
}

func newSupervisor(t *testing.T) *supervisor {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &supervisor{t: t, conn: conn, name: name}
}

// next returns the next message, or "" when none came within a time.
func (s *supervisor) next(within time.Duration) string {
	s.t.Helper()
	if err := s.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		s.t.Fatal(err)
	}
	buf := make([]byte, 8192)
	n, err := s.conn.Read(buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ""
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return string(buf[:n])
}

// want waits for a message that holds a text, past others.
func (s *supervisor) want(text string) string {
	s.t.Helper()
	for {
		m := s.next(20 * time.Second)
		if m == "" {
			s.t.Fatalf("systemd was not told %q", text)
		}
		if strings.Contains(m, text) {
			return m
		}
	}
}

func (s *supervisor) service(watchdog string) *service {
	s.t.Helper()
	m, err := sdnotify.Open(func(name string) string {
		return map[string]string{"NOTIFY_SOCKET": s.name, "WATCHDOG_USEC": watchdog}[name]
	}, os.Getpid())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { m.Close() })
	return newService(m, slog.New(slog.NewTextHandler(io.Discard, nil)), s.t.TempDir())
}

func TestServiceTellsTheCondition(t *testing.T) {
	systemd := newSupervisor(t)
	s := systemd.service("")
	c := daemon.Condition{Devices: 2, Busy: 2, Queued: 5, Grace: time.Minute}
	s.observe(c)
	s.observe(c) // nothing new: nothing said
	c.Paused, c.Troubles = true, 1
	s.observe(c)
	c.Draining = true
	s.observe(c)
	for _, want := range []string{
		"READY=1\nSTATUS=2 of 2 devices busy, 5 queued",
		"STATUS=2 of 2 devices busy, 5 queued; paused by an admin (control/PAUSE); 1 not working and tried again, see the log",
		"STOPPING=1\nEXTEND_TIMEOUT_USEC=90000000\nSTATUS=stopping: 2 running jobs have 1m0s to finish, what does not goes back into the queue",
	} {
		if got := systemd.next(time.Second); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
}

// The watchdog gets nothing from a loop that stands still, unless it is the
// share that holds it up.
func TestServiceFeedsTheWatchdog(t *testing.T) {
	systemd := newSupervisor(t)
	s := systemd.service("1000000")
	hang := make(chan struct{})
	s.share = func() error { <-hang; return nil }
	const limit = 100 * time.Millisecond

	s.observe(daemon.Condition{Devices: 1})
	systemd.want("READY=1")
	s.feed(limit)
	systemd.want("WATCHDOG=1")

	s.mu.Lock()
	s.turned = time.Now().Add(-time.Minute)
	s.mu.Unlock()
	s.feed(limit)
	systemd.want("WATCHDOG=1")
	systemd.want("waiting for the share, which has not answered for 1m0s")
	s.feed(limit) // asks no second time while the first question hangs
	systemd.want("waiting for the share")

	s.mu.Lock()
	asked := s.asked
	s.mu.Unlock()
	close(hang)
	<-asked
	s.feed(limit)
	if got := systemd.next(50 * time.Millisecond); got != "" {
		t.Errorf("the share answers and the loop stands still, and yet systemd was told %q", got)
	}
}

func TestServiceReload(t *testing.T) {
	t.Setenv("UREDIT_ORT_LIBRARY", "") // to have it back at the end
	os.Unsetenv("UREDIT_ORT_LIBRARY")
	systemd := newSupervisor(t)
	s := systemd.service("")
	file := filepath.Join(t.TempDir(), "uredit.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	running := config.Default()
	var applied *config.Config
	apply := func(c config.Config) { applied = &c }
	s.observe(daemon.Condition{Devices: 1})
	systemd.want("READY=1")

	write("admins: [ada]\ndevices: [cuda:0]\n")
	s.reload(file, &running, apply)
	systemd.want("RELOADING=1")
	if got := systemd.want("READY=1"); !strings.HasSuffix(got, "0 of 1 devices busy, 0 queued; restart to apply devices") {
		t.Errorf("told %q", got)
	}
	if applied == nil || len(applied.Admins) != 1 || applied.Devices[0] != "cpu" {
		t.Errorf("applied %+v", applied)
	}
	applied = nil
	write("admin: [ada]\n")
	s.reload(file, &running, apply)
	if got := systemd.want("READY=1"); !strings.Contains(got, "uredit.yaml:1: admin: no such key") {
		t.Errorf("told %q", got)
	}
	if applied != nil {
		t.Error("a configuration with faults was applied")
	}
}

// The journal takes the priority from the line's beginning and has the time.
func TestJournal(t *testing.T) {
	var out bytes.Buffer
	var level slog.LevelVar
	log := slog.New(newJournal(&out, &level)).With("job", "j").WithGroup("g")
	log.Debug("not")
	level.Set(slog.LevelDebug)
	log.Debug("one", "n", 1)
	log.Warn("two")
	log.Error("three")
	want := "<7>msg=one job=j g.n=1\n<4>msg=two job=j\n<3>msg=three job=j\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if underJournal(os.Stderr, "") || underJournal(os.Stderr, "0:1") {
		t.Error("this is no journal")
	}
}
