package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"uredit/daemon/document"
	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// errDrained ends a running job whose host is being drained.
var errDrained = errors.New("its host is drained")

// pausing is what the markers say that concern whole hosts.
type pausing struct {
	paused  bool      // nothing is claimed, no job begins
	drained time.Time // since when the host is drained; zero when it is not
}

// rest obeys the markers that concern whole hosts: it reports whether this one
// is paused or drained. What still runs when the drain timeout is over waits
// again, for another host.
func (d *Daemon) rest(markers []spool.Marker) (paused bool) {
	drain := false
	for _, m := range markers {
		about := "control/" + m.Name
		switch {
		case m.Verb != spool.MarkPause && m.Verb != spool.MarkDrain:
		case m.Subject != "" && m.Subject != d.spool.Instance().Host:
		case !d.admin(m.UID):
			d.note.trouble(about, fmt.Errorf("%s may not pause or drain a host: it is no admin", userName(m.UID)))
		default:
			paused = true
			drain = drain || m.Verb == spool.MarkDrain
		}
	}
	if paused != d.pausing.paused {
		d.log.Info("paused by a marker in control", "paused", paused, "drain", drain)
	}
	d.pausing.paused = paused
	switch {
	case !drain:
		d.pausing.drained = time.Time{}
	case d.pausing.drained.IsZero():
		d.pausing.drained = time.Now()
	case time.Since(d.pausing.drained) >= d.cfg.DrainTimeout:
		d.dispatcher.Cancel(func(*work) bool { return true }, errDrained)
	}
	return paused
}

// wish obeys a marker that concerns a waiting job. One that cannot be obeyed
// because the job does not wait is removed, and logged.
func (d *Daemon) wish(m spool.Marker) error {
	j, owner, err := d.spool.Resolve(m.Subject)
	if err != nil {
		return err
	}
	why := d.refuse(m, j, owner)
	if why == "" {
		why, err = d.rearrange(m, j)
	}
	if err != nil {
		return err
	}
	if why != "" {
		d.log.Warn("marker removed", "marker", m.Name, "by", userName(m.UID), "why", why)
	} else {
		d.log.Info(m.Verb, "job", j, "by", userName(m.UID))
	}
	return d.spool.Unmark(m)
}

// rearrange does what m asks of a waiting job, or says why it cannot.
func (d *Daemon) rearrange(m spool.Marker, j string) (why string, err error) {
	list, where := d.spool.Queue, "in the queue"
	if m.Verb == spool.MarkRelease {
		list, where = d.spool.OnHold, "on hold"
	}
	waiting, err := list()
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(waiting, func(q spool.QueueName) bool { return q.Job == j })
	if i < 0 {
		return "the job is not " + where, nil
	}
	switch m.Verb {
	case spool.MarkHold:
		err = d.spool.Hold(waiting[i])
	case spool.MarkRelease:
		_, err = d.spool.Release(waiting[i])
	case spool.MarkPriority:
		err = d.spool.Rerank(waiting[i], 9-m.Priority)
	}
	return "", err
}

// waiting returns the name of a waiting job. One on hold is released first.
func (d *Daemon) waiting(j string) (spool.QueueName, error) {
	same := func(q spool.QueueName) bool { return q.Job == j }
	queue, err := d.spool.Queue()
	if err != nil {
		return spool.QueueName{}, err
	}
	if i := slices.IndexFunc(queue, same); i >= 0 {
		return queue[i], nil
	}
	held, err := d.spool.OnHold()
	if err != nil {
		return spool.QueueName{}, err
	}
	if i := slices.IndexFunc(held, same); i >= 0 {
		return d.spool.Release(held[i])
	}
	return spool.QueueName{}, nil
}

// began returns a time before which no wish can have been meant for a job: its
// claim or its acceptance, whichever is earlier. One was stamped by the clock of
// a host, the other by that of the file server, as the marker was.
func (d *Daemon) began(j string) time.Time {
	began, err := spool.ClaimTime(j)
	if err != nil {
		return time.Time{}
	}
	if accepted, err := d.spool.AcceptedAt(j); err == nil && accepted.Before(began) {
		return accepted
	}
	return began
}

// cancelUnclaimed ends a request that still lies in the inbox, by the job_id in
// it or by its own name. ErrLost says that another host claimed it, or may hold
// it: the marker stays.
func (d *Daemon) cancelUnclaimed(m spool.Marker, cause *cancelledError) (done bool, err error) {
	entries, err := d.spool.Scan()
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if m.UID != e.UID && !d.admin(m.UID) {
			continue
		}
		data, err := d.spool.Peek(e, job.MaxRequestBytes)
		if err != nil || e.Base() != m.Subject && jobIDIn(data) != m.Subject {
			continue
		}
		c, err := d.spool.Claim(e)
		if err != nil {
			return false, err
		}
		why := &job.Error{Code: job.CodeCancelled, Message: cause.Error(), Err: cause}
		if err := d.reject(c, data, why); err != nil {
			d.claims = append(d.claims, c) // the marker stays as well
			return false, err
		}
		d.log.Info("cancelled before it was claimed", "job", c.Job, "from", e.Name, "by", cause.by)
		return true, d.spool.Unmark(m)
	}
	elsewhere, err := d.spool.Undecided()
	if err == nil && elsewhere {
		err = fmt.Errorf("cancel %s: another host may hold it: %w", m.Subject, spool.ErrLost)
	}
	return false, err
}

// jobIDIn returns the job_id of a request that may be bad in all else.
func jobIDIn(data []byte) string {
	m, fault := document.Parse("request.yaml", data, job.MaxRequestBytes)
	if fault != nil {
		return ""
	}
	id, _ := names(m)
	return id
}

// retry drops the request of a job that ended badly once more.
func (d *Daemon) retry(m spool.Marker) error {
	j, owner, err := d.failure(m.Subject)
	if err != nil {
		return err
	}
	var why string
	switch {
	case j == "":
		why = "no job that ended badly has this name"
	case m.UID != owner && !d.admin(m.UID):
		why = "it is neither the job's owner nor an admin"
	default:
		if err := d.spool.Retry(m, j); err != nil {
			return err
		}
		d.log.Info("dropped once more", "job", j, "by", userName(m.UID))
		return nil
	}
	d.log.Warn("marker removed", "marker", m.Name, "by", userName(m.UID), "why", why)
	return d.spool.Unmark(m)
}

// failuresSearched bounds how many records are read for a job_id.
const failuresSearched = 1000

// failure finds a job that ended badly, by its token or, the newest, by its
// job_id; "" when there is none.
func (d *Daemon) failure(subject string) (j string, owner int, err error) {
	jobs := []string{subject}
	if _, err := spool.ClaimTime(subject); err != nil {
		if jobs, err = d.spool.Failures(); err != nil {
			return "", -1, err
		}
	}
	for _, j := range jobs[:min(len(jobs), failuresSearched)] {
		owner, data, err := d.spool.Failure(j)
		if errors.Is(err, fs.ErrNotExist) {
			continue // being written, or tidied away
		}
		if err != nil {
			return "", -1, err
		}
		var why reason
		if j == subject || json.Unmarshal(data, &why) == nil && why.JobID == subject {
			return j, owner, nil
		}
	}
	return "", -1, nil
}

// rankOf returns the place in the queue that a job has: what a marker gave it,
// else what its request asks for.
func (d *Daemon) rankOf(w *work) int {
	if r, given := d.spool.Rank(w.claim.Job); given {
		return r
	}
	return rank(&w.request)
}
