package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"uredit/daemon/spool"
	"uredit/daemon/spool/spooltest"
)

// calls is the file in which a host's processes write their transitions down.
func (h *chaosHost) calls() string { return h.log + ".calls" }

// A callLine is one line of it: a transition begins or ends.
type callLine struct {
	Process  int
	At       time.Duration // by the clock of the machine
	From, To string
	Ended    bool
	Outcome  spooltest.Outcome
}

// callLog is a slog.Handler that writes the transitions into a file and hands on
// what is not for debugging.
type callLog struct {
	slog.Handler
	mu    *sync.Mutex // a line is whole, and by its time in its place
	file  io.Writer
	attrs []slog.Attr
}

// serveLog is the log of a daemon in a process of its own.
func serveLog() *slog.Logger {
	text := slog.NewTextHandler(os.Stderr, nil)
	name := os.Getenv(envCalls)
	if name == "" {
		return slog.New(text)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		panic(err) // a test that records nothing proves nothing
	}
	return slog.New(callLog{Handler: text, mu: &sync.Mutex{}, file: f})
}

func (l callLog) Enabled(context.Context, slog.Level) bool { return true }

func (l callLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	l.Handler = l.Handler.WithAttrs(attrs)
	l.attrs = append(l.attrs[:len(l.attrs):len(l.attrs)], attrs...)
	return l
}

func (l callLog) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		return l.Handler.Handle(ctx, r)
	}
	if r.Message != msgBegun && r.Message != msgEnded {
		return nil
	}
	line := callLine{Process: os.Getpid(), Ended: r.Message == msgEnded}
	note := func(a slog.Attr) bool {
		switch v := a.Value.Resolve(); a.Key {
		case "from":
			line.From = v.String()
		case "to":
			line.To = v.String()
		case "err":
			err, _ := v.Any().(error)
			line.Outcome = outcomeOf(err)
		}
		return true
	}
	for _, a := range l.attrs {
		note(a)
	}
	r.Attrs(note)
	l.mu.Lock()
	defer l.mu.Unlock()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return err
	}
	line.At = time.Duration(now.Nano())
	data, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = l.file.Write(append(data, '\n'))
	return err
}

func outcomeOf(err error) spooltest.Outcome {
	switch {
	case err == nil:
		return spooltest.Done
	case errors.Is(err, spool.ErrLost):
		return spooltest.Lost
	}
	return spooltest.Unknown
}

// history is what the host's processes were told of their transitions. One whose
// end is missing was under way when its process died.
func (h *chaosHost) history() (calls []spooltest.Call, err error) {
	f, err := os.Open(h.calls())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	type begun struct {
		process  int
		from, to string
	}
	open := map[begun]int{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var l callLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("%s: %w", h.calls(), err)
		}
		key := begun{l.Process, l.From, l.To}
		if !l.Ended {
			open[key] = len(calls)
			calls = append(calls, spooltest.Call{Process: h.name, From: l.From, To: l.To, Began: l.At})
			continue
		}
		c := &calls[open[key]]
		c.Ended, c.Outcome = l.At, l.Outcome
	}
	return calls, lines.Err()
}

// compareCalls fails the test when the histories of all hosts do not fit together.
func (c *chaos) compareCalls() {
	c.t.Helper()
	var all []spooltest.Call
	for _, h := range c.hosts {
		calls, err := h.history()
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, calls...)
	}
	if err := spooltest.Check(all, time.Minute); err != nil {
		c.t.Error(err)
		return
	}
	c.t.Logf("the history of %d transitions and looks is linearizable", len(all))
}
