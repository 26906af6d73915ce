package mask

import "uredit/pipeline/frame"

// Logits that cleaning writes: just inside, just outside.
const (
	filled  = 0.1
	removed = -0.1
)

// Cleaner removes holes and specks. The zero value is ready; it keeps its memory
// for the next mask.
type Cleaner struct {
	runs   []run
	parent []int32
}

// Clean fills holes of at most area samples and then removes specks of at most
// area samples or half the mask, whichever is less. Parts are 8-connected. It
// returns how many samples are above 0 afterwards; with area 0 it only counts.
func (c *Cleaner) Clean(p frame.Plane32, area int) int {
	if area > 0 {
		c.components(p, false)
		c.replace(p, area, filled)
	}
	total := c.components(p, true)
	if area > 0 {
		total -= c.replace(p, min(area, total/2), removed)
	}
	return total
}

// run is a part of one row with one sign.
type run struct {
	y, from, to int32
	area        int32 // of the whole component, at its root
}

// components finds the 8-connected parts of p that are above 0 (inside) or not,
// and returns the samples in all of them.
func (c *Cleaner) components(p frame.Plane32, inside bool) (total int) {
	c.runs, c.parent = c.runs[:0], c.parent[:0]
	above, start := 0, 0 // runs of the row above begin at above and end at start
	for y := range p.Height {
		row := p.Row(y)
		for x := 0; x < len(row); {
			if row[x] > 0 != inside {
				x++
				continue
			}
			from := x
			for x < len(row) && row[x] > 0 == inside {
				x++
			}
			c.parent = append(c.parent, int32(len(c.runs)))
			c.runs = append(c.runs, run{int32(y), int32(from), int32(x), int32(x - from)})
			total += x - from
		}
		c.join(above, start)
		above, start = start, len(c.runs)
	}
	return total
}

// join unites the runs from start on, one row, with those of the row above from
// above on that they touch, also by a corner.
func (c *Cleaner) join(above, start int) {
	i := above
	for j := start; j < len(c.runs); j++ {
		for ; i < start && c.runs[i].to < c.runs[j].from; i++ {
		}
		for k := i; k < start && c.runs[k].from <= c.runs[j].to; k++ {
			a, b := c.root(int32(k)), c.root(int32(j))
			if a == b {
				continue
			}
			c.parent[b] = a
			c.runs[a].area += c.runs[b].area
		}
	}
}

func (c *Cleaner) root(i int32) int32 {
	for c.parent[i] != i {
		c.parent[i] = c.parent[c.parent[i]]
		i = c.parent[i]
	}
	return i
}

// replace writes v into every component of at most area samples and returns how
// many it wrote.
func (c *Cleaner) replace(p frame.Plane32, area int, v float32) (n int) {
	for i, r := range c.runs {
		if int(c.runs[c.root(int32(i))].area) > area {
			continue
		}
		part := p.Row(int(r.y))[r.from:r.to]
		for x := range part {
			part[x] = v
		}
		n += len(part)
	}
	return n
}
