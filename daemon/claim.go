package daemon

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"time"

	"uredit/daemon/spool"
)

// Bounds of one look. Ten thousand requests, or markers, take minutes, in which
// others are to be obeyed, jobs to begin and newcomers to be seen.
const (
	lookFor      = time.Second      // claiming, and as long obeying
	lookAgain    = time.Millisecond // when that was not enough
	scanCounts   = 10 * time.Second // while there is more to claim
	maxUndecided = 100              // claims; with more of them something is wrong here
)

// claim takes what is ready out of the inbox and decides about it, for as long
// as one look may. Soon is when to look for the rest.
func (d *Daemon) claim() (soon time.Duration, err error) {
	if len(d.ready) == 0 || time.Since(d.scanned) > scanCounts {
		entries, err := d.spool.Scan()
		if err != nil {
			return 0, err
		}
		d.scanned = time.Now()
		d.ready, soon = d.intake.Ready(d.scanned, entries, d.spool.Peek)
		d.ready = inTurn(d.claimable(d.ready))
	}
	for began := time.Now(); len(d.ready) > 0 && len(d.claims) < maxUndecided; {
		e := d.ready[0]
		d.ready = d.ready[1:]
		c, err := d.spool.Claim(e)
		if errors.Is(err, spool.ErrLost) || d.note.trouble("inbox/"+e.Name, err) {
			continue
		}
		d.at("claimed")
		if !d.decided(c) {
			d.claims = append(d.claims, c)
		}
		if len(d.ready) > 0 && time.Since(began) >= d.lookFor {
			return lookAgain, nil
		}
	}
	return soon, nil
}

// inTurn orders requests so that users take turns: who drops one is not behind
// the thousands of another.
func inTurn(entries []spool.Entry) []spool.Entry {
	turn, turns := make(map[string]int, len(entries)), map[int]int{}
	for _, e := range entries {
		turn[e.Name] = turns[e.UID]
		turns[e.UID]++
	}
	slices.SortStableFunc(entries, func(a, b spool.Entry) int { return cmp.Compare(turn[a.Name], turn[b.Name]) })
	return entries
}

// decide examines the claims once more that could not be decided about.
func (d *Daemon) decide() {
	d.claims = slices.DeleteFunc(d.claims, d.decided)
}

// decided examines a claim and reports whether that is over. One that cannot be
// decided about now stays.
func (d *Daemon) decided(c *spool.Claim) bool {
	err := d.examine(c)
	if err != nil && errors.Is(d.mine(c), spool.ErrLost) {
		d.log.Warn("somebody took a claim that this daemon held", "job", c.Job)
		return true
	}
	return !d.note.trouble(c.Job, err)
}

// giveBack returns the claims that could not be decided about, when the daemon
// stops: another host may be able to. Those that are accepted are jobs already.
func (d *Daemon) giveBack() {
	for _, c := range d.claims {
		data, err := d.spool.Request(c.Job)
		switch {
		case err == nil:
			_, err = d.spool.Enqueue(c, data, rankIn(data))
		case errors.Is(err, fs.ErrNotExist):
			err = d.spool.Return(c)
		}
		if err != nil { // this host's next daemon examines it, and blames nobody
			d.log.Warn("give a claim back", "job", c.Job, "err", err)
		}
	}
}
