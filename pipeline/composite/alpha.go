package composite

import (
	"image"
	"math"

	"uredit/pipeline/frame"
)

// Alpha gives p the region and the alpha of a mask: the mask (0 or 255, of the
// frame's size, nonzero within bounds only) is shrunk by the erosion, then its
// edge is made soft by the feather. It reports whether anything is left; if
// not, p is empty and the frame passes through untouched. The residual of p is
// that of another frame until Residual.
//
// With erosion the shrunk mask is edited fully and nothing outside the mask is:
// the soft edge uses the band that the erosion took away, and is never wider
// than that. Without erosion there is no such band, and the soft edge is centred
// on the mask's own.
//
// At the frame's border the mask neither shrinks nor fades, since what it names
// goes on outside.
func (c *Compositor) Alpha(p *frame.Patch, mask frame.Plane, bounds image.Rectangle) bool {
	area := image.Rect(0, 0, c.o.Width, c.o.Height)
	bounds = bounds.Intersect(area)
	p.Region = image.Rectangle{}
	if bounds.Empty() {
		return false
	}
	area = evenOut(bounds.Inset(-c.margin())).Intersect(area)
	x, y, w, h := area.Min.X, area.Min.Y, area.Dx(), area.Dy()
	src := mask.Sub(x, y, w, h)
	switch {
	case c.o.Erode > 1:
		c.eroded, c.alpha = c.eroded.Resized(w, h), c.alpha.Resized(w, h)
		c.ops.Erode(c.eroded, src, c.o.Erode)
		c.ops.Mean(c.alpha, c.eroded, bandWidth(c.o))
		outwards(c.alpha.Pix)
		src = c.alpha
	case c.o.Feather > 0:
		c.alpha = c.alpha.Resized(w, h)
		c.feather(c.alpha, src)
		src = c.alpha
	}
	tight := support(src)
	if tight.Empty() {
		return false
	}
	p.Resize(evenOut(tight.Add(area.Min)))
	at := p.Region.Min.Sub(area.Min)
	for y := range p.Region.Dy() {
		copy(p.Alpha.Row(y), src.Row(at.Y + y)[at.X:])
	}
	halve(p.AlphaC, p.Alpha)
	return true
}

// wideFeather is the standard deviation from which an edge is soft enough to be
// made at half size, at a fraction of the work. smallerBy is the variance that
// the way to half size and back adds: a mean of two by two samples and a
// triangle of two samples on each side.
const (
	wideFeather = 4
	smallerBy   = 1./4 + 2./3
)

// feather blurs src into dst.
func (c *Compositor) feather(dst, src frame.Plane) {
	if c.o.Feather < wideFeather {
		c.ops.GaussianBlur(dst, src, c.o.Feather)
		return
	}
	for i := range c.half {
		c.half[i] = c.half[i].Resized(src.Width/2, src.Height/2)
	}
	c.ops.Resize(c.half[0], src, frame.Area)
	c.ops.GaussianBlur(c.half[1], c.half[0], math.Sqrt(c.o.Feather*c.o.Feather-smallerBy)/2)
	c.ops.Resize(dst, c.half[1], frame.Linear)
}

// bandWidth is the side of the square whose mean makes the soft edge of a mask
// that was eroded: odd, of the feather's standard deviation, but no wider than
// the erosion's square. Such a mean is 0 outside the mask, since a square that
// was eroded from it and put back lies within it.
func bandWidth(o Options) int {
	widest := (o.Erode - 1) | 1
	side := o.Feather * math.Sqrt(12) // a uniform distribution's
	if side >= float64(widest) {
		return widest
	}
	return max(1, 2*int(math.Round((side-1)/2))+1)
}

// outwards moves a soft edge that is centred on its mask's outside of it: what
// is half or more becomes all.
func outwards(alpha []byte) {
	for i, a := range alpha {
		if a > 127 {
			alpha[i] = 255
		} else {
			alpha[i] = 2 * a
		}
	}
}

// margin is how far around the mask its soft edge is made: four standard
// deviations are more than any 8-bit blur shows, and one sample lets erosion,
// whose soft edge stays inside, see where the mask ends.
func (c *Compositor) margin() int {
	if c.o.Erode > 1 {
		return 2
	}
	return 2 + int(math.Ceil(4*c.o.Feather))
}

// evenOut widens r to even corners.
func evenOut(r image.Rectangle) image.Rectangle {
	return image.Rect(r.Min.X&^1, r.Min.Y&^1, (r.Max.X+1)&^1, (r.Max.Y+1)&^1)
}

// support returns the smallest rectangle that holds all nonzero samples.
func support(p frame.Plane) image.Rectangle {
	r := image.Rectangle{Min: image.Pt(p.Width, p.Height)}
	for y := range p.Height {
		row := p.Row(y)
		first := 0
		for first < len(row) && row[first] == 0 {
			first++
		}
		if first == len(row) {
			continue
		}
		last := len(row) - 1
		for row[last] == 0 {
			last--
		}
		r.Min.X, r.Max.X = min(r.Min.X, first), max(r.Max.X, last+1)
		r.Min.Y, r.Max.Y = min(r.Min.Y, y), y+1
	}
	return r
}

// halve fills dst with the mean of each two by two samples of src.
func halve(dst, src frame.Plane) {
	for y := range dst.Height {
		d := dst.Row(y)
		a := src.Row(2 * y)[:2*len(d)]
		b := src.Row(2*y + 1)[:2*len(d)]
		for x := range d {
			d[x] = byte((int(a[2*x]) + int(a[2*x+1]) + int(b[2*x]) + int(b[2*x+1]) + 2) / 4)
		}
	}
}
