package daemon

import (
	"time"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// A Meter counts what a daemon does. Its methods are called from several
// goroutines, and are to return at once.
type Meter interface {
	// JobEnded counts a terminal record; code says why a job did not end well.
	JobEnded(o job.Outcome, code string)
	// JobRequeued counts an attempt that went back into the queue.
	JobRequeued()
	// StageEnded counts a stage of an attempt that is over.
	StageEnded(t job.StageTime)
	// CacheAsked counts a look for what an earlier job made; the answer is hit,
	// miss or spoilt.
	CacheAsked(part job.CachePart, answer string)
	// CacheHolds takes the bytes that are in the cache.
	CacheHolds(bytes int64)
	// DevicesAsked takes how the devices do, every few seconds. The list is the
	// meter's to keep, and not to change.
	DevicesAsked(list []spool.Device)
}

// nobody counts nothing.
type nobody struct{}

func (nobody) JobEnded(job.Outcome, string)     {}
func (nobody) JobRequeued()                     {}
func (nobody) StageEnded(job.StageTime)         {}
func (nobody) CacheAsked(job.CachePart, string) {}
func (nobody) CacheHolds(int64)                 {}
func (nobody) DevicesAsked([]spool.Device)      {}

// outcome is how a job ended that ended badly.
func outcome(why *job.Error) job.Outcome {
	if why.Code == job.CodeCancelled {
		return job.OutcomeCancelled
	}
	return job.OutcomeFailed
}

// measure counts the stages that an attempt went through since it began.
func (d *Daemon) measure(stages []job.StageTime, began time.Time) {
	for _, t := range stages {
		if !t.StartedAt.Before(began) && !t.EndedAt.IsZero() {
			d.meter.StageEnded(t)
		}
	}
}
