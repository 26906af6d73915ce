package daemon

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/roots"
	"uredit/daemon/spool"
)

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
	// reachable says whether the roots that a request needs are mounted here.
	reachable func(*job.Request) error
	disk      func(*roots.Dir) (disk, error) // diskOf
	age       time.Duration                  // inputAge
	retry     time.Duration                  // retryAfter

	mu      sync.Mutex
	paused  bool
	silent  bool // this host's heartbeat does not get through
	turns   turns
	version spool.QueueVersion  // of the listing that turns was made of
	inputs  map[string]sighting // by job
	delays  map[string]delay    // by job
	waiters map[string]wait     // by job
	waiting bool                // a job in the queue cannot be taken yet
	// unsure are jobs that may be taken or not: the spool could not tell. They
	// are taken again, in the queue or not.
	unsure map[string]spool.QueueName
}

func newSource(sp *spool.Spool, set *roots.Set, note *notebook) *source {
	return &source{
		spool: sp, roots: set, note: note, disk: diskOf, age: inputAge, retry: retryAfter,
		turns:  newTurns(),
		inputs: map[string]sighting{}, delays: map[string]delay{}, waiters: map[string]wait{}, unsure: map[string]spool.QueueName{},
	}
}

// pause keeps jobs in the queue, or lets them go.
func (s *source) pause(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = on
}

// silence does the same while this host's heartbeat does not get through.
func (s *source) silence(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = on
}

// stopped reports whether jobs stay in the queue.
func (s *source) stopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused || s.silent
}

// again returns how soon to look at the queue once more, at most d.
func (s *source) again(d time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting {
		return min(d, s.between())
	}
	return d
}

// Take implements dispatch.Source.
func (s *source) Take(ctx context.Context, idle bool) (w *work, alone, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = false
	if s.paused || s.silent || ctx.Err() != nil {
		return nil, false, false, nil
	}
	if s.note.trouble("queue", s.refresh()) {
		return nil, false, false, nil
	}
	for q := range s.turns.all(time.Now()) {
		w := s.able(q)
		if w == nil {
			s.waiting = true
			continue
		}
		if q.Alone() && !idle {
			return nil, false, false, nil // nothing overtakes it, or it would wait for ever
		}
		if s.take(w, q) {
			return w, q.Alone(), true, nil
		}
	}
	return nil, false, false, nil
}

// look lists the queue and returns how many jobs wait, and when the one was
// claimed that waits longest.
func (s *source) look() (queued int, since time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	queue, err := s.list()
	return len(queue), oldest(queue), err
}

// refresh lists the queue if it changed. A change that it does not notice is
// noticed by the next look.
func (s *source) refresh() error {
	version, err := s.spool.QueueVersion()
	if err == nil && version != s.version {
		_, err = s.list()
	}
	return err
}

func (s *source) list() ([]spool.QueueName, error) {
	// Asked before: what changes during the listing is listed again.
	version, err := s.spool.QueueVersion()
	if err != nil {
		return nil, err
	}
	queue, err := s.spool.Queue()
	if err != nil {
		return nil, err
	}
	all := slices.Clip(queue)
	for _, q := range s.unsure {
		if !slices.Contains(queue, q) {
			all = append(all, q)
		}
	}
	s.turns.set(all, s.spool.Submitter)
	s.forget(all)
	s.version = version
	return queue, nil
}

// take makes a waiting job this host's, if it can.
func (s *source) take(w *work, q spool.QueueName) bool {
	claim, err := s.spool.Take(q)
	if err != nil && !errors.Is(err, spool.ErrLost) {
		s.note.trouble(q.Job, err)
		s.unsure[q.Job] = q
		return false
	}
	delete(s.unsure, q.Job)
	if err != nil {
		s.turns.drop(q)
		return false
	}
	w.claim = claim
	s.turns.took(q)
	// This host's own take is no reason to list the queue once more. Where that
	// cannot be told, it is listed.
	s.version, _ = s.spool.Taken(s.version)
	return true
}

// forget drops what was seen for jobs that no longer wait, and the delays of
// jobs that were not delayed again.
func (s *source) forget(queue []spool.QueueName) {
	inputs, waiters := make(map[string]sighting, len(s.inputs)), make(map[string]wait, len(s.waiters))
	for _, q := range queue {
		if seen, ok := s.inputs[q.Job]; ok {
			inputs[q.Job] = seen
		}
		if w, ok := s.waiters[q.Job]; ok {
			waiters[q.Job] = w
		}
	}
	s.inputs, s.waiters = inputs, waiters
	maps.DeleteFunc(s.delays, func(_ string, d delay) bool { return time.Since(d.until) > 2*longestDelay*s.retry })
}
