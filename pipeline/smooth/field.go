package smooth

import (
	"image"

	"uredit/pipeline/frame"
)

// field is a float plane that covers a rectangle of luma samples evenly.
type field struct {
	area image.Rectangle
	frame.Plane32
}

// cover gives f the rectangle and a size of one sample for step luma samples.
func (f *field) cover(area image.Rectangle, step int) {
	f.area = area
	f.Plane32 = f.Resized(cells(area.Dx(), step), cells(area.Dy(), step))
}

// cells returns how many cells of step samples cover n samples.
func cells(n, step int) int { return (n + step - 1) / step }

// into turns luma positions on one axis into positions in f: p·k + c.
func into(from, length, samples int) (k, c float32) {
	k = float32(samples) / float32(length)
	return k, (0.5-float32(from))*k - 0.5
}

// local fills x and y with the places in f of the luma positions px and py.
func (f *field) local(x, y, px, py frame.Plane32) {
	kx, cx := into(f.area.Min.X, f.area.Dx(), f.Width)
	ky, cy := into(f.area.Min.Y, f.area.Dy(), f.Height)
	affine(x.Pix, px.Pix, kx, cx)
	affine(y.Pix, py.Pix, ky, cy)
}

// affine fills dst with src·k + c.
func affine(dst, src []float32, k, c float32) {
	src = src[:len(dst)]
	for i, v := range src {
		dst[i] = v*k + c
	}
}

// lattice is a set of luma positions, one for each cell of step by step
// samples, that covers a region with a spare cell on every side. The step is
// even, so cells line up with chroma.
type lattice struct {
	area image.Rectangle
	step int
	w, h int
}

// spare is the number of cells around a region. It keeps interpolation between
// cells away from the lattice's edge.
const spare = 1

func latticeOver(r image.Rectangle, step int) lattice {
	w, h := cells(r.Dx(), step)+2*spare, cells(r.Dy(), step)+2*spare
	min := r.Min.Sub(image.Pt(spare*step, spare*step))
	return lattice{
		area: image.Rectangle{Min: min, Max: min.Add(image.Pt(w*step, h*step))},
		step: step, w: w, h: h,
	}
}

// positions fills x and y with the centres of the cells.
func (l lattice) positions(x, y frame.Plane32) {
	half := float32(l.step-1) / 2
	for j := range l.h {
		rx, ry := x.Row(j), y.Row(j)
		v := float32(l.area.Min.Y+j*l.step) + half
		for i := range rx {
			rx[i] = float32(l.area.Min.X+i*l.step) + half
			ry[i] = v
		}
	}
}
