package report

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// reservedBytes is kept of a full log for the last word of an attempt.
const reservedBytes = 64 << 10

// logFile is a job's log: it grows up to a size, then says so and stops.
type logFile struct {
	attempt int

	mu    sync.Mutex
	file  *os.File
	size  int64
	full  bool
	extra int64 // what reserve adds to the limit
	err   error // the first write that failed
}

// reserve opens the log for an attempt's last word.
func (l *logFile) reserve() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full, l.extra = false, reservedBytes
}

func (l *logFile) write(p []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full {
		return nil
	}
	if l.size+int64(len(p)) > maxLogBytes-reservedBytes+l.extra {
		l.full = true
		p = line(time.Now(), slog.LevelWarn, l.attempt, "the log is full; what follows is not kept", "")
	}
	n, err := l.file.Write(p)
	l.size += int64(n)
	if err != nil && l.err == nil {
		l.err = fmt.Errorf("write log: %w", err)
	}
	return err
}

// sync makes what was written durable. Its error is a write's that failed.
func (l *logFile) sync() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.file.Sync(); err != nil && l.err == nil {
		l.err = fmt.Errorf("sync log: %w", err)
	}
}

// close closes the file and returns the first error that writing to it met.
func (l *logFile) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.file.Close(); err != nil && l.err == nil {
		l.err = fmt.Errorf("close log: %w", err)
	}
	return l.err
}

// line returns a record as people read it; a message of several lines becomes
// as many.
func line(at time.Time, level slog.Level, attempt int, message, attrs string) []byte {
	var b bytes.Buffer
	for text := range strings.SplitSeq(strings.TrimRight(message, "\n"), "\n") {
		fmt.Fprintf(&b, "%s %-5s [%d] %s", at.UTC().Format("2006-01-02T15:04:05.000Z"), level, attempt, strings.TrimRight(text, "\r"))
		if attrs != "" {
			b.WriteString(" " + attrs)
			attrs = ""
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// handler writes records as lines. The attributes are formatted by a
// slog.TextHandler, which keeps those of With.
type handler struct {
	log   *logFile
	attrs slog.Handler
	buf   *attrBuffer
}

// attrBuffer receives what the text handler formats; one record at a time.
type attrBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func newHandler(l *logFile) *handler {
	buf := &attrBuffer{}
	drop := func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return slog.Attr{}
		}
		return a
	}
	return &handler{log: l, buf: buf, attrs: slog.NewTextHandler(buf, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: drop})}
}

// Enabled implements slog.Handler: a job's log keeps everything.
func (h *handler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	h.buf.mu.Lock()
	h.buf.Reset()
	bare := slog.NewRecord(time.Time{}, r.Level, "", 0)
	r.Attrs(func(a slog.Attr) bool { bare.AddAttrs(a); return true })
	err := h.attrs.Handle(ctx, bare)
	attrs := strings.TrimSpace(h.buf.String())
	h.buf.mu.Unlock()
	if err != nil {
		return err
	}
	return h.log.write(line(r.Time, r.Level, h.log.attempt, r.Message, attrs))
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{log: h.log, buf: h.buf, attrs: h.attrs.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{log: h.log, buf: h.buf, attrs: h.attrs.WithGroup(name)}
}
