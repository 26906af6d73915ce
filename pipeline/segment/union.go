package segment

import (
	"bytes"

	"uredit/pipeline/frame"
)

// Union draws objects as one mask of the video's size. A sample belongs to the
// mask where an object's logits, interpolated linearly between the centres of
// their samples and repeated beyond the border, are above 0.
//
// Between four logits of one sign nothing needs to be computed, so only the
// mask's edge is: the result is that of enlarging whole planes, for less.
// A Union is used by one goroutine at a time.
type Union struct {
	width, height int
	across, down  axis
	ones          []byte // a row of mask
	cells         []cell

	// of Instances
	instances []Instance
	masks     []frame.Plane
	one       [1]Object
	taken     []byte
}

// axis says where the samples of one direction lie between logits.
type axis struct {
	from, to int       // logits and samples
	first    []int     // of each logit: the first sample at or after its centre; then to
	near     []float32 // of each sample: weight of the logit before it
	far      []float32 // and of the one after
}

// cell is a stretch of samples between two columns of logits.
type cell struct {
	column int
	full   bool // all four corners are inside
	last   int  // column of the last corner of a full stretch
}

// NewUnion returns a Union for masks of w by h samples.
func NewUnion(w, h int) *Union {
	return &Union{width: w, height: h, ones: bytes.Repeat([]byte{255}, w)}
}

// Draw fills dst, of the Union's size, with 255 inside any of the objects and 0
// elsewhere.
func (u *Union) Draw(dst frame.Plane, objects []Object) {
	for y := range dst.Height {
		clear(dst.Row(y))
	}
	for _, o := range objects {
		u.across.fit(o.Logits.Width, u.width)
		u.down.fit(o.Logits.Height, u.height)
		for r := range o.Logits.Height {
			u.band(dst, o.Logits, r)
		}
	}
}

// fit computes an axis, unless it is the one of the last object.
func (a *axis) fit(from, to int) {
	if a.from == from && a.to == to {
		return
	}
	a.from, a.to = from, to
	a.first = make([]int, from+1)
	a.near, a.far = make([]float32, to), make([]float32, to)
	scale := float64(from) / float64(to)
	logit := 0
	for i := range to {
		at := max((float64(i)+0.5)*scale-0.5, 0)
		for ; logit < from && float64(logit) <= at; logit++ {
			a.first[logit] = i
		}
		a.far[i] = float32(at - float64(logit-1))
		a.near[i] = 1 - a.far[i]
	}
	for ; logit <= from; logit++ {
		a.first[logit] = to
	}
}

// band draws the rows of dst between row r of logits and the next.
func (u *Union) band(dst frame.Plane, logits frame.Plane32, r int) {
	top, bottom := logits.Row(r), logits.Row(min(r+1, logits.Height-1))
	u.classify(top, bottom)
	if len(u.cells) == 0 {
		return
	}
	first := u.across.first
	for y := u.down.first[r]; y < u.down.first[r+1]; y++ {
		row := dst.Row(y)
		near, far := u.down.near[y], u.down.far[y]
		for _, c := range u.cells {
			from, to := first[c.column], first[c.last]
			if c.full {
				copy(row[from:to], u.ones)
				continue
			}
			next := min(c.last, len(top)-1)
			left := near*top[c.column] + far*bottom[c.column]
			right := near*top[next] + far*bottom[next]
			for x := from; x < to; x++ {
				if u.across.near[x]*left+u.across.far[x]*right > 0 {
					row[x] = 255
				}
			}
		}
	}
}

// classify lists the cells between two rows of logits that have a corner
// inside; neighbours that are full become one.
func (u *Union) classify(top, bottom []float32) {
	u.cells = u.cells[:0]
	left := inside(top[0], bottom[0])
	for x := range top {
		next := min(x+1, len(top)-1)
		right := inside(top[next], bottom[next])
		switch n := len(u.cells); {
		case left+right == 0:
		case left+right < 4:
			u.cells = append(u.cells, cell{column: x, last: x + 1})
		case n > 0 && u.cells[n-1].full && u.cells[n-1].last == x:
			u.cells[n-1].last = x + 1
		default:
			u.cells = append(u.cells, cell{column: x, full: true, last: x + 1})
		}
		left = right
	}
}

// inside returns how many of two logits are above 0.
func inside(a, b float32) int {
	n := 0
	if a > 0 {
		n++
	}
	if b > 0 {
		n++
	}
	return n
}
