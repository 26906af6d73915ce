package daemon

import (
	"cmp"
	"slices"
	"time"

	"uredit/daemon/spool"
)

// agePerRank is how long a job waits until it counts as one rank better.
const agePerRank = time.Hour

// turns remembers whose jobs this host took, so that users take turns.
type turns struct {
	submitters map[string]int // who dropped a waiting job's request, by job
	served     map[int]uint64 // when a user had the last turn
	clock      uint64         // turns so far
}

func newTurns() turns { return turns{submitters: map[string]int{}, served: map[int]uint64{}} }

// order sorts a queue by who is next: a better rank first, where each hour of
// waiting lifts a job by one; among equals the user whose last turn is longest
// ago; of one user the oldest job. So no user can keep another waiting by the
// number of jobs alone.
func (t *turns) order(queue []spool.QueueName, now time.Time, submitter func(spool.QueueName) (int, error)) {
	t.learn(queue, submitter)
	rank := func(q spool.QueueName) int {
		return max(0, q.Rank-int(max(0, now.Sub(q.Enqueued))/agePerRank))
	}
	slices.SortStableFunc(queue, func(a, b spool.QueueName) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)),
			cmp.Compare(t.served[t.submitters[a.Job]], t.served[t.submitters[b.Job]]),
			a.Enqueued.Compare(b.Enqueued),
			cmp.Compare(a.Job, b.Job),
		)
	})
}

// learn looks up who dropped the jobs that are new in the queue, each once, and
// forgets those that left it.
func (t *turns) learn(queue []spool.QueueName, submitter func(spool.QueueName) (int, error)) {
	known := make(map[string]int, len(queue))
	for _, q := range queue {
		uid, seen := t.submitters[q.Job]
		if !seen {
			var err error
			if uid, err = submitter(q); err != nil {
				continue // it left the queue meanwhile, or is asked for again
			}
		}
		known[q.Job] = uid
	}
	t.submitters = known
}

// took notes that a job's user had a turn.
func (t *turns) took(j string) {
	if uid, known := t.submitters[j]; known {
		t.clock++
		t.served[uid] = t.clock
	}
}
