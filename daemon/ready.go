package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// inputAge is how long a video must be unchanged before a job starts on it: a
// copy over the network pauses for less.
const inputAge = 10 * time.Second

// sighting is what a look found at an input.
type sighting struct {
	size  int64
	mtime time.Time
	since time.Time // of the first look that found it so
}

// A delay keeps a job in the queue after a trouble that is not its own.
type delay struct {
	until time.Time
	wait  time.Duration // what led to until; the next one is twice as long
}

// able returns the work of a waiting job that could begin now. One that could
// not is left alone for a while: to find out costs several looks at files.
func (s *source) able(q spool.QueueName) *work {
	now := time.Now()
	if now.Before(s.delays[q.Job].until) || !q.Due(now) {
		return nil
	}
	w, err := s.read(q.Job)
	ready := false
	if err == nil {
		ready, err = s.ready(q.Job, &w.request, now)
	}
	s.waits(q, reasonOf(err))
	if s.note.trouble(q.Job, err) || !ready {
		// The more there are of them the less often each is looked at.
		rest := s.between() * time.Duration(1+len(s.waiters)/100)
		s.delays[q.Job] = delay{until: now.Add(rest), wait: s.delays[q.Job].wait}
		return nil
	}
	return w
}

// between is how long a job that cannot begin is left alone.
func (s *source) between() time.Duration { return max(min(s.age, s.retry)/10, time.Millisecond) }

// postpone keeps a job in the queue for a while after a trouble of this host,
// each time twice as long: every attempt costs one of the job's epochs.
func (s *source) postpone(j string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := min(max(s.retry, 2*s.delays[j].wait), longestDelay*s.retry)
	s.delays[j] = delay{until: time.Now().Add(wait), wait: wait}
}

// retryAfter is how long a job waits after a trouble that is not its own, the
// first time; longestDelay says how many times longer it may wait.
const (
	retryAfter   = 30 * time.Second
	longestDelay = 20
)

// read returns the work of an accepted job, without a claim.
func (s *source) read(j string) (*work, error) {
	data, err := s.spool.Request(j)
	if err != nil {
		return nil, err
	}
	w := &work{}
	w.request, w.warnings, err = job.Parse("request.yaml", data)
	return w, err
}

// ready reports whether a job could begin: its input is complete, and where it
// reads and writes is there. An error is one that will pass; all others are for
// the job to report.
func (s *source) ready(j string, r *job.Request, now time.Time) (bool, error) {
	if err := s.reachable(r); err != nil {
		return false, err
	}
	out, err := s.roots.OpenDir(r.OutputDir)
	if err == nil {
		err = s.room(out)
		err = errors.Join(err, out.Close())
	}
	if passing(err) {
		return false, err
	}
	in, err := s.roots.OpenInput(r.InputVideoPath)
	if err != nil {
		if passing(err) {
			return false, err
		}
		return true, nil
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return false, fmt.Errorf("look at the input: %w", err)
	}
	return s.complete(j, info, now), nil
}

// complete reports whether a job's input is complete: old, by the clock of its
// file system, or seen unchanged for long enough.
func (s *source) complete(j string, input fs.FileInfo, now time.Time) bool {
	if now.Sub(input.ModTime()) >= s.age {
		return true
	}
	seen, known := s.inputs[j]
	if !known || seen.size != input.Size() || !seen.mtime.Equal(input.ModTime()) {
		s.inputs[j] = sighting{size: input.Size(), mtime: input.ModTime(), since: now}
		return s.age <= 0
	}
	return now.Sub(seen.since) >= s.age
}
