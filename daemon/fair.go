package daemon

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"uredit/daemon/spool"
)

// agePerRank is how long a job waits until it counts as one rank better.
const agePerRank = time.Hour

// turns is the queue in the order in which this host takes jobs out of it, and
// whose jobs it took, so that users take turns. To find the next job costs the
// same however long the queue is.
type turns struct {
	lines      map[line][]spool.QueueName
	submitters map[string]int // who dropped a waiting job's request, by job
	served     map[int]uint64 // when a user had the last turn
	clock      uint64         // turns so far
}

// line is what one user's jobs of one rank stand in, the oldest first: none of
// them is ever before an older one.
type line struct{ uid, rank int }

func newTurns() turns { return turns{submitters: map[string]int{}, served: map[int]uint64{}} }

// set makes queue the jobs that wait. Who dropped those that are new is looked
// up, each once.
func (t *turns) set(queue []spool.QueueName, submitter func(spool.QueueName) (int, error)) {
	known := make(map[string]int, len(queue))
	t.lines = map[line][]spool.QueueName{}
	for _, q := range queue {
		uid, seen := t.submitters[q.Job]
		if !seen {
			var err error
			uid, err = submitter(q)
			seen = err == nil // else it left the queue meanwhile, or is asked for again
		}
		if seen {
			known[q.Job] = uid
		}
		at := line{uid: known[q.Job], rank: q.Rank}
		t.lines[at] = append(t.lines[at], q)
	}
	t.submitters = known
	for _, l := range t.lines {
		if !slices.IsSortedFunc(l, older) {
			slices.SortFunc(l, older)
		}
	}
}

func older(a, b spool.QueueName) int {
	return cmp.Or(a.Enqueued.Compare(b.Enqueued), cmp.Compare(a.Job, b.Job))
}

// all yields the waiting jobs by who is next: a better rank first, where each
// hour of waiting lifts a job by one; among equals the user whose last turn is
// longest ago; of one user the oldest job. So no user can keep another waiting
// by the number of jobs alone. The job that was yielded last may be dropped.
func (t *turns) all(now time.Time) iter.Seq[spool.QueueName] {
	return func(yield func(spool.QueueName) bool) {
		heads := slices.Collect(maps.Values(t.lines))
		for len(heads) > 0 {
			best := 0
			for i := range heads {
				if t.compare(heads[i][0], heads[best][0], now) < 0 {
					best = i
				}
			}
			q := heads[best][0]
			if heads[best] = heads[best][1:]; len(heads[best]) == 0 {
				heads = slices.Delete(heads, best, best+1)
			}
			if !yield(q) {
				return
			}
		}
	}
}

// compare is below 0 when a is before b.
func (t *turns) compare(a, b spool.QueueName, now time.Time) int {
	rank := func(q spool.QueueName) int {
		return max(0, q.Rank-int(max(0, now.Sub(q.Enqueued))/agePerRank))
	}
	return cmp.Or(
		cmp.Compare(rank(a), rank(b)),
		cmp.Compare(t.served[t.submitters[a.Job]], t.served[t.submitters[b.Job]]),
		older(a, b),
	)
}

// drop takes a job out that does not wait any more. Lines that are being gone
// through stay as they are.
func (t *turns) drop(q spool.QueueName) {
	at := line{uid: t.submitters[q.Job], rank: q.Rank}
	l := t.lines[at]
	switch i := slices.Index(l, q); {
	case i < 0:
		return
	case len(l) == 1:
		delete(t.lines, at)
	case i == 0: // the usual case, and the one that must not cost the line's length
		t.lines[at] = l[1:]
	default:
		t.lines[at] = slices.Concat(l[:i], l[i+1:])
	}
	delete(t.submitters, q.Job)
}

// took drops a job and notes that its user had a turn.
func (t *turns) took(q spool.QueueName) {
	if uid, known := t.submitters[q.Job]; known {
		t.clock++
		t.served[uid] = t.clock
	}
	t.drop(q)
}
