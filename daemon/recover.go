package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"uredit/daemon/config"
	"uredit/daemon/job"
	"uredit/daemon/report"
	"uredit/daemon/spool"
)

// hostDir returns the directory for the host's lock and random id. It survives a
// reboot, which a runtime directory may not: a host that knows its own id takes
// over its work without waiting. Daemons with a runtime directory each are hosts
// of their own, wherever they keep their state.
func hostDir(c config.Config) string {
	sum := sha256.Sum256([]byte(filepath.Clean(c.RuntimeDir)))
	return filepath.Join(c.StateDir, "host-"+hex.EncodeToString(sum[:6]))
}

// recover takes up what earlier processes of this host left.
func (d *Daemon) recover() error {
	r, err := d.spool.Recover(d.rankOf)
	if err != nil {
		return err
	}
	d.claims = append(d.claims, r.Claims...)
	for _, n := range r.Unknown {
		d.log.Warn("held by a daemon that may live on another host; left alone", "job", n.Job, "instance", n.Instance.String())
	}
	for _, q := range r.Queued {
		d.log.Info("queued again: its daemon died", "job", q.Job, "crashes", q.Crashes, "suspect", q.Suspect)
		d.note.trouble(q.Job, d.tellQueued(q))
	}
	for _, c := range r.Crashed {
		if err := d.setAside(c); err != nil {
			return fmt.Errorf("set %s aside: %w", c.Job, err)
		}
	}
	for _, j := range r.Ended {
		d.note.trouble(j, d.tidy(j))
	}
	return nil
}

// rankOf returns the place in the queue of an accepted job.
func (d *Daemon) rankOf(j string) int {
	r := job.Default()
	if w, err := d.source.read(j); err == nil {
		r = w.request
	}
	return rank(&r)
}

// tellQueued says in a job's output directory that it waits again, unless it
// says there already that the job is finished: then only the spool does not
// know, and the next device that is free records it.
func (d *Daemon) tellQueued(q spool.QueueName) error {
	w, err := d.source.read(q.Job)
	if err != nil {
		return err
	}
	w.claim = &spool.Claim{ActiveName: spool.ActiveName{JobName: q.JobName}}
	if done, err := d.published(w); done || err != nil {
		return err
	}
	out, err := d.roots.OpenDir(w.request.OutputDir)
	if err != nil {
		return err
	}
	defer out.Close()
	return report.WriteQueued(out.Root, out.Path, q.Job, &w.request, q.Epoch)
}

// setAside fails a job that ended its daemon too often.
func (d *Daemon) setAside(c *spool.Claim) error {
	why := &job.Error{Code: job.CodeCrashed,
		Message: fmt.Sprintf("the job ended its daemon %d times", c.Crashes),
		Hint:    "the daemon's log says more; submit it again when the cause is gone"}
	w, err := d.source.read(c.Job)
	if err != nil {
		// Not yet accepted: it has reserved nothing and told nobody.
		data, _ := d.spool.Read(c, job.MaxRequestBytes)
		return d.reject(c, data, why)
	}
	w.claim = c
	return d.fail(w, why)
}

// tidy finishes what a process that died left undone after a job's terminal
// record.
func (d *Daemon) tidy(j string) error {
	w, err := d.source.read(j)
	if err == nil {
		err = d.letGo(w.request, j)
	}
	return errors.Join(err, d.spool.Forget(j))
}
