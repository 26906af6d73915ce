package daemon

import (
	"errors"
	"fmt"
	"strings"

	"uredit/daemon/job"
	"uredit/daemon/report"
	"uredit/daemon/spool"
)

// maxTold is how many waiting jobs a look tells why they wait: of ten thousand
// on one disk that is full, some at a time.
const maxTold = 10

// A wait is why a job in the queue cannot begin on this host.
type wait struct {
	job  spool.QueueName
	why  string
	told string // the last reason that this host tried to tell
}

// waits notes why a job cannot begin; "" that it can. The caller holds s.mu.
func (s *source) waits(q spool.QueueName, why string) {
	if why == "" {
		delete(s.waiters, q.Job)
		return
	}
	w := s.waiters[q.Job]
	w.job, w.why = q, why
	s.waiters[q.Job] = w
}

// untold returns jobs that wait for a reason that was not told yet, at most
// maxTold. Each reason is returned once.
func (s *source) untold() []wait {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []wait
	for j, w := range s.waiters {
		if w.told == w.why {
			continue
		}
		w.told = w.why
		s.waiters[j] = w
		if list = append(list, w); len(list) == maxTold {
			break
		}
	}
	return list
}

// tellWaits says in the output directories of waiting jobs why they wait. Where
// that cannot be said, the host's own heartbeat tells.
func (d *Daemon) tellWaits() {
	if d.source.stopped() {
		return // this host takes nothing now
	}
	for _, w := range d.source.untold() {
		if err := d.tellWait(w); err != nil && !errors.Is(err, spool.ErrLost) { // lost: it begins elsewhere
			d.log.Warn("tell why a job waits", "job", w.job.Job, "why", w.why, "err", err)
		}
	}
}

// tellWait takes the job and gives it back: only the owner of a job writes in its
// output directory. Where another host has said the same nothing is done.
func (d *Daemon) tellWait(t wait) error {
	w, err := d.source.read(t.job.Job)
	if err != nil {
		return err
	}
	out, err := d.roots.OpenDir(w.request.OutputDir)
	if err != nil {
		return nil // the output directory is what is missing
	}
	defer out.Close()
	if data, err := out.ReadRegular(job.StatusName); err == nil {
		if st, err := job.ParseStatus(data); err == nil && strings.HasSuffix(st.Stalled(), ": "+t.why) {
			return nil
		}
	}
	if w.claim, err = d.spool.Take(t.job); err != nil {
		return err
	}
	message := job.CannotBegin + d.spool.Instance().Host + ": " + t.why
	told := d.fenced(out, w.claim, func(dir string) error {
		return report.WriteWaiting(out.Root, out.Path, dir, w.claim.Job, &w.request, nextAttempt(out, w.claim.Job), message)
	})
	if _, err := d.spool.Requeue(w.claim, d.rankOf(w), spool.Unmarked); err != nil {
		d.taken = append(d.taken, w.claim) // the next look gives it back
		return errors.Join(told, err)
	}
	return told
}

// reasonOf returns what an error says to people of a job that waits.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*job.Error](err); ok {
		return e.Message
	}
	return fmt.Sprint(err)
}
