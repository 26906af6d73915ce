package segment

import (
	"fmt"
	"slices"
	"strconv"

	"uredit/pipeline/frame"
)

// Selection says which of the objects that a Query finds count.
type Selection struct {
	kind  selectionKind
	index int
}

type selectionKind uint8

const (
	everything selectionKind = iota
	largest
	nth
)

// ParseSelection reads "all" (also ""), "largest" or a number from 0 on.
//
// The largest object is the one that has the most samples in the first frame of
// a shot that shows any; it stays the one until it is gone, then the largest of
// the others follows. A number is the position in the order in which the objects
// of a shot appear.
func ParseSelection(s string) (Selection, error) {
	switch s {
	case "", "all":
		return Selection{}, nil
	case "largest":
		return Selection{kind: largest}, nil
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return Selection{}, fmt.Errorf("select instances: %q is not all, largest or a number from 0 on", s)
	}
	return Selection{kind: nth, index: int(n)}, nil
}

// String returns what ParseSelection reads.
func (s Selection) String() string {
	switch s.kind {
	case largest:
		return "largest"
	case nth:
		return strconv.Itoa(s.index)
	}
	return "all"
}

// choice applies a Query's Selection to one shot, and its boxes to the video.
type choice struct {
	Selection
	seen  []int // ids in the order of their appearance, as far as they matter
	first bool  // only the objects of the first frame count
	given []int // their ids, once that frame is known
}

// newChoice returns the choice of q's objects.
func newChoice(q Query) choice { return choice{Selection: q.Select, first: len(q.Boxes) > 0} }

func (c *choice) reset() { c.seen = c.seen[:0] }

// choose leaves in the frames the objects that are selected.
func (c *choice) choose(frames []Frame) {
	if c.first {
		c.restrict(frames)
	}
	if c.kind == everything {
		return
	}
	for i := range frames {
		id, any := c.pick(frames[i].Objects)
		frames[i].Objects = slices.DeleteFunc(frames[i].Objects, func(o Object) bool { return !any || o.ID != id })
	}
}

// restrict leaves in the frames the objects of the video's first one.
func (c *choice) restrict(frames []Frame) {
	for i, f := range frames {
		if f.Index == 0 {
			for _, o := range f.Objects {
				c.given = append(c.given, o.ID)
			}
		}
		frames[i].Objects = slices.DeleteFunc(f.Objects, func(o Object) bool { return !slices.Contains(c.given, o.ID) })
	}
}

// pick returns the id that is selected once the objects of the next frame are
// known, and whether one is.
func (c *choice) pick(objects []Object) (id int, any bool) {
	if c.kind == largest {
		here := func(o Object) bool { return len(c.seen) > 0 && o.ID == c.seen[0] }
		if len(objects) > 0 && !slices.ContainsFunc(objects, here) {
			best := slices.MaxFunc(objects, func(a, b Object) int { return area(a.Logits) - area(b.Logits) })
			c.seen = append(c.seen[:0], best.ID)
		}
		if len(c.seen) == 0 {
			return 0, false
		}
		return c.seen[0], true
	}
	for _, o := range objects {
		if len(c.seen) <= c.index && !slices.Contains(c.seen, o.ID) {
			c.seen = append(c.seen, o.ID)
		}
	}
	if len(c.seen) <= c.index {
		return 0, false
	}
	return c.seen[c.index], true
}

// area returns how many logits are above 0.
func area(p frame.Plane32) int {
	n := 0
	for y := range p.Height {
		for _, v := range p.Row(y) {
			if v > 0 {
				n++
			}
		}
	}
	return n
}

// box returns the rectangle around the logits above 0 as parts of the picture:
// left, top, right, bottom; all 0 where there are none.
func box(p frame.Plane32) [4]float32 {
	left, top, right, bottom := p.Width, p.Height, 0, 0
	for y := range p.Height {
		for x, v := range p.Row(y) {
			if v > 0 {
				left, right = min(left, x), max(right, x+1)
				top, bottom = min(top, y), y+1
			}
		}
	}
	if right == 0 {
		return [4]float32{}
	}
	w, h := float32(p.Width), float32(p.Height)
	return [4]float32{float32(left) / w, float32(top) / h, float32(right) / w, float32(bottom) / h}
}
