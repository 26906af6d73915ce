package smooth

import (
	"uredit/pipeline/frame"
)

// path follows the cells of one frame's lattice through its neighbours.
type path struct {
	x, y  frame.Plane32 // where the cells are by now, in luma samples
	trust frame.Plane32 // of the way so far, 0..1
	lx    frame.Plane32 // the same places in a field or a plane
	ly    frame.Plane32
	step  frame.Plane32 // a field at these places
	wx    frame.Plane32
	wy    frame.Plane32
}

// neighbour is one frame's part in an average, at the lattice's size.
type neighbour struct {
	slot  *slot
	x, y  frame.Plane32 // where the cells are in that frame, in luma samples
	share frame.Plane32
}

// A neighbour whose largest share is below leastShare is left out: that is less
// than a level of any residual.
const leastShare = 1. / 512

// averageAlongMotion fills the residual of frame i's patch.
func (s *Smoother) averageAlongMotion(i int) {
	sl, m := s.at(i), &s.motion
	mean := sl.item.Patch.Residual
	own := sl.planes(s.scale)
	if s.scale.coarse {
		m.mean = m.mean.Resized(own[0].Width, own[0].Height)
		mean[0] = m.mean
	}
	for c := range mean {
		copy(mean[c].Pix, own[c].Pix)
	}
	l := latticeOver(sl.region, s.scale.cell)
	s.startPath(l)
	m.own = m.own.Resized(l.w, l.h)
	s.alphaAlongPath(m.own, sl)
	n := s.follow(i, l)
	s.normalise(n)
	for k := range n {
		s.add(&mean, &own, &m.near[k], l)
	}
	if s.scale.coarse {
		s.refine(sl.item.Patch.Residual[0], sl)
	}
}

// planes returns a slot's residual as it is averaged.
func (sl *slot) planes(sc scale) frame.Residual {
	p := sl.residual
	if sc.coarse {
		p[0] = sl.coarse
	}
	return p
}

// refine fills a frame's luma with its own and with what the average at half
// size has changed.
func (s *Smoother) refine(out frame.Plane32, sl *slot) {
	change := s.motion.mean
	for i, v := range sl.coarse.Pix[:len(change.Pix)] {
		change.Pix[i] -= v
	}
	s.ops.Resize32(out, change, frame.Linear)
	for i, v := range sl.residual[0].Pix[:len(out.Pix)] {
		out.Pix[i] += v
	}
}

// follow finds frame i's cells in its neighbours, as far as links reach, and
// returns how many neighbours there are.
func (s *Smoother) follow(i int, l lattice) int {
	n := 0
	for _, direction := range [...]int{-1, 1} {
		s.startPath(l)
		weight := float32(1)
		for d := 1; d <= s.half; d++ {
			j := i + d*direction
			if j < 0 || j >= s.pushed {
				break
			}
			f := s.flowBetween(j-direction, j)
			if f == nil {
				break
			}
			s.advance(f)
			weight *= float32(s.o.Alpha)
			s.record(n, s.at(j), l, weight)
			n++
		}
	}
	return n
}

// flowBetween returns the motion from frame i to its neighbour j, or nil.
func (s *Smoother) flowBetween(i, j int) *flow {
	l := &s.at(max(i, j)).link
	switch {
	case !l.ok:
		return nil
	case j > i:
		return &l.later
	}
	return &l.earlier
}

func (s *Smoother) startPath(l lattice) {
	p := &s.motion.path
	for _, q := range [...]*frame.Plane32{&p.x, &p.y, &p.trust, &p.lx, &p.ly, &p.step, &p.wx, &p.wy} {
		*q = q.Resized(l.w, l.h)
	}
	l.positions(p.x, p.y)
	for i := range p.trust.Pix {
		p.trust.Pix[i] = 1
	}
}

// advance moves the path's cells by one flow.
func (s *Smoother) advance(f *flow) {
	p := &s.motion.path
	f.dx.local(p.lx, p.ly, p.x, p.y)
	s.ops.Remap32(p.wx, f.dx.Plane32, p.lx, p.ly, frame.Linear)
	s.ops.Remap32(p.wy, f.dy.Plane32, p.lx, p.ly, frame.Linear)
	s.ops.Remap32(p.step, f.trust.Plane32, p.lx, p.ly, frame.Linear)
	n := len(p.x.Pix)
	x, y, t := p.x.Pix[:n], p.y.Pix[:n], p.trust.Pix[:n]
	wx, wy, step := p.wx.Pix[:n], p.wy.Pix[:n], p.step.Pix[:n]
	for i := range x {
		x[i] += wx[i]
		y[i] += wy[i]
		t[i] *= step[i]
	}
}

// alphaAlongPath fills dst with a frame's alpha, 0..1, where the path is.
func (s *Smoother) alphaAlongPath(dst frame.Plane32, sl *slot) {
	p := &s.motion.path
	sl.alpha.local(p.lx, p.ly, p.x, p.y)
	s.ops.Remap32(dst, sl.alpha.Plane32, p.lx, p.ly, frame.Linear)
}

// record stores the path's place in a frame as neighbour k: its weight, times
// trust, times the frame's alpha there. Outside that frame's mask it is 0.
func (s *Smoother) record(k int, sl *slot, l lattice, weight float32) {
	m := &s.motion
	if k == len(m.near) {
		m.near = append(m.near, neighbour{})
	}
	nb, p := &m.near[k], &m.path
	nb.slot = sl
	nb.x, nb.y, nb.share = nb.x.Resized(l.w, l.h), nb.y.Resized(l.w, l.h), nb.share.Resized(l.w, l.h)
	copy(nb.x.Pix, p.x.Pix)
	copy(nb.y.Pix, p.y.Pix)
	s.alphaAlongPath(nb.share, sl)
	r := sl.region
	left, right := float32(r.Min.X)-0.5, float32(r.Max.X)-0.5
	top, bottom := float32(r.Min.Y)-0.5, float32(r.Max.Y)-0.5
	n := len(nb.share.Pix)
	share, own, trust := nb.share.Pix[:n], m.own.Pix[:n], p.trust.Pix[:n]
	x, y := nb.x.Pix[:n], nb.y.Pix[:n]
	for i, a := range share {
		if x[i] < left || x[i] > right || y[i] < top || y[i] > bottom {
			share[i] = 0
			continue
		}
		// More alpha there than here is no more trust than here.
		share[i] = weight * trust[i] * min(a, own[i])
	}
}

// normalise turns the weights of n neighbours into shares that add up, with the
// frame's own, to one. The frame's own weight is its alpha, so that the soft
// edge is smoothed like the middle.
func (s *Smoother) normalise(n int) {
	m := &s.motion
	m.total = m.total.Resized(m.own.Width, m.own.Height)
	total := m.total.Pix
	copy(total, m.own.Pix)
	for k := range n {
		share := m.near[k].share.Pix[:len(total)]
		for i, v := range share {
			total[i] += v
		}
	}
	for i, v := range total {
		if v > 0 {
			total[i] = 1 / v
		}
	}
	for k := range n {
		share := m.near[k].share.Pix[:len(total)]
		for i, v := range total {
			share[i] *= v
		}
	}
}

func largest(s []float32) float32 {
	v := float32(0)
	for _, x := range s {
		v = max(v, x)
	}
	return v
}

// add moves mean from a frame's own planes towards a neighbour's by its share.
func (s *Smoother) add(mean, own *frame.Residual, nb *neighbour, l lattice) {
	if largest(nb.share.Pix) < leastShare {
		return
	}
	there := nb.slot.planes(s.scale)
	for c := range mean {
		sub := 2
		if c == 0 && !s.scale.coarse {
			sub = 1
		}
		s.ops.Blend32(mean[c], own[c], there[c], s.warp(nb, l, sub))
	}
}

// warp says where a neighbour's plane of one sample for sub by sub of luma shows
// the cells of the lattice.
func (s *Smoother) warp(nb *neighbour, l lattice, sub int) frame.Warp {
	p, at := &s.motion.path, nb.slot.region.Min
	// Sample j of the plane is centred at luma sub·j + (sub-1)/2.
	k := 1 / float32(sub)
	c := -float32(sub-1) / 2 * k
	affine(p.lx.Pix, nb.x.Pix, k, c-float32(at.X/sub))
	affine(p.ly.Pix, nb.y.Pix, k, c-float32(at.Y/sub))
	return frame.Warp{X: p.lx, Y: p.ly, Share: nb.share, Step: l.step / sub, Margin: l.step * spare / sub}
}
