package main

import (
	"errors"
	"fmt"
	"os"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// cancel takes a request that nobody has claimed back, and marks any other job
// for its daemon to end.
func (c *client) cancel(args []string) error {
	t, err := c.oneJob("cancel", args)
	if err != nil {
		return err
	}
	s, err := t.look()
	if err != nil {
		return err
	}
	if t.over(s) {
		return fmt.Errorf("job %s is over: %s", s.name(), s.state())
	}
	if s.place == inInbox {
		err := takeBack(t)
		if err == nil {
			return c.line("%s: taken back, no host had claimed it", s.name())
		}
		if !missing(err) {
			return fmt.Errorf("cancel %s: %w", s.name(), err)
		}
		// Claimed in this instant: the job_id names it to its daemon.
	}
	subject := t.token
	if subject == "" {
		subject = t.jobID
	}
	if subject == "" {
		return notFound("job %s has no name to cancel it by", s.name())
	}
	f, err := os.OpenFile(t.path(spool.ControlDir, subject+".cancel"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil && !errors.Is(err, os.ErrExist) { // asked before, and not answered yet
		return fmt.Errorf("cancel %s: %w", s.name(), err)
	}
	if err == nil {
		if err := f.Close(); err != nil {
			return fmt.Errorf("cancel %s: %w", s.name(), err)
		}
	}
	return c.line("%s: asked its daemon to end it", s.name())
}

// takeBack removes a request from the inbox. The record that says "queued" is
// then the client's to close: no daemon has seen the job.
func takeBack(t *tracker) error {
	r, valid := t.request(*t.entry)
	if err := os.Remove(t.entry.file); err != nil || !valid {
		return err
	}
	status, err := readStatus(r.OutputDir)
	if err != nil || status.JobID != r.JobID || status.Status != job.Queued {
		return nil
	}
	return writeState(r, job.Failed, "", "cancelled before a host claimed it")
}
