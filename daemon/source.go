package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
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

// A delay keeps a job in the queue after a trouble that is not its own.
type delay struct {
	until time.Time
	wait  time.Duration // what led to until; the next one is twice as long
}

func newSource(sp *spool.Spool, set *roots.Set, note *notebook) *source {
	return &source{
		spool: sp, roots: set, note: note, disk: diskOf, age: inputAge, retry: retryAfter,
		turns:  newTurns(),
		inputs: map[string]sighting{}, delays: map[string]delay{}, waiters: map[string]wait{}, unsure: map[string]spool.QueueName{},
	}
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

// between is how long a job that cannot begin is left alone.
func (s *source) between() time.Duration { return max(min(s.age, s.retry)/10, time.Millisecond) }

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
