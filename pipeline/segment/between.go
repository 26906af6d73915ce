package segment

import (
	"slices"

	"uredit/pipeline/frame"
	"uredit/pipeline/text"
)

// keyframes says that a detector without a tracker need not look at every picture.
type keyframes struct {
	Interval int      `json:"interval"` // pictures from one that is looked at to the next; 0 and 1 for every one
	Words    []string `json:"words"`    // prompts without one of these want every picture; none means any prompt will do
}

// maxInterval bounds how far motion is followed, and what is held back.
const maxInterval = 30

// every returns the interval for prompts.
func (k keyframes) every(prompts []*Prompt) int {
	wants := func(p *Prompt) bool {
		return len(k.Words) > 0 && !slices.ContainsFunc(text.Words(p.Text), func(w string) bool { return slices.Contains(k.Words, w) })
	}
	if k.Interval < 1 || slices.ContainsFunc(prompts, wants) {
		return 1
	}
	return k.Interval
}

// between gives the pictures between two keyframes their masks: those of the
// keyframe before, moved along the picture's motion, and those of the next,
// moved back, the nearer counting more. An object that one of them lacks is seen
// in the half that is nearer to the other.
type between struct {
	ops      frame.Ops
	interval int

	before []Object      // of the last keyframe
	kept   planes        // their masks
	luma   []frame.Plane // of the last keyframe and the pictures since, square
	seen   int           // how many of luma are in use; 0 before the first keyframe
	index  int           // of the next frame that is given

	grey   frame.Plane   // S by S
	ways   []way         // of each picture between: back, then on
	dx, dy frame.Plane32 // one of them at a mask's size
	moved  planes
	frames []Frame
}

// way is the motion from a picture to a neighbour, in the samples of both.
type way struct{ dx, dy frame.Plane32 }

// motionSide is the longest side of the pictures in which motion is estimated.
const motionSide = 320

// hold takes a picture, S by S packed R, G, B bytes, and reports whether it is one
// between keyframes, whose masks join or finish will give.
func (b *between) hold(rgb []byte, side int) bool {
	if b.seen == len(b.luma) {
		b.luma = append(b.luma, frame.Plane{})
	}
	b.grey = b.grey.Resized(side, side)
	for i := range b.grey.Pix[:side*side] {
		s := rgb[3*i : 3*i+3]
		b.grey.Pix[i] = uint8((54*int(s[0]) + 183*int(s[1]) + 19*int(s[2])) >> 8) // BT.709
	}
	small := min(side, motionSide)
	b.luma[b.seen] = b.luma[b.seen].Resized(small, small)
	b.ops.Resize(b.luma[b.seen], b.grey, frame.Area)
	b.seen++
	return b.seen > 1 && b.seen <= b.interval
}

// join returns the frames since the last keyframe and the keyframe that was found
// now. They are valid until the next call of any method.
func (b *between) join(key Frame) []Frame {
	gap := b.seen - 1 // pictures from keyframe to keyframe
	b.open(gap - 1)
	if gap > 1 && len(b.before)+len(key.Objects) > 0 {
		b.estimate(gap-1, true)
		b.fill(gap, key.Objects)
	}
	key.Index = b.index
	b.index++
	b.frames = append(b.frames, key)

	b.kept.reset()
	b.before = b.before[:0]
	for _, o := range key.Objects {
		o.Logits = b.kept.clone(o.Logits)
		b.before = append(b.before, o)
	}
	b.luma[0], b.luma[gap] = b.luma[gap], b.luma[0]
	b.seen = 1
	return b.frames
}

// finish returns the frames since the last keyframe, after which no other follows
// in this shot; valid as those of join.
func (b *between) finish() []Frame {
	rest := max(b.seen-1, 0)
	b.open(rest)
	if rest > 0 && len(b.before) > 0 {
		b.estimate(rest, false)
		b.fill(2*rest+1, nil) // as if the next keyframe were too far to count
	}
	b.before, b.seen = b.before[:0], 0
	return b.frames
}

// open begins the next n frames.
func (b *between) open(n int) {
	b.moved.reset()
	b.frames = b.frames[:0]
	for range n {
		b.frames = append(b.frames, Frame{Index: b.index})
		b.index++
	}
}

// estimate finds the ways of the first n pictures after the keyframe, back to
// their neighbours before and, if asked, on to those after them.
func (b *between) estimate(n int, on bool) {
	for len(b.ways) < 2*n {
		b.ways = append(b.ways, way{})
	}
	for i := 1; i <= n; i++ {
		b.follow(&b.ways[2*i-2], b.luma[i], b.luma[i-1])
		if on {
			b.follow(&b.ways[2*i-1], b.luma[i], b.luma[i+1])
		}
	}
}

// follow fills the way from one picture to another.
func (b *between) follow(w *way, from, to frame.Plane) {
	w.dx, w.dy = w.dx.Resized(from.Width, from.Height), w.dy.Resized(from.Width, from.Height)
	b.ops.Flow(w.dx, w.dy, from, to)
}

// fill adds the objects to the frames opened, which lie in a gap between
// keyframes; next are those of the second.
func (b *between) fill(gap int, next []Object) {
	for _, o := range b.before {
		i := slices.IndexFunc(next, func(n Object) bool { return n.ID == o.ID })
		mask := o.Logits
		for k := range b.frames {
			if i < 0 && 2*(k+1) > gap {
				break
			}
			mask = b.move(mask, b.ways[2*k])
			o.Logits, o.Box = mask, box(mask)
			b.frames[k].Objects = append(b.frames[k].Objects, o)
		}
	}
	for _, o := range next {
		mask := o.Logits
		for k := len(b.frames) - 1; k >= 0; k-- {
			mask = b.move(mask, b.ways[2*k+1])
			f := &b.frames[k]
			i := slices.IndexFunc(f.Objects, func(n Object) bool { return n.ID == o.ID })
			switch {
			case i >= 0:
				near := &f.Objects[i]
				mix(near.Logits, mask, float32(k+1)/float32(gap))
				near.Box = box(near.Logits)
			case 2*(k+1) > gap:
				o.Logits, o.Box = mask, box(mask)
				f.Objects = append(f.Objects, o)
			}
		}
	}
}

// move returns a mask of a neighbour as it lies in the picture that the way
// starts from.
func (b *between) move(mask frame.Plane32, w way) frame.Plane32 {
	b.dx, b.dy = b.dx.Resized(mask.Width, mask.Height), b.dy.Resized(mask.Width, mask.Height)
	b.ops.Resize32(b.dx, w.dx, frame.Linear)
	b.ops.Resize32(b.dy, w.dy, frame.Linear)
	kx, ky := float32(mask.Width)/float32(w.dx.Width), float32(mask.Height)/float32(w.dy.Height)
	for j := range mask.Height {
		x, y := b.dx.Row(j), b.dy.Row(j)
		for i := range x {
			x[i], y[i] = float32(i)+kx*x[i], float32(j)+ky*y[i]
		}
	}
	to := b.moved.next(mask.Width, mask.Height)
	b.ops.Remap32(to, mask, b.dx, b.dy, frame.Linear)
	return to
}

// mix moves dst towards src by a share.
func mix(dst, src frame.Plane32, share float32) {
	for j := range dst.Height {
		d, s := dst.Row(j), src.Row(j)
		for i := range d {
			d[i] += share * (s[i] - d[i])
		}
	}
}
