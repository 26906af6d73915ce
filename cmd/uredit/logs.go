package main

import (
	"context"
	"errors"
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
	if t.outputDir == "" {
		return notFound("job %s has no log: its request is not valid", rest[0])
	}
	log := &tail{name: filepath.Join(t.outputDir, (&job.Request{JobID: t.jobID}).LogName())}
	defer log.close()
	if !*follow {
		if err := log.copy(c.out); missing(err) {
			return notFound("job %s has no log yet", t.jobID)
		} else if err != nil {
			return err
		}
		return nil
	}
	return followLog(ctx, t, log, c.out)
}

// followLog copies the log until the job is over, and once more then.
func followLog(ctx context.Context, t *tracker, log *tail, out io.Writer) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		s, err := t.look()
		if err != nil {
			return err
		}
		over := t.over(s)
		if err := log.copy(out); err != nil && !missing(err) {
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
	file   *os.File
	offset int64
}

// copy writes what is new since the last call.
func (t *tail) copy(out io.Writer) error {
	if t.file != nil {
		if err := t.drain(out); err != nil {
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
	return t.drain(out)
}

func (t *tail) drain(out io.Writer) error {
	const all = 1 << 62
	n, err := io.Copy(plainText{out}, io.NewSectionReader(t.file, t.offset, all))
	t.offset += n
	return err
}

func (t *tail) close() {
	if t.file != nil {
		t.file.Close() // read only: nothing is lost
		t.file = nil
	}
}

// plainText takes terminal control out of what is written through it.
type plainText struct{ out io.Writer }

func (p plainText) Write(data []byte) (int, error) {
	clean := make([]byte, 0, len(data))
	for _, c := range data {
		// Bytes, not runes: a rune may be cut in two between writes. C1
		// controls need their lead byte and are no danger in UTF-8.
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			c = '?'
		}
		clean = append(clean, c)
	}
	n, err := p.out.Write(clean)
	if err == nil && n < len(clean) {
		err = errors.New("short write")
	}
	return n, err
}
