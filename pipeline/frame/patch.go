package frame

import "image"

// Patch is the edit of one frame in the frame's own planes: what is added to
// each sample, and how much of it. It belongs to one stage at a time and is
// meant to be used again; its memory grows to the largest region and stays.
type Patch struct {
	// Region is where Alpha may be above 0, in luma samples of the frame, with
	// even corners. An empty region leaves the frame as it is.
	Region image.Rectangle
	// Alpha is the share of the residual that is added to luma, 0..255, of the
	// region's size.
	Alpha Plane
	// AlphaC is the share for chroma, half the region's size each way: the
	// mean of the two by two luma shares below it.
	AlphaC Plane
	// Residual holds what the edit adds to Y, Cb and Cr where alpha is 255, in
	// levels (-255..255). Luma has the region's size, chroma half of it. A patch
	// has a residual from when the edit is known until it is pasted; before and
	// after it may be without memory.
	Residual Residual
}

// Residual is a float32 plane for each of Y, Cb and Cr. It is the largest part of
// a patch by far.
type Residual [3]Plane32

// Resize sets the region and gives the alpha planes their size. The samples are
// whatever the memory held before. The corners of r must be even.
func (p *Patch) Resize(r image.Rectangle) {
	w, h := r.Dx(), r.Dy()
	p.Region = r
	p.Alpha = p.Alpha.Resized(w, h)
	p.AlphaC = p.AlphaC.Resized(w/2, h/2)
}

// ResizeResidual gives the residual the size of the region. The samples are
// whatever the memory held before.
func (p *Patch) ResizeResidual() {
	w, h := p.Region.Dx(), p.Region.Dy()
	p.Residual[0] = p.Residual[0].Resized(w, h)
	p.Residual[1] = p.Residual[1].Resized(w/2, h/2)
	p.Residual[2] = p.Residual[2].Resized(w/2, h/2)
}

// Shelf keeps the memory of residuals between frames, so that only as many exist
// as are in use at a time, and not one for each patch that is on its way. The
// zero value is empty and ready. It is used by one goroutine.
type Shelf struct{ free []Residual }

// Take returns memory for a residual, which may be none.
func (s *Shelf) Take() Residual {
	n := len(s.free) - 1
	if n < 0 {
		return Residual{}
	}
	r := s.free[n]
	s.free[n], s.free = Residual{}, s.free[:n]
	return r
}

// Put keeps r's memory for the next Take; r is not used any more.
func (s *Shelf) Put(r Residual) {
	if cap(r[0].Pix) > 0 {
		s.free = append(s.free, r)
	}
}

// Empty reports whether the patch changes nothing.
func (p *Patch) Empty() bool { return p.Region.Empty() }

// Paste adds the patch to f. A sample whose alpha is 0 keeps its value to the
// last bit; the others are rounded to the nearest level and kept in 0..255.
func (p *Patch) Paste(ops Ops, f *Frame) {
	if p.Empty() {
		return
	}
	x, y, w, h := p.Region.Min.X, p.Region.Min.Y, p.Region.Dx(), p.Region.Dy()
	ops.Add(f.Y().Sub(x, y, w, h), p.Residual[0], p.Alpha)
	ops.Add(f.Cb().Sub(x/2, y/2, w/2, h/2), p.Residual[1], p.AlphaC)
	ops.Add(f.Cr().Sub(x/2, y/2, w/2, h/2), p.Residual[2], p.AlphaC)
}

// Resized returns a packed plane of w by h samples in p's memory, or in new
// memory where p's does not suffice. The samples are whatever it held before.
func (p Samples[T]) Resized(w, h int) Samples[T] {
	pix := p.Pix
	if n := w * h; cap(pix) < n {
		pix = make([]T, n, enough(n, cap(pix)))
	}
	return Samples[T]{Pix: pix[:w*h], Stride: w, Width: w, Height: h}
}

// enough returns how much memory to get for n samples where had do not suffice:
// a region that has grown once grows on, a little with every frame.
func enough(n, had int) int {
	if had == 0 {
		return n
	}
	return n + n/8
}
