package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"uredit/daemon/config"
	"uredit/daemon/job"
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
	r, err := d.spool.Recover()
	if err != nil {
		return err
	}
	for _, n := range r.Unknown {
		d.log.Info("held by another host", "job", n.Job, "instance", n.Instance.String())
	}
	d.takeUp(r)
	d.settle()
	for _, j := range r.Ended {
		d.note.trouble(j, d.tidy(j))
	}
	return nil
}

// rankIn returns the place in the queue that a request asks for.
func rankIn(data []byte) int {
	r, _, err := job.Parse("request.yaml", data)
	if err != nil { // it was valid when it was accepted: by another version
		r = job.Default()
	}
	return rank(&r)
}

// takeUp notes what was taken from dead instances, for decide and settle.
func (d *Daemon) takeUp(r spool.Recovery) {
	d.claims = append(d.claims, r.Claims...)
	d.taken = slices.Concat(d.taken, r.Jobs, r.Committed, r.Crashed)
}

// settle ends, publishes or queues again what was taken from dead instances.
// What cannot be settled now stays.
func (d *Daemon) settle() {
	var left []*spool.Claim
	for _, c := range d.taken {
		err := d.settleOne(c)
		if errors.Is(err, spool.ErrLost) {
			d.log.Warn("somebody took a job that this daemon held", "job", c.Job, "err", err)
			continue
		}
		if d.note.trouble(c.Job, err) {
			left = append(left, c)
		}
	}
	d.taken = left
}

func (d *Daemon) settleOne(c *spool.Claim) error {
	if !c.Committed && c.Crashes >= spool.MaxCrashes {
		return d.setAside(c)
	}
	w, err := d.source.read(c.Job)
	if err != nil {
		return err
	}
	w.claim = c
	if c.Committed {
		return d.rollForward(w)
	}
	done, err := d.tellQueued(w)
	if done {
		return d.recordDone(w)
	}
	if err != nil { // whoever runs it next shuts the dead instance out
		d.log.Warn("tell of a job that waits again", "job", c.Job, "err", err)
	}
	d.log.Info("queued again: its daemon died", "job", c.Job, "crashes", c.Crashes, "suspect", c.Suspect)
	_, err = d.spool.Requeue(c, d.rankOf(w), spool.Unmarked)
	return err
}

// tellQueued shuts earlier attempts of a job out of its output directory, keeps
// what they sealed and says there that the job waits again; unless it says that the job is finished, which
// only the spool does not know.
func (d *Daemon) tellQueued(w *work) (done bool, err error) {
	out, err := d.roots.OpenDir(w.request.OutputDir)
	if err != nil {
		return false, err
	}
	defer out.Close()
	if err := d.keepSealed(out, w.claim); err != nil {
		return false, err
	}
	if err := d.clear(out, w.claim.Job, w.claim.Epoch); err != nil {
		return false, err
	}
	if done, err := d.published(w); done || err != nil {
		return done, err
	}
	return false, d.writeQueued(out, w.claim, &w.request)
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
// record. What cannot be released now is released at the next start.
func (d *Daemon) tidy(j string) error {
	w, err := d.source.read(j)
	switch {
	case err == nil:
		if err := d.letGo(w.request, j); err != nil {
			return err
		}
	case errors.Is(err, fs.ErrNotExist): // the rank alone, given to a job that was over
		err = nil
	}
	return errors.Join(err, d.spool.Forget(j))
}
