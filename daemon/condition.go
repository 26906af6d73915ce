package daemon

import (
	"fmt"
	"time"

	"uredit/daemon/config"
	"uredit/daemon/spool"
)

// A Condition is how a daemon does at one moment.
type Condition struct {
	Devices  int           // all that this daemon works with
	Busy     int           // those that run a job
	Queued   int           // jobs that wait for a device, on any host
	Oldest   time.Time     // when the oldest of them was claimed; zero when none waits
	Paused   bool          // an admin asked that no job begins
	Draining bool          // nothing more begins; the daemon ends when no device is busy
	Grace    time.Duration // how long running jobs may go on in a drain
	Troubles int           // what does not work at the moment and is tried again; the log says more
	Trouble  string        // the one of them that lasts longest
}

// String says it in a sentence for people.
func (c Condition) String() string {
	if c.Draining {
		if c.Busy == 0 {
			return "stopping"
		}
		return fmt.Sprintf("stopping: %d running jobs have %v to finish, what does not goes back into the queue", c.Busy, c.Grace)
	}
	text := fmt.Sprintf("%d of %d devices busy, %d queued", c.Busy, c.Devices, c.Queued)
	if c.Paused {
		text += "; paused by an admin (control/PAUSE)"
	}
	if c.Troubles > 0 {
		text += fmt.Sprintf("; %d not working and tried again, see the log", c.Troubles)
		if c.Trouble != "" {
			text += ": " + c.Trouble
		}
	}
	return text
}

// turnEvery is the longest time between two calls of Options.Observe while
// the loop is alive, however seldom it looks at the inbox.
const turnEvery = 5 * time.Second

// oldest returns when the job was claimed that waits longest.
func oldest(queue []spool.QueueName) (at time.Time) {
	for _, q := range queue {
		if t, err := spool.ClaimTime(q.Job); err == nil && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

// turned tells the observer that the loop came round.
func (d *Daemon) turned(draining bool) {
	if d.observe == nil {
		return
	}
	d.condition.Busy = d.dispatcher.Running()
	d.condition.Draining = draining
	d.condition.Grace = d.cfg.DrainTimeout
	d.condition.Troubles, d.condition.Trouble = d.note.troubles(), d.note.worst()
	d.observe(d.condition)
}

// drain waits for the running jobs.
func (d *Daemon) drain(dispatched <-chan error) error {
	d.log.Info("draining", "running", d.dispatcher.Running())
	turn := time.NewTicker(turnEvery)
	defer turn.Stop()
	for {
		d.turned(true)
		select {
		case err := <-dispatched:
			return err
		case <-turn.C:
		}
	}
}

// Reload makes a running daemon take the keys of a new configuration that it
// can take without a restart: admins, markers, settle and drain_timeout. It
// returns when they hold, or when Run has ended.
func (d *Daemon) Reload(c config.Config) {
	select {
	case d.reload <- c:
	case <-d.ended:
	}
}

// apply takes over what Reload promises. It runs in Run's goroutine, which
// alone reads these values.
func (d *Daemon) apply(c config.Config) {
	d.cfg.Admins, d.cfg.Markers = c.Admins, c.Markers
	d.cfg.Settle, d.intake.Settle = c.Settle, c.Settle
	d.cfg.DrainTimeout = c.DrainTimeout
	d.dispatcher.SetGrace(c.DrainTimeout)
}
