package spool

import (
	"fmt"
	"path"
	"time"
)

// A Mark is what a job carries back into the queue.
type Mark int

const (
	Unmarked Mark = iota // drained: nothing is held against the job
	Crashed              // it ended its process, and ran alone
	Suspect              // it was one of several when their process ended
	Tried                // it ended in an error worth another try
)

func (n JobName) marked(m Mark) JobName {
	switch m {
	case Crashed:
		n.Crashes, n.Suspect = min(n.Crashes+1, maxCrashes), false
	case Suspect:
		n.Suspect = true
	case Tried:
		n.Attempts = min(n.Attempts+1, maxCount)
	}
	return n
}

// Requeue gives a job back that this process took, in the place that the age
// of its claim gives it.
func (s *Spool) Requeue(c *Claim, rank int, m Mark) (QueueName, error) {
	return s.requeue(c.ActiveName, rank, m)
}

// Postpone gives a job back as Requeue does, to be taken after a time: until then
// its name says that it was enqueued later than now.
func (s *Spool) Postpone(c *Claim, rank int, m Mark, until time.Time) (QueueName, error) {
	return s.requeueSince(c.ActiveName, rank, m, until.UTC().Truncate(time.Millisecond))
}

func (s *Spool) requeue(n ActiveName, rank int, m Mark) (QueueName, error) {
	since, err := ClaimTime(n.Job)
	if err != nil {
		return QueueName{}, err
	}
	return s.requeueSince(n, rank, m, since)
}

func (s *Spool) requeueSince(n ActiveName, rank int, m Mark, since time.Time) (QueueName, error) {
	q := QueueName{JobName: n.JobName.marked(m), Rank: min(max(rank, 0), 9), Enqueued: since}
	if err := s.move(path.Join(ActiveDir, n.String()), path.Join(QueueDir, q.String())); err != nil {
		return QueueName{}, fmt.Errorf("requeue %s: %w", n.Job, err)
	}
	return q, nil
}
