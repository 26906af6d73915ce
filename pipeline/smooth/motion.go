package smooth

import (
	"image"
	"time"

	"uredit/pipeline/frame"
)

// motionSide is the longest side, in cells, of the grid on which the motion of
// a window is estimated.
const motionSide = 256

// leastCell is the least side of a cell of the lattice, in luma samples.
const leastCell = 4

// context is how many cells around the masks the estimate sees.
const context = 8

// scale is how finely one shot's motion is known.
type scale struct {
	step int // luma samples of one cell of the grid on which motion is estimated
	// cell is the same for what is kept of it, and even. Motion varies slowly
	// enough to be followed at a third of the resolution at which it is estimated.
	cell   int
	coarse bool // luma is smoothed at half size
}

// enlarged is the scale from which residuals hold no more than half the frame's
// resolution.
const enlarged = 2

func scaleOf(it Item) scale {
	step := max(1, cells(max(it.Window.Dx(), it.Window.Dy()), motionSide))
	return scale{step: step, cell: max(leastCell, 3*step&^1), coarse: it.Scale >= enlarged}
}

// link is the motion between a frame and the one before it.
type link struct {
	ok bool
	// later is where a sample of the frame before went, earlier where a sample
	// of this frame came from.
	later, earlier flow
}

// flow is motion in luma samples and how far it is to be trusted, 0..1.
type flow struct {
	dx, dy field
	trust  field
}

// motion holds the buffers for links and averages.
type motion struct {
	// Of links, at the size of the estimate.
	before, after frame.Plane // luma of the two frames
	dx, dy        frame.Plane32
	spent         time.Duration // on estimates

	// Of links, at the size of what is kept.
	from, to     frame.Plane   // luma of the two frames
	luma, shown  frame.Plane32 // luma of the far end, there and as it is found
	x, y         frame.Plane32 // where the way there leads
	backX, backY frame.Plane32 // the way back from there
	alpha8       frame.Plane

	// Of averages, at the lattice's size.
	path  path
	near  []neighbour
	own   frame.Plane32 // the frame's alpha
	mean  frame.Plane32 // luma of the average at half size
	total frame.Plane32
}

// takeMotion prepares what neighbours will ask of a new frame.
func (s *Smoother) takeMotion(sl *slot) {
	sl.link.ok = false
	if sl.region.Empty() {
		return
	}
	s.reduceAlpha(sl)
	if s.scale.coarse {
		sl.coarse = sl.coarse.Resized(sl.region.Dx()/2, sl.region.Dy()/2)
		s.ops.Resize32(sl.coarse, sl.residual[0], frame.Area)
	}
	if s.pushed == 0 {
		return
	}
	before := s.at(s.pushed - 1)
	if before.region.Empty() {
		return
	}
	s.connect(&sl.link, before, sl)
}

// reduceAlpha keeps the patch's alpha, a sample for each cell.
func (s *Smoother) reduceAlpha(sl *slot) {
	m := &s.motion
	sl.alpha.cover(sl.region, s.scale.cell)
	m.alpha8 = m.alpha8.Resized(sl.alpha.Width, sl.alpha.Height)
	s.ops.Resize(m.alpha8, sl.item.Patch.Alpha, frame.Area)
	for i, a := range m.alpha8.Pix {
		sl.alpha.Pix[i] = float32(a) * (1. / 255)
	}
}

// connect estimates the motion between two frames around both masks. Where the
// masks lie too far apart to be one object's there is no link.
func (s *Smoother) connect(l *link, before, after *slot) {
	both := before.region.Union(after.region)
	if long := 2 * motionSide * s.scale.step; both.Dx() > long || both.Dy() > long {
		return
	}
	area := both.Inset(-context * s.scale.step).Intersect(image.Rect(0, 0, s.o.Width, s.o.Height))
	for _, f := range [...]*field{
		&l.later.dx, &l.later.dy, &l.later.trust, &l.earlier.dx, &l.earlier.dy, &l.earlier.trust,
	} {
		f.cover(area, s.scale.cell)
	}
	s.estimate(l, part(before.item.Frame, area), part(after.item.Frame, area))
	m := &s.motion
	w, h := l.later.dx.Width, l.later.dx.Height
	m.from, m.to = m.from.Resized(w, h), m.to.Resized(w, h)
	s.ops.Resize(m.from, m.before, frame.Area)
	s.ops.Resize(m.to, m.after, frame.Area)
	s.judge(&l.later, &l.earlier, m.from, m.to)
	s.judge(&l.earlier, &l.later, m.to, m.from)
	l.later.toSamples()
	l.earlier.toSamples()
	l.ok = true
}

// estimate fills the motion of a link, in cells, from the luma of its frames.
func (s *Smoother) estimate(l *link, before, after frame.Plane) {
	start := time.Now()
	m := &s.motion
	w, h := cells(before.Width, s.scale.step), cells(before.Height, s.scale.step)
	m.before, m.after = m.before.Resized(w, h), m.after.Resized(w, h)
	m.dx, m.dy = m.dx.Resized(w, h), m.dy.Resized(w, h)
	s.ops.Resize(m.before, before, frame.Area)
	s.ops.Resize(m.after, after, frame.Area)
	s.ops.Flow(m.dx, m.dy, m.before, m.after)
	s.keep(&l.later)
	s.ops.Flow(m.dx, m.dy, m.after, m.before)
	s.keep(&l.earlier)
	m.spent += time.Since(start)
}

// keep brings the motion just estimated to the size of f and to its cells.
func (s *Smoother) keep(f *flow) {
	m := &s.motion
	s.ops.Resize32(f.dx.Plane32, m.dx, frame.Area)
	s.ops.Resize32(f.dy.Plane32, m.dy, frame.Area)
	affine(f.dx.Pix, f.dx.Pix, float32(f.dx.Width)/float32(m.dx.Width), 0)
	affine(f.dy.Pix, f.dy.Pix, float32(f.dy.Height)/float32(m.dy.Height), 0)
}

func part(f *frame.Frame, r image.Rectangle) frame.Plane {
	return f.Y().Sub(r.Min.X, r.Min.Y, r.Dx(), r.Dy())
}

// toSamples turns motion in cells into motion in luma samples.
func (f *flow) toSamples() {
	affine(f.dx.Pix, f.dx.Pix, float32(f.dx.area.Dx())/float32(f.dx.Width), 0)
	affine(f.dy.Pix, f.dy.Pix, float32(f.dy.area.Dy())/float32(f.dy.Height), 0)
}

// How much the way there and back may miss its start, in cells squared (more
// where motion is large), and how much the samples at both ends may differ, in
// levels squared, until trust falls to a quarter.
const (
	missSquared  = 0.125
	missPerSpeed = 0.01
	levelSquared = 20 * 20
)

// judge fills f's trust: high where the motion back leads to where the way
// there began, and both ends look alike. Occlusion fails both.
func (s *Smoother) judge(f, back *flow, from, to frame.Plane) {
	m := &s.motion
	w, h := from.Width, from.Height
	for _, p := range [...]*frame.Plane32{&m.x, &m.y, &m.backX, &m.backY, &m.luma, &m.shown} {
		*p = p.Resized(w, h)
	}
	for j := range h {
		dx, dy := f.dx.Row(j), f.dy.Row(j)
		x, y := m.x.Row(j)[:len(dx)], m.y.Row(j)[:len(dx)]
		for i := range dx {
			x[i], y[i] = float32(i)+dx[i], float32(j)+dy[i]
		}
	}
	for i, v := range to.Pix[:w*h] {
		m.luma.Pix[i] = float32(v)
	}
	// Linear would blur what is compared with samples that are not blurred.
	s.ops.Remap32(m.shown, m.luma, m.x, m.y, frame.Cubic)
	s.ops.Remap32(m.backX, back.dx.Plane32, m.x, m.y, frame.Linear)
	s.ops.Remap32(m.backY, back.dy.Plane32, m.x, m.y, frame.Linear)
	n := w * h
	dx, dy, bx, by := f.dx.Pix[:n], f.dy.Pix[:n], m.backX.Pix[:n], m.backY.Pix[:n]
	shown, own, trust := m.shown.Pix[:n], from.Pix[:n], f.trust.Pix[:n]
	for i := range trust {
		mx, my := dx[i]+bx[i], dy[i]+by[i]
		speed := dx[i]*dx[i] + dy[i]*dy[i]
		level := shown[i] - float32(own[i])
		q := 1 + (mx*mx+my*my)/(missSquared+missPerSpeed*speed) + level*level*(1./levelSquared)
		trust[i] = 1 / (q * q)
	}
}
