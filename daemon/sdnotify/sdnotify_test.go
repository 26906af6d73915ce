package sdnotify

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// listen is a service manager's end; the function returns the next datagram.
func listen(t *testing.T) (name string, next func() string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return name, func() string {
		t.Helper()
		buf := make([]byte, 4096)
		if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

func env(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func TestMessages(t *testing.T) {
	name, next := listen(t)
	m, err := Open(env(map[string]string{"NOTIFY_SOCKET": name}), os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, c := range []struct {
		said error
		want string
	}{
		{m.Starting("verifying the models", time.Minute), "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=verifying the models"},
		{m.Ready("idle"), "READY=1\nSTATUS=idle"},
		{m.Alive(), "WATCHDOG=1"},
		{m.Status("two\nlines\x00READY=1"), "STATUS=two lines READY=1"},
		{m.Stopping("draining", 90*time.Second), "STOPPING=1\nEXTEND_TIMEOUT_USEC=90000000\nSTATUS=draining"},
	} {
		if got := next(); c.said != nil || got != c.want {
			t.Errorf("said %q (%v), want %q", got, c.said, c.want)
		}
	}
	if err := m.Reloading("reading"); err != nil {
		t.Fatal(err)
	}
	if got := next(); !regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*\nSTATUS=reading$`).MatchString(got) {
		t.Errorf("said %q", got)
	}
}

func TestNobodyListens(t *testing.T) {
	m, err := Open(env(nil), os.Getpid())
	if m != nil || err != nil {
		t.Fatalf("got %v, %v", m, err)
	}
	for _, err := range []error{m.Alive(), m.Status("x"), m.Ready("x"), m.Reloading("x"),
		m.Stopping("x", 1), m.Starting("x", 1), m.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
	if m.Watchdog() != 0 {
		t.Error("nobody watches")
	}
}

func TestWatchdog(t *testing.T) {
	name, _ := listen(t)
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0}, {"30000000", "", 30 * time.Second}, {"30000000", "7", 30 * time.Second}, {"30000000", "8", 0},
	} {
		m, err := Open(env(map[string]string{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": c.usec, "WATCHDOG_PID": c.pid}), 7)
		if err != nil || m.Watchdog() != c.want {
			t.Errorf("%+v: %v, %v", c, m.Watchdog(), err)
		}
		m.Close()
	}
}

func TestBadEnvironment(t *testing.T) {
	name, _ := listen(t)
	for _, pairs := range []map[string]string{
		{"NOTIFY_SOCKET": "relative"},
		{"NOTIFY_SOCKET": filepath.Join(t.TempDir(), "gone")},
		{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "soon"},
		{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": strconv.Itoa(-1)},
	} {
		if m, err := Open(env(pairs), 1); err == nil {
			t.Errorf("%v is no environment to be started in, got %v", pairs, m)
		}
	}
}
