package daemon

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// ErrDevice says that a device can no longer be used by this process. The job
// that met it is safe; the process is to be started anew.
var ErrDevice = errors.New("the device failed")

// How a job is tried again after an error that may pass.
const (
	maxTries    = 4         // runs that end in such an error
	longestWait = time.Hour // between two tries
	jitter      = 0.2       // of the wait, up or down: jobs that failed together come back apart
)

// How a host is judged that fails one job after the other.
const (
	breakerLimit = 3               // jobs in a row that failed for reasons of the host
	breakerRest  = 5 * time.Minute // before it tries one more
)

// backOff returns how long a job waits that failed so many times before. Random
// is from 0 to 1.
func backOff(base time.Duration, failed int, longest time.Duration, random float64) time.Duration {
	wait := longest
	if failed < 20 { // no shift beyond what a Duration holds
		wait = min(longest, base<<failed)
	}
	return time.Duration(float64(wait) * (1 - jitter + 2*jitter*random))
}

// verdict decides whether a job that failed is tried again, and when.
func (d *Daemon) verdict(w *work, e *job.Error) ending {
	if !mayPass(e) || w.claim.Attempts+1 >= maxTries {
		return ending{why: e}
	}
	wait := backOff(d.source.retry, w.claim.Attempts, longestWait, rand.Float64())
	at := time.Now().Add(wait)
	return ending{
		again: fmt.Sprintf("%s; tried again at %s", e.Message, at.UTC().Format("15:04:05 MST")),
		mark:  spool.Tried, at: at,
	}
}

// breaker stops a host that fails one job after the other for its own reasons,
// before it fails them all.
type breaker struct {
	mu    sync.Mutex
	fails int
	until time.Time
	why   error
}

// note records how a job ended on this host: nil, or an error of the host.
func (b *breaker) note(why error, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if why == nil {
		b.fails, b.why = 0, nil
		return
	}
	if b.fails++; b.fails >= breakerLimit {
		b.until = now.Add(breakerRest)
		b.why = fmt.Errorf("%d jobs in a row failed on this host, which begins none for %v: %w", b.fails, breakerRest, why)
	}
}

// open returns why the host must not begin a job now, or nil. After its rest one
// more failure is enough to stop it again.
func (b *breaker) open(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails < breakerLimit || !now.Before(b.until) {
		return nil
	}
	return b.why
}

// observeEnd tells the breaker how an attempt ended.
func (d *Daemon) observeEnd(failure error) {
	if failure == nil {
		d.breaker.note(nil, time.Now())
		return
	}
	e := explain(failure)
	switch {
	case blamesHost(e):
		d.breaker.note(e, time.Now())
	case !mayPass(e):
		d.breaker.note(nil, time.Now()) // this host could run it well enough to find the fault
	}
}
