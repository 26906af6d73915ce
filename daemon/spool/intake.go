package spool

import (
	"errors"
	"time"
)

// An Intake remembers what lay in the inbox, to tell a request that is complete
// from one that is still being written. Modification times are compared, never
// read as times: the file server's clock is another one.
type Intake struct {
	// Settle is how long a request without an end mark must not change.
	Settle time.Duration
	// Complete reports whether the end of a file says that it is complete.
	Complete func(tail []byte) bool
	// Valid reports whether a whole file is a request. One that is not may be
	// half of one, and waits three times as long before it is claimed and
	// rejected.
	Valid func(data []byte) bool
	// Limit is the largest request, in bytes. A larger file is no request and
	// is not read.
	Limit int64

	seen map[string]sighting
}

type sighting struct {
	entry Entry
	since time.Time // of the first look that found it so
}

// tailBytes is enough for a line "..." and blank lines after it.
const tailBytes = 64

// invalidFactor is how many times longer a file waits that is no request.
const invalidFactor = 3

// Ready returns those of the entries that may be claimed now. Peek reads the
// end of an entry. When others wait, again is when to look at them next.
func (t *Intake) Ready(now time.Time, entries []Entry, peek func(e Entry, limit int64) ([]byte, error)) (ready []Entry, again time.Duration) {
	seen := make(map[string]sighting, len(entries))
	for _, e := range entries {
		s, known := t.seen[e.Name]
		if !known || !s.entry.same(e) {
			s = sighting{entry: e, since: now}
		}
		if wait := t.wait(e, now.Sub(s.since), peek); wait > 0 {
			seen[e.Name] = s
			if again == 0 || wait < again {
				again = wait
			}
			continue
		}
		ready = append(ready, e)
	}
	t.seen = seen
	return ready, again
}

// wait returns how much longer e must stay unchanged; 0 when it is ready.
func (t *Intake) wait(e Entry, unchanged time.Duration, peek func(Entry, int64) ([]byte, error)) time.Duration {
	tail, err := peek(e, tailBytes)
	if errors.Is(err, ErrLost) {
		return t.Settle // changed since the look
	}
	if err == nil && t.Complete(tail) {
		return 0
	}
	if unchanged < t.Settle {
		return t.Settle - unchanged
	}
	// What cannot be read, or is too large, waits like what cannot be parsed:
	// its mode or its content may be about to change.
	if err == nil && e.Size <= t.Limit {
		data, err := peek(e, t.Limit)
		if errors.Is(err, ErrLost) {
			return t.Settle
		}
		if err == nil && t.Valid(data) {
			return 0
		}
	}
	return max(0, invalidFactor*t.Settle-unchanged)
}
