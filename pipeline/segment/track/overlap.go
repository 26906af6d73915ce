package track

import (
	"uredit/pipeline/frame"
)

const (
	// neverHidden is the last frame in which an object was hidden that never was.
	neverHidden = -1
	// noHistory is that of an object in the first frame that it is tracked in.
	noHistory = -2
	// alwaysHidden is that of an object that ends in the first frame that it is
	// tracked in; it is later than any frame.
	alwaysHidden = 100000
)

// suppress returns which objects give way: of two of one prompt that lie on each
// other, the one that was hidden later, if the other was ever hidden. hidden
// holds for each object the last frame in which it was empty or gave way.
func suppress(objects []view, hidden []int, threshold float32) []bool {
	yields := make([]bool, len(objects))
	if threshold <= 0 {
		return yields
	}
	for i := range objects {
		for j := i + 1; j < len(objects); j++ {
			if objects[i].overlap(objects[j]) < threshold || objects[i].prompt != objects[j].prompt {
				continue
			}
			switch {
			case hidden[i] > hidden[j] && hidden[j] > neverHidden:
				yields[i] = true
			case hidden[j] > hidden[i] && hidden[i] > neverHidden:
				yields[j] = true
			}
		}
	}
	return yields
}

// contested returns for each mask whether it loses too much when every sample
// belongs to the object of the highest logit: less than the part least of it
// is left. Masks of different prompts do not compete, and one alone loses
// nothing. Masks are enlarged by the factor before, linearly.
func contested(masks []frame.Plane32, prompts []int, least float32, factor int) []bool {
	before, after := make([]int, len(masks)), make([]int, len(masks))
	rivals := make(map[int][]int)
	for k, p := range prompts {
		rivals[p] = append(rivals[p], k)
	}
	for _, group := range rivals {
		if len(group) < 2 {
			continue
		}
		rows := make([][]float32, len(group))
		for y := range masks[group[0]].Height * factor {
			for i, k := range group {
				rows[i] = enlargedRow(rows[i], masks[k], y, factor)
			}
			contest(rows, group, before, after)
		}
	}
	lost := make([]bool, len(masks))
	for k, p := range prompts {
		if len(rivals[p]) > 1 {
			lost[k] = float32(after[k])/float32(max(before[k], 1)) < least
		}
	}
	return lost
}

// contest counts for a group of objects the samples of one row that are each's,
// before and after all go to the highest logit; of equals the first has it.
func contest(rows [][]float32, group, before, after []int) {
	for x := range rows[0] {
		best := 0
		for i, row := range rows {
			if row[x] > 0 {
				before[group[i]]++
			}
			if row[x] > rows[best][x] {
				best = i
			}
		}
		if rows[best][x] > 0 {
			after[group[best]]++
		}
	}
}

// enlargedRow returns row y of p enlarged by the factor, in row's memory where
// it is large enough; with factor 1 it is p's own.
func enlargedRow(row []float32, p frame.Plane32, y, factor int) []float32 {
	if factor == 1 {
		return p.Row(y)
	}
	if row == nil {
		row = make([]float32, p.Width*factor)
	}
	top, bottom, v := between(y, factor, p.Height)
	above, below := p.Row(top), p.Row(bottom)
	for x := range row {
		left, right, u := between(x, factor, p.Width)
		a := above[left] + u*(above[right]-above[left])
		b := below[left] + u*(below[right]-below[left])
		row[x] = a + v*(b-a)
	}
	return row
}

// between returns the two of n samples that sample i of an enlargement lies
// between, and how far from the first.
func between(i, factor, n int) (first, second int, part float32) {
	at := max((float32(i)+0.5)/float32(factor)-0.5, 0)
	first = int(at)
	return first, min(first+1, n-1), at - float32(first)
}
