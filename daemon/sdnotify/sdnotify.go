// Package sdnotify tells systemd how a service does, in the protocol of
// sd_notify(3): one datagram of KEY=VALUE lines for each thing said. Only
// systemd 252 is assumed, which has no Type=notify-reload; a newer one that is
// asked for it understands what Reloading says.
package sdnotify

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Manager is the service manager that started this process. A nil Manager is
// nobody who listens: its methods do nothing and return nil.
type Manager struct {
	conn     *net.UnixConn
	watchdog time.Duration
}

// Open connects to the manager that the environment names: NOTIFY_SOCKET, and
// WATCHDOG_USEC where WATCHDOG_PID is pid or absent. It returns nil when nobody
// listens.
func Open(getenv func(string) string, pid int) (*Manager, error) {
	name := getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil
	}
	if name[0] != '/' && name[0] != '@' {
		return nil, fmt.Errorf("NOTIFY_SOCKET: %q is neither a path nor an abstract socket", name)
	}
	m := &Manager{}
	if usec := getenv("WATCHDOG_USEC"); usec != "" {
		n, err := strconv.ParseInt(usec, 10, 64)
		if err != nil || n <= 0 {
			return nil, fmt.Errorf("WATCHDOG_USEC: %q is not a number above 0", usec)
		}
		if of := getenv("WATCHDOG_PID"); of == "" || of == strconv.Itoa(pid) {
			m.watchdog = time.Duration(n) * time.Microsecond
		}
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("connect to the service manager: %w", err)
	}
	m.conn = conn
	return m, nil
}

// Close ends the connection. The manager goes on waiting.
func (m *Manager) Close() error {
	if m == nil {
		return nil
	}
	return m.conn.Close()
}

// Watchdog returns how long the manager waits for Alive before it kills the
// process, or 0 when it does not watch.
func (m *Manager) Watchdog() time.Duration {
	if m == nil {
		return 0
	}
	return m.watchdog
}

// Alive says that the service works. It is due well within Watchdog.
func (m *Manager) Alive() error { return m.send("WATCHDOG=1") }

// Status says in one line what the service does, for systemctl status.
func (m *Manager) Status(text string) error { return m.send(status(text)) }

// Ready ends the start, or a reload.
func (m *Manager) Ready(text string) error { return m.send("READY=1", status(text)) }

// Reloading begins a reload, which Ready ends.
func (m *Manager) Reloading(text string) error {
	if m == nil {
		return nil
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("read the monotonic clock: %w", err)
	}
	return m.send("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(now.Nano()/1000, 10), status(text))
}

// Stopping begins the end, which will take at most longest. The unit's own
// TimeoutStopSec holds when that is longer.
func (m *Manager) Stopping(text string, longest time.Duration) error {
	return m.send("STOPPING=1", extend(longest), status(text))
}

// Starting says what the start is busy with, and that it will take at most
// longest from now, whatever the unit's TimeoutStartSec.
func (m *Manager) Starting(text string, longest time.Duration) error {
	return m.send(extend(longest), status(text))
}

func extend(d time.Duration) string {
	return "EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(d.Microseconds(), 10)
}

// status makes one line of a text: a line feed would begin another key.
func status(text string) string {
	return "STATUS=" + strings.Join(strings.Fields(strings.ReplaceAll(text, "\x00", " ")), " ")
}

func (m *Manager) send(lines ...string) error {
	if m == nil {
		return nil
	}
	_, err := m.conn.Write([]byte(strings.Join(lines, "\n")))
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("tell the service manager %s: %w", lines[0], err)
	}
	return nil
}
