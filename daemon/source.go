package daemon

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/roots"
	"uredit/daemon/spool"
)

// inputAge is how long a video must be unchanged before a job starts on it: a
// copy over the network pauses for less.
const inputAge = 10 * time.Second

// work is a job on its way to a device.
type work struct {
	claim    *spool.Claim
	request  job.Request
	warnings []string // of the request
}

// source hands the queue's jobs to the dispatcher.
type source struct {
	spool *spool.Spool
	roots *roots.Set
	note  *notebook
	age   time.Duration // inputAge
	retry time.Duration // retryAfter

	mu      sync.Mutex
	paused  bool
	inputs  map[string]sighting  // by job
	after   map[string]time.Time // when a job is to be tried again, by job
	waiting bool                 // a job waits for its input to be complete
}

// sighting is what a look found at an input.
type sighting struct {
	size  int64
	mtime time.Time
	since time.Time // of the first look that found it so
}

// pause keeps jobs in the queue, or lets them go.
func (s *source) pause(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = on
}

// again returns how soon to look at the queue once more, at most d.
func (s *source) again(d time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting {
		return min(d, max(min(s.age, s.retry)/10, time.Millisecond))
	}
	return d
}

// Take implements dispatch.Source.
func (s *source) Take(ctx context.Context, idle bool) (w *work, alone, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = false
	if s.paused || ctx.Err() != nil {
		return nil, false, false, nil
	}
	queue, err := s.spool.Queue()
	if s.note.trouble("queue", err) {
		return nil, false, false, nil
	}
	s.forget(queue)
	for _, q := range queue {
		if time.Now().Before(s.after[q.Job]) {
			s.waiting = true
			continue
		}
		w, err := s.read(q.Job)
		if s.note.trouble(q.Job, err) {
			continue
		}
		if !s.complete(q.Job, w.request.InputVideoPath, time.Now()) {
			s.waiting = true
			continue
		}
		if q.Alone() && !idle {
			return nil, false, false, nil // nothing overtakes it, or it would wait for ever
		}
		w.claim, err = s.spool.Take(q)
		if errors.Is(err, spool.ErrLost) || s.note.trouble(q.Job, err) {
			continue
		}
		return w, q.Alone(), true, nil
	}
	return nil, false, false, nil
}

// postpone keeps a job in the queue for a while after a trouble of this host.
func (s *source) postpone(j string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after[j] = time.Now().Add(s.retry)
}

// retryAfter is how long a job waits after a trouble that is not its own.
const retryAfter = 30 * time.Second

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

// complete reports whether a job's input is complete: old, by the clock of its
// file system, or seen unchanged for long enough. What cannot be opened is for
// the job to report.
func (s *source) complete(j, input string, now time.Time) bool {
	f, err := s.roots.OpenInput(input)
	if err != nil {
		return true
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return true
	}
	if now.Sub(info.ModTime()) >= s.age {
		return true
	}
	seen, known := s.inputs[j]
	if !known || seen.size != info.Size() || !seen.mtime.Equal(info.ModTime()) {
		s.inputs[j] = sighting{size: info.Size(), mtime: info.ModTime(), since: now}
		return s.age <= 0
	}
	return now.Sub(seen.since) >= s.age
}

// forget drops what was seen for jobs that no longer wait.
func (s *source) forget(queue []spool.QueueName) {
	waiting := make(map[string]sighting, len(s.inputs))
	for _, q := range queue {
		if seen, ok := s.inputs[q.Job]; ok {
			waiting[q.Job] = seen
		}
	}
	s.inputs = waiting
	maps.DeleteFunc(s.after, func(_ string, at time.Time) bool { return time.Now().After(at) })
}
