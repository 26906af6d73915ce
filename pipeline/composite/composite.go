// Package composite is the way between the decoder's planes and the editor's
// picture: the window of a frame as RGB, the feathered mask, and the edit as a
// residual in the decoder's own planes.
//
// The residual is the difference between what the editor drew and what it was
// shown, brought from the editor's size to the frame's. Added to the decoder's
// samples it gives the edit with all the detail that the editor's size could
// not hold; an editor that changes nothing changes nothing.
package composite

import (
	"fmt"
	"image"
	"math"

	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

// Options say how frames are read and how masks become alpha.
type Options struct {
	Width, Height int // of the video's frames, even
	Colour        media.Colour
	Erode         int // side of the square that shrinks the mask, in samples; below 2 for none
	// Feather is the standard deviation of alpha's soft edge, in samples; 0 for a
	// hard one. With erosion the edge is no wider than what that takes away.
	Feather float64
}

// Compositor converts the frames of one video. It owns its buffers, so a call
// allocates nothing once they have their size. It is used by one goroutine at a
// time.
type Compositor struct {
	ops    frame.Ops
	o      Options
	coding *coding

	padded [3]frame.Plane   // the window where it exceeds the frame
	shown  [3]frame.Plane   // the window's samples at the editor's size
	diff   [3]frame.Plane32 // edit minus source at the editor's size
	window [3]frame.Plane32 // the same at the window's size
	eroded frame.Plane
	alpha  frame.Plane
	half   [2]frame.Plane // the mask at half size, before and after the feather
}

// New returns a compositor for a video. ops stays the caller's.
func New(ops frame.Ops, o Options) (*Compositor, error) {
	if o.Width < 2 || o.Height < 2 || o.Width%2 == 1 || o.Height%2 == 1 {
		return nil, fmt.Errorf("composite: frames of %dx%d samples, not even", o.Width, o.Height)
	}
	if o.Erode < 0 || !(o.Feather >= 0) || math.IsInf(o.Feather, 0) {
		return nil, fmt.Errorf("composite: erosion %d, feather %g", o.Erode, o.Feather)
	}
	t, err := newCoding(o.Colour, o.Width, o.Height)
	if err != nil {
		return nil, fmt.Errorf("composite: %w", err)
	}
	return &Compositor{ops: ops, o: o, coding: t}, nil
}

// Extract fills dst, planar RGB of w by h in -1..1 (NCHW with N = 1), with the
// window of f. The window's corners are even; what lies outside the frame is
// the frame reflected at its border samples.
func (c *Compositor) Extract(dst []float32, f *frame.Frame, window image.Rectangle, w, h int) {
	planes := [3]frame.Plane{f.Y(), f.Cb(), f.Cr()}
	for i, p := range planes {
		p = c.cut(i, p, shrink(window, i))
		c.shown[i] = c.shown[i].Resized(w, h)
		c.ops.Resize(c.shown[i], p, filter(i, p.Width, w))
	}
	c.ops.Matrix(channels(dst, w, h), c.shown, &c.coding.rgb)
}

// Residual fills p's residual with the edit: source is what Extract gave for
// the window, edited is what the editor made of it, both w by h. It needs the
// region that Alpha has set; a patch without one stays as it is.
func (c *Compositor) Residual(p *frame.Patch, edited, source []float32, window image.Rectangle, w, h int) {
	if p.Empty() {
		return
	}
	p.ResizeResidual()
	for i := range c.diff {
		c.diff[i] = c.diff[i].Resized(w, h)
	}
	c.ops.Difference(c.diff, channels(edited, w, h), channels(source, w, h), &c.coding.levels)
	for i, d := range c.diff {
		r := shrink(window, i)
		if r.Dx() != w || r.Dy() != h {
			c.window[i] = c.window[i].Resized(r.Dx(), r.Dy())
			c.ops.Resize32(c.window[i], d, filter(i, w, r.Dx()))
			d = c.window[i]
		}
		place(p.Residual[i], shrink(p.Region, i), d, r)
	}
}

// channels returns the three planes of a picture of w by h.
func channels(pix []float32, w, h int) (planes [3]frame.Plane32) {
	n := w * h
	for i := range planes {
		planes[i] = frame.Plane32{Pix: pix[i*n : (i+1)*n], Stride: w, Width: w, Height: h}
	}
	return planes
}

// place copies src, which lies at from, into dst, which lies at to. Where dst
// is not covered it is 0: the editor has not seen that place.
func place(dst frame.Plane32, to image.Rectangle, src frame.Plane32, from image.Rectangle) {
	both := to.Intersect(from)
	for y := range dst.Height {
		row := dst.Row(y)
		at := y + to.Min.Y
		if both.Empty() || at < both.Min.Y || at >= both.Max.Y {
			clear(row)
			continue
		}
		clear(row[:both.Min.X-to.Min.X])
		copy(row[both.Min.X-to.Min.X:], src.Row(at - from.Min.Y)[both.Min.X-from.Min.X:both.Max.X-from.Min.X])
		clear(row[both.Max.X-to.Min.X:])
	}
}

// shrink turns a rectangle of luma samples into one of plane i.
func shrink(r image.Rectangle, plane int) image.Rectangle {
	if plane == 0 {
		return r
	}
	return image.Rect(r.Min.X/2, r.Min.Y/2, r.Max.X/2, r.Max.Y/2)
}

// From these shrinking factors on, samples are averaged. Below, interpolation
// is sharper and what it lets alias is too little to see. Interpolating chroma
// between its two closest samples at about half the size is an average already.
const (
	averageLuma   = 1.4
	averageChroma = 2.2
)

// filter returns the filter for a change of length of a plane. Chroma has no
// detail that more than linear interpolation would keep.
func filter(plane, from, to int) frame.Filter {
	f, limit := frame.Cubic, averageLuma
	if plane > 0 {
		f, limit = frame.Linear, averageChroma
	}
	if float64(from) > limit*float64(to) {
		return frame.Area
	}
	return f
}

// cut returns the rectangle r of plane p, reflected where it exceeds p.
func (c *Compositor) cut(i int, p frame.Plane, r image.Rectangle) frame.Plane {
	if r.In(image.Rect(0, 0, p.Width, p.Height)) {
		return p.Sub(r.Min.X, r.Min.Y, r.Dx(), r.Dy())
	}
	c.padded[i] = c.padded[i].Resized(r.Dx(), r.Dy())
	for y := range r.Dy() {
		src := p.Row(reflect(r.Min.Y+y, p.Height))
		dst := c.padded[i].Row(y)
		for x := range dst {
			dst[x] = src[reflect(r.Min.X+x, p.Width)]
		}
	}
	return c.padded[i]
}

// reflect brings a position into [0, n), mirrored at the border samples as
// often as needed.
func reflect(x, n int) int {
	if n == 1 {
		return 0
	}
	period := 2 * (n - 1)
	x %= period
	if x < 0 {
		x += period
	}
	return min(x, period-x)
}
