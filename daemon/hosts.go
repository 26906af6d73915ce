package daemon

import (
	"context"
	"errors"
	"slices"
	"time"

	"uredit/daemon/spool"
	"uredit/daemon/watch"
)

// Causes that end a running job because of what happened to its host. The job
// did nothing wrong.
var (
	// errSilent: no heartbeat got through for half a lease, so that other hosts
	// may soon take the job.
	errSilent = errors.New("this host could not reach the spool for too long")
	// errTaken: another host has the job.
	errTaken = errors.New("another host took the job over")
)

// beat keeps the heartbeat until ctx ends, and tells the loop which other
// instances are dead. It may hang as long as the share does.
func (d *Daemon) beat(ctx, serving context.Context) {
	tick := time.NewTicker(d.spool.BeatInterval())
	defer tick.Stop()
	remote := watch.Remote(d.cfg.Root)
	for n := 0; ; n++ {
		state := "run"
		if serving.Err() != nil {
			state = "drain"
		}
		if remote && n%3 == 0 {
			d.note.trouble("listings", d.spool.Refresh())
		}
		d.spool.Remark(d.note.worst())
		dead, err := d.spool.Round(state)
		d.note.trouble("heartbeat", err)
		select {
		case <-ctx.Done():
			return
		case d.rounds <- dead:
		default: // the loop is busy; the next round says the same
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// guard stops the work of this host, until ctx ends, while its heartbeat does
// not get through. It touches no file: the share may hang.
func (d *Daemon) guard(ctx context.Context) {
	tick := time.NewTicker(d.spool.BeatInterval())
	defer tick.Stop()
	silent := false
	for {
		if now := d.spool.Fenced(); now != silent {
			silent = now
			d.source.silence(silent)
			d.note.trouble("heartbeat for half a lease", silenceError(silent))
		}
		if silent {
			d.dispatcher.Cancel(func(*work) bool { return true }, errSilent)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func silenceError(silent bool) error {
	if silent {
		return errSilent
	}
	return nil
}

// attend acts upon a round of heartbeats: what dead instances held is taken
// over, jobs that somebody took from this process are ended, and what it holds
// without knowing is taken up.
func (d *Daemon) attend(dead []spool.Instance) {
	if len(dead) > 0 && !d.source.stopped() {
		r, err := d.spool.TakeOver(dead, d.mayTake)
		if len(r.Claims)+len(r.Jobs)+len(r.Committed)+len(r.Crashed) > 0 {
			for _, i := range dead {
				d.log.Warn("silent for a lease; its jobs are taken over", "instance", i.String(), "lease", d.spool.Lease())
			}
		}
		d.note.trouble("take over", err)
		d.takeUp(r)
	}
	d.compare()
	d.settle()
	d.dispatcher.Wake() // for what was queued again
}

// compare brings what this process knows to hold and what the spool shows in
// step.
func (d *Daemon) compare() {
	running := d.dispatcher.Jobs() // before the listing: what is taken later is not in it
	held, err := d.spool.Held()
	if d.note.trouble("spool/active", err) {
		return
	}
	d.dispatcher.Cancel(func(w *work) bool {
		return slices.Contains(running, w) && !holds(held, w.claim.Job)
	}, errTaken)
	for _, n := range held {
		if d.knows(n.Job) {
			continue
		}
		if err := d.adopt(n); !errors.Is(err, spool.ErrLost) { // lost: it just ended
			d.note.trouble(n.Job, err)
		}
	}
}

func (d *Daemon) adopt(n spool.ActiveName) error {
	accepted, err := d.spool.Accepted(n.Job)
	if err != nil {
		return err
	}
	c, err := d.spool.Adopt(n)
	if err != nil {
		return err
	}
	d.log.Warn("held, and nobody at work on it; taken up again", "job", n.Job)
	if accepted {
		d.taken = append(d.taken, c)
	} else {
		d.claims = append(d.claims, c)
	}
	return nil
}

func holds(held []spool.ActiveName, j string) bool {
	return slices.ContainsFunc(held, func(n spool.ActiveName) bool { return n.Job == j })
}

// knows reports whether a job is claimed, taken or running here.
func (d *Daemon) knows(j string) bool {
	same := func(c *spool.Claim) bool { return c.Job == j }
	return slices.ContainsFunc(d.claims, same) || slices.ContainsFunc(d.taken, same) ||
		slices.ContainsFunc(d.dispatcher.Jobs(), func(w *work) bool { return same(w.claim) })
}
