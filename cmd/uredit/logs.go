package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"time"

	"uredit/daemon/job"
)

func (c *client) logs(ctx context.Context, args []string) error {
	set := c.flags("logs")
	follow := set.Bool("f", false, "")
	rest, err := c.parse(set, args, true)
	if err != nil {
		return err
	}
	t, err := c.track("logs", rest)
	if err != nil {
		return err
	}
	if t.outputDir == "" || t.entry != nil && t.entry.place == rejected {
		return notFound("job %s has no log: its request was rejected; uredit show tells why", rest[0])
	}
	log := &tail{name: filepath.Join(t.outputDir, (&job.Request{JobID: t.jobID}).LogName()), out: &plainText{out: c.out}}
	defer log.close()
	if !*follow {
		if err := log.copy(); missing(err) {
			return notFound("job %s has no log yet", t.jobID)
		} else if err != nil {
			return err
		}
		return nil
	}
	return followLog(ctx, t, log)
}

// followLog copies the log until the job is over, and once more then.
func followLog(ctx context.Context, t *tracker, log *tail) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		s, err := t.look()
		if err != nil {
			return err
		}
		over := t.over(s)
		if err := log.copy(); err != nil && !missing(err) {
			return err
		}
		if over {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// tail reads a log that grows. Each attempt of a job puts a new file in its
// place, which begins with a copy of the lines before.
type tail struct {
	name   string
	out    *plainText
	file   *os.File
	offset int64
}

// copy writes what is new since the last call.
func (t *tail) copy() error {
	if t.file != nil {
		if err := t.drain(); err != nil {
			return err
		}
	}
	now, err := os.Stat(t.name)
	if err != nil {
		return err
	}
	if t.file != nil {
		open, err := t.file.Stat()
		if err == nil && os.SameFile(open, now) {
			return nil
		}
		t.close()
	}
	if t.file, err = os.Open(t.name); err != nil {
		return err
	}
	if now.Size() < t.offset {
		t.offset = 0 // another job's log, not a later attempt's
	}
	return t.drain()
}

func (t *tail) drain() error {
	const all = 1 << 62
	n, err := io.Copy(t.out, io.NewSectionReader(t.file, t.offset, all))
	t.offset += n
	return err
}

func (t *tail) close() {
	if t.file != nil {
		t.file.Close() // read only: nothing is lost
		t.file = nil
	}
}

// plainText takes terminal control out of what is written through it. It works
// on bytes, since a rune may be cut in two between writes.
type plainText struct {
	out  io.Writer
	last byte
}

func (p *plainText) Write(data []byte) (int, error) {
	clean := make([]byte, len(data))
	for i, c := range data {
		switch {
		case c < ' ' && c != '\n' && c != '\t', c == 0x7f:
			clean[i] = '?'
		case p.last == 0xc2 && c >= 0x80 && c < 0xa0: // C1 controls, U+0080 to U+009F
			clean[i] = 0xbf // makes it an inverted question mark
		default:
			clean[i] = c
		}
		p.last = c
	}
	return p.out.Write(clean)
}
