package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"time"

	"uredit/daemon/config"
	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// A cancelledError is the cause that ends a job by a user's wish.
type cancelledError struct{ by string }

func (e *cancelledError) Error() string { return "cancelled by " + e.by }

// obey does what the markers in control ask for, as much of it as one look may,
// and reports whether the spool is paused and whether more is asked.
func (d *Daemon) obey() (paused, more bool) {
	markers, err := d.spool.Markers()
	if d.note.trouble("control", err) {
		return false, false
	}
	began, obeyed := time.Now(), 0
	for _, m := range d.fromWhereItStopped(markers) {
		if m.Verb == spool.MarkPause || m.Verb == spool.MarkDrain {
			continue // see rest
		}
		if obeyed > 0 && time.Since(began) >= d.lookFor {
			more = true
			break
		}
		d.obeyed = m.Name
		var err error
		switch m.Verb {
		case spool.MarkCancel:
			err = d.cancel(m)
		case spool.MarkHold, spool.MarkRelease, spool.MarkPriority:
			err = d.wish(m)
		case spool.MarkRetry:
			err = d.retry(m)
		}
		obeyed++
		if !errors.Is(err, spool.ErrLost) { // lost: it is another host's to obey, or the next look's
			d.note.trouble("control/"+m.Name, err)
		}
	}
	if !more {
		d.obeyed = ""
	}
	return d.rest(markers), more
}

// fromWhereItStopped puts those first that the last look had no time for: many a
// marker stays for a while, such as that of a job that another host runs.
func (d *Daemon) fromWhereItStopped(markers []spool.Marker) []spool.Marker {
	i := slices.IndexFunc(markers, func(m spool.Marker) bool { return m.Name > d.obeyed })
	if i <= 0 {
		return markers
	}
	return slices.Concat(markers[i:], markers[:i])
}

// cancel ends the job that a marker names: claimed, waiting or running. A marker of
// somebody who may not, one that is older than the job, and one for no live
// job are removed.
func (d *Daemon) cancel(m spool.Marker) error {
	j, owner, err := d.spool.Resolve(m.Subject)
	if j == "" && err == nil {
		if c := d.claimOf(m.Subject); c != nil { // not yet accepted: nothing is reserved
			j, owner, err = d.spool.Resolve(c.Job)
		}
	}
	if err != nil {
		return err
	}
	cause := &cancelledError{by: userName(m.UID)}
	if j == "" {
		if done, err := d.cancelUnclaimed(m, cause); done || err != nil {
			return err
		}
	}
	if j == "" && d.cancelling[m.Name] {
		delete(d.cancelling, m.Name)
		return d.spool.Unmark(m) // it has ended
	}
	if why := d.refuse(m, j, owner); why != "" {
		delete(d.cancelling, m.Name)
		d.log.Warn("marker removed", "marker", m.Name, "by", userName(m.UID), "why", why)
		return d.spool.Unmark(m)
	}
	if d.dispatcher.Cancel(func(w *work) bool { return w.claim.Job == j }, cause) > 0 {
		// The marker stays until the job has ended: one that goes back into the
		// queue at this moment is cancelled there.
		if !d.cancelling[m.Name] {
			d.log.Info("being cancelled", "job", j, "by", cause.by)
			d.cancelling[m.Name] = true
		}
		return nil
	}
	if err := d.cancelWaiting(j, cause); err != nil {
		return err
	}
	delete(d.cancelling, m.Name)
	d.log.Info("cancelled", "job", j, "by", cause.by)
	return d.spool.Unmark(m)
}

func (d *Daemon) refuse(m spool.Marker, j string, owner int) string {
	if j == "" {
		return "no live job has this name"
	}
	if m.ModTime.Before(d.began(j)) {
		return "it is older than the job"
	}
	if m.UID != owner && !d.admin(m.UID) {
		return "it is neither the job's owner nor an admin"
	}
	return ""
}

// cancelWaiting ends a job that does not run: one in the queue, or a claim that
// could not be decided about. ErrLost says that it is elsewhere by now: the
// marker stays for the next look.
func (d *Daemon) cancelWaiting(j string, cause *cancelledError) error {
	why := &job.Error{Code: job.CodeCancelled, Message: cause.Error(), Err: cause}
	if i := slices.IndexFunc(d.claims, func(c *spool.Claim) bool { return c.Job == j }); i >= 0 {
		data, err := d.spool.Read(d.claims[i], job.MaxRequestBytes)
		if err == nil {
			err = d.reject(d.claims[i], data, why)
		}
		if err == nil {
			d.claims = slices.Delete(d.claims, i, i+1)
		}
		return err
	}
	q, err := d.waiting(j)
	if err != nil {
		return err
	}
	if q.Job == "" {
		return fmt.Errorf("cancel %s: it is neither queued nor running here: %w", j, spool.ErrLost)
	}
	w, err := d.source.read(j)
	if err != nil {
		return err
	}
	if w.claim, err = d.spool.Take(q); err != nil {
		return err
	}
	return d.fail(w, why)
}

// claimOf returns the undecided claim whose request has a job_id, or nil.
func (d *Daemon) claimOf(jobID string) *spool.Claim {
	i := slices.IndexFunc(d.claims, func(c *spool.Claim) bool {
		data, err := d.spool.Read(c, job.MaxRequestBytes)
		if err != nil {
			return false
		}
		return jobIDIn(data) == jobID
	})
	if i < 0 {
		return nil
	}
	return d.claims[i]
}

// admin reports whether a user may speak for every job.
func (d *Daemon) admin(uid int) bool {
	if uid == 0 || uid == os.Geteuid() || d.cfg.Markers == config.MarkersAnyone {
		return true
	}
	return uid > 0 && slices.Contains(d.cfg.Admins, userName(uid))
}

// userName returns a user's name, or the number where the host knows none.
func userName(uid int) string {
	id := strconv.Itoa(uid)
	u, err := user.LookupId(id)
	if err != nil || errors.Is(err, user.UnknownUserIdError(uid)) {
		return "uid " + id
	}
	return u.Username
}
