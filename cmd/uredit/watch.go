package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"uredit/daemon/job"
)

// pollInterval is how often a watched job is looked at. The daemon writes about
// twice a second.
const pollInterval = 300 * time.Millisecond

func (c *client) watch(ctx context.Context, args []string) error {
	t, err := c.oneJob("watch", args)
	if err != nil {
		return err
	}
	return c.follow(ctx, t)
}

// oneJob parses a command line that names one job and finds it.
func (c *client) oneJob(command string, args []string) (*tracker, error) {
	rest, err := c.parse(c.flags(command), args, true)
	if err != nil {
		return nil, err
	}
	return c.track(command, rest)
}

func (c *client) track(command string, rest []string) (*tracker, error) {
	if len(rest) != 1 {
		return nil, usageError("%s takes one job: its job_id, its token or its output_dir", command)
	}
	v, err := c.view()
	if err != nil {
		return nil, err
	}
	found, err := c.find(v, rest[0])
	if err != nil {
		return nil, err
	}
	return &tracker{view: v, target: found}, nil
}

// display shows snapshots as they come, and the last one.
type display interface {
	show(s snapshot) error
	end(s snapshot) error
}

// follow shows a job until it is over and returns its outcome.
func (c *client) follow(ctx context.Context, t *tracker) error {
	d := c.display()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		s, err := t.look()
		if err != nil {
			return err
		}
		if t.over(s) {
			if err := d.end(s); err != nil {
				return err
			}
			return s.outcome()
		}
		if t.lost > 1 && t.token == "" && t.entry != nil && t.entry.place == inInbox && !pending(s) {
			return errVanished
		}
		if err := d.show(s); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			if b, ok := d.(*bar); ok {
				b.newline()
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// pending reports whether somebody works on a job that the spool does not show:
// its folders may be closed to this user.
func pending(s snapshot) bool {
	return s.status != nil && s.status.Status != job.Queued
}

// display picks the form of output: a bar on a terminal, lines in a pipe.
func (c *client) display() display {
	switch {
	case c.format == formatJSON:
		return &stream{enc: json.NewEncoder(c.out)}
	case columns(c.out) > 0 && c.getenv("TERM") != "dumb":
		return &bar{out: c.out, columns: func() int { return columns(c.out) }}
	}
	return &lines{out: c}
}

// lines writes one line for each change, for pipes and logs.
type lines struct {
	out  *client
	last string
}

func (l *lines) show(s snapshot) error {
	line := summary(s)
	if line == l.last {
		return nil
	}
	l.last = line
	return l.out.line("%s", line)
}

func (l *lines) end(s snapshot) error {
	if err := l.show(s); err != nil {
		return err
	}
	for _, line := range closing(s) {
		if err := l.out.line("%s", line); err != nil {
			return err
		}
	}
	return nil
}

// summary tells a job's progress in whole percents, so that a line stands for a
// change worth a line.
func summary(s snapshot) string {
	line := fmt.Sprintf("%s: %s", s.name(), s.state())
	if !s.untold() {
		line += fmt.Sprintf(" %d %%", int(s.status.Progress*100))
	}
	return line
}

// name is what people call the job.
func (s snapshot) name() string {
	if s.jobID != "" {
		return s.jobID
	}
	if s.entry != nil {
		return s.entry.name
	}
	return s.token
}

// closing tells where the results are, or why there are none.
func closing(s snapshot) []string {
	var out []string
	if s.outcome() != nil {
		why := s.why()
		if why == "" {
			why = "no reason given"
		}
		out = append(out, "reason: "+why)
	}
	if s.status == nil || s.place == rejected {
		return out
	}
	for _, f := range []struct {
		label string
		path  *string
	}{{"output", s.status.OutputVideoPath}, {"mask", s.status.MaskPreviewPath}, {"log", s.status.LogsPath}} {
		if f.path != nil {
			out = append(out, f.label+": "+*f.path)
		}
	}
	return out
}

// stream writes one JSON object for each change.
type stream struct {
	enc  *json.Encoder
	last event
	any  bool
}

// event is a line of watch -o json.
type event struct {
	JobID    string       `json:"job_id"`
	State    string       `json:"state"`
	Progress job.Fraction `json:"progress"`
	Token    string       `json:"token,omitempty"`
	Host     string       `json:"host,omitempty"`
	Reason   string       `json:"reason,omitempty"`
	Status   *job.Status  `json:"status"`
}

func (o *stream) show(s snapshot) error {
	e := event{JobID: s.name(), State: s.state(), Token: s.token, Host: s.host, Reason: s.why()}
	if s.status != nil {
		e.Progress = s.status.Progress
	}
	if o.any && e == o.last {
		return nil
	}
	o.last, o.any = e, true
	e.Status = s.status
	return o.enc.Encode(e)
}

func (o *stream) end(s snapshot) error { return o.show(s) }
