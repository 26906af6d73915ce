package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"uredit/daemon/spool"
)

// ask leaves a marker in control/ for a job that waits, and says so.
func (c *client) ask(command, verb, said string, args []string) error {
	t, err := c.oneJob(command, args)
	if err != nil {
		return err
	}
	s, err := t.look()
	if err != nil {
		return err
	}
	switch {
	case t.over(s):
		return fmt.Errorf("job %s is over: %s", s.name(), s.state())
	case s.place == running && verb != spool.MarkRelease:
		return fmt.Errorf("job %s runs already", s.name())
	}
	if err := t.mark(t.subject() + "." + verb); err != nil {
		return fmt.Errorf("%s %s: %w", command, s.name(), err)
	}
	return c.line("%s: %s", s.name(), said)
}

// priority asks for another place of a waiting job in the queue.
func (c *client) priority(args []string) error {
	rest, err := c.parse(c.flags("priority"), args, true)
	if err != nil {
		return err
	}
	if len(rest) != 2 || len(rest[1]) != 1 || rest[1][0] < '0' || rest[1][0] > '9' {
		return usageError("priority takes a job and a number from 0 to 9; 9 runs first")
	}
	return c.ask("priority", spool.MarkPriority+"-"+rest[1], "asked for priority "+rest[1], rest[:1])
}

// retry asks for a job that ended badly to be run once more, as a new job.
func (c *client) retry(args []string) error {
	t, err := c.oneJob("retry", args)
	if err != nil {
		return err
	}
	s, err := t.look()
	if err != nil {
		return err
	}
	if s.place != failed {
		return fmt.Errorf("job %s did not fail, it is %s: only a failed job is retried; uredit submit takes a request again", s.name(), s.state())
	}
	if err := t.mark(t.subject() + "." + spool.MarkRetry); err != nil {
		return fmt.Errorf("retry %s: %w", s.name(), err)
	}
	return c.line("%s: asked for another run", s.name())
}

// rest asks one host, or all, to begin no job; resume takes that back.
func (c *client) rest(command, verb string, args []string) error {
	v, host, err := c.oneHost(command, args)
	if err != nil {
		return err
	}
	if err := v.mark(hostMarker(verb, host)); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return c.line("%s asked to %s; uredit resume takes it back", whom(host), command)
}

func (c *client) resume(args []string) error {
	v, host, err := c.oneHost("resume", args)
	if err != nil {
		return err
	}
	for _, verb := range []string{spool.MarkPause, spool.MarkDrain} {
		err := os.Remove(v.path(spool.ControlDir, hostMarker(verb, host)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("resume: %w", err)
		}
	}
	return c.line("%s may go on", whom(host))
}

func (c *client) oneHost(command string, args []string) (v view, host string, err error) {
	rest, err := c.parse(c.flags(command), args, true)
	if err != nil {
		return view{}, "", err
	}
	if len(rest) > 1 {
		return view{}, "", usageError("%s takes one host, or none for all hosts", command)
	}
	if len(rest) == 1 {
		host = rest[0]
	}
	v, err = c.view()
	return v, host, err
}

func hostMarker(verb, host string) string {
	if host == "" {
		return verb
	}
	return verb + "." + spool.HostName(host)
}

func whom(host string) string {
	if host == "" {
		return "all hosts"
	}
	return "host " + host
}

// subject is how a marker names the job: by its token, where it has one.
func (t *tracker) subject() string {
	if t.token != "" {
		return t.token
	}
	return t.jobID
}

// mark makes a marker. One that is there was made before, and is not obeyed yet.
func (v view) mark(name string) error {
	f, err := os.OpenFile(v.path(spool.ControlDir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}
