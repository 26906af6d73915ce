package text

import "container/heap"

// pair is two neighbouring tokens.
type pair struct{ left, right int32 }

// merge says what a pair becomes and how early: the lowest rank goes first.
type merge struct{ rank, id int32 }

// candidate is a merge that was possible when it was queued. at is the position
// of the pair's left token.
type candidate struct {
	pair
	merge
	at int
}

// queue orders candidates by rank, equal ones from left to right.
type queue []candidate

func (q queue) Len() int      { return len(q) }
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q queue) Less(i, j int) bool {
	if q[i].rank != q[j].rank {
		return q[i].rank < q[j].rank
	}
	return q[i].at < q[j].at
}
func (q *queue) Push(c any) { *q = append(*q, c.(candidate)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	c := (*q)[last]
	*q = (*q)[:last]
	return c
}

// mergePairs applies merges to tokens until none fits and returns the result in
// the same memory. The queue keeps it at n log n: a prompt may be one word of
// many thousand characters.
func mergePairs(tokens []int32, merges map[pair]merge) []int32 {
	const gone = -1
	next := make([]int, len(tokens))
	prev := make([]int, len(tokens))
	var q queue
	offer := func(at int) {
		if at < 0 || next[at] >= len(tokens) {
			return
		}
		p := pair{tokens[at], tokens[next[at]]}
		if m, ok := merges[p]; ok {
			heap.Push(&q, candidate{pair: p, merge: m, at: at})
		}
	}
	for i := range tokens {
		next[i], prev[i] = i+1, i-1
	}
	for i := range tokens {
		offer(i)
	}
	for len(q) > 0 {
		c := heap.Pop(&q).(candidate)
		right := next[c.at]
		// An earlier merge may have taken one of the two.
		if tokens[c.at] != c.left || right >= len(tokens) || tokens[right] != c.right {
			continue
		}
		tokens[c.at], tokens[right] = c.id, gone
		next[c.at] = next[right]
		if next[right] < len(tokens) {
			prev[next[right]] = c.at
		}
		offer(prev[c.at])
		offer(c.at)
	}
	kept := tokens[:0]
	for _, id := range tokens {
		if id != gone {
			kept = append(kept, id)
		}
	}
	return kept
}
