package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// A ticket recognises a request that was just dropped: the claim renames it to
// a token that nobody here knows, but its first line stays.
type ticket struct {
	file   string // in the inbox
	nonce  string
	queued bool // status.json said so when the request was dropped, by the client's hand
}

func (c *client) submit(ctx context.Context, args []string) error {
	s, err := c.parseSubmit(args)
	if errors.Is(err, flag.ErrHelp) {
		return c.submitHelp()
	}
	if err != nil {
		return err
	}
	for _, w := range s.warnings {
		fmt.Fprintln(c.err, "uredit: warning:", printable(w, false))
	}
	r := s.request
	v, err := c.view()
	if err != nil {
		return err
	}
	t, err := drop(v, r)
	if err != nil {
		return fmt.Errorf("submit %s: %w", r.JobID, err)
	}
	if s.wait {
		follow := &tracker{view: v, ticket: t, target: target{jobID: r.JobID, outputDir: r.OutputDir}}
		err := c.follow(ctx, follow)
		return errors.Join(err, follow.closeRejected(r))
	}
	if c.format == formatJSON {
		return c.json(struct {
			JobID     string `json:"job_id"`
			OutputDir string `json:"output_dir"`
			Request   string `json:"request"`
		}{r.JobID, r.OutputDir, t.file})
	}
	return c.line("%s\nsubmitted; results in %s", r.JobID, r.OutputDir)
}

// drop makes the output directory, says "queued" in it and puts the request
// into the inbox, each whole or not at all.
func drop(v view, r job.Request) (ticket, error) {
	if err := makeDir(r.OutputDir); err != nil {
		return ticket{}, err
	}
	wrote, err := writeQueued(r)
	if err != nil {
		return ticket{}, err
	}
	t := ticket{nonce: strings.ToLower(rand.Text()), queued: wrote}
	t.file = v.path(spool.InboxDir, fmt.Sprintf("%s.%s.yaml", clipBytes(r.JobID, 60), t.nonce))
	data := append(fmt.Appendf(nil, "# submission %s\n", t.nonce), r.YAML()...)
	if err := replaceFile(t.file, data); err != nil {
		if errors.Is(err, os.ErrPermission) {
			err = fmt.Errorf("you may not write in %s (hint: the group that owns it may): %w", filepath.Dir(t.file), os.ErrPermission)
		}
		if wrote {
			err = errors.Join(err, writeState(r, job.Failed, "", "submit: "+err.Error()))
		}
		return ticket{}, err
	}
	return t, nil
}

// writeQueued says that the job waits, unless the directory holds the record of
// a job that is alive: only its daemon may write there.
func writeQueued(r job.Request) (wrote bool, err error) {
	if status, err := readStatus(r.OutputDir); err == nil && !status.Status.Terminal() {
		return false, nil
	}
	return true, writeState(r, job.Queued, unclaimed, "")
}

// closeRejected ends the record that drop wrote when its request was rejected,
// where the daemon did not: it writes in no directory outside of its roots.
func (t *tracker) closeRejected(r job.Request) error {
	if !t.queued || t.entry == nil || t.entry.place != rejected {
		return nil
	}
	now, err := readStatus(r.OutputDir)
	if err != nil || now.JobID != r.JobID || now.Status != job.Queued || now.Message == nil || *now.Message != unclaimed {
		return nil // somebody else's word is there
	}
	return writeState(r, job.Failed, "the request was rejected", t.reason(*t.entry))
}

// unclaimed is the message of a request that no daemon has seen.
const unclaimed = "waiting for a host"

func writeState(r job.Request, state job.State, message, fault string) error {
	log := filepath.Join(r.OutputDir, r.LogName())
	status := job.Status{JobID: r.JobID, Status: state, LogsPath: &log}
	if message != "" {
		status.Message = &message
	}
	if fault != "" {
		status.Error = &fault
	}
	return replaceFile(filepath.Join(r.OutputDir, job.StatusName), status.JSON())
}

// replaceFile writes a file that everybody may read under a hidden name beside
// name, then renames it.
func replaceFile(name string, data []byte) (err error) {
	temp := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+rand.Text()[:6]+".tmp")
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(temp)
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(temp, name)
}

// makeDir makes a directory and what is missing above it, writable by the
// group: the daemon is another user, and a umask would keep it out.
func makeDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return fmt.Errorf("%s is not a directory", dir)
	case !missing(err):
		return err
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o775); errors.Is(err, os.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	return os.Chmod(dir, 0o775|os.ModeSetgid)
}

// mine reports whether a request file is the one that t was given for.
func (t ticket) mine(file string) bool {
	data, err := readRequest(file)
	return err == nil && bytes.Contains(data, []byte(t.nonce))
}
