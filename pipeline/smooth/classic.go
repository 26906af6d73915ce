package smooth

import (
	"image"
	"math"

	"uredit/pipeline/frame"
)

// classic holds the buffers of the mean at equal places.
type classic struct {
	mean frame.Plane32
}

// takePlaces keeps the frame as it will look without smoothing.
func (s *Smoother) takePlaces(sl *slot) {
	f := sl.item.Frame
	if sl.edited == nil {
		sl.edited = frame.New(f.Width, f.Height)
	}
	copy(sl.edited.Pix, f.Pix)
	p := *sl.item.Patch
	p.Residual = sl.residual
	p.Paste(s.ops, sl.edited)
}

// averagePlaces fills the residual of frame i's patch so that inside the mask
// the result is Alpha·mean + (1-Alpha)·edited, as far as the mask's soft edge
// lets it.
func (s *Smoother) averagePlaces(i int) {
	sl := s.at(i)
	from, to := max(0, i-s.half), min(s.pushed, i+s.half+1)
	if to-from == 1 { // nothing to average, and the kept frame is rounded
		for c := range sl.residual {
			copy(sl.item.Patch.Residual[c].Pix, sl.residual[c].Pix)
		}
		return
	}
	sum := 0.0
	for j := from; j < to; j++ {
		sum += decay(j - i)
	}
	mean := &s.classic.mean
	for c := range sl.residual {
		*mean = mean.Resized(sl.residual[c].Width, sl.residual[c].Height)
		clear(mean.Pix)
		for j := from; j < to; j++ {
			accumulate(*mean, planePart(s.at(j).edited, c, sl.region), float32(decay(j-i)/sum))
		}
		lean(sl.item.Patch.Residual[c], sl.residual[c], *mean, planePart(sl.item.Frame, c, sl.region), float32(s.o.Alpha))
	}
}

// decay is the weight of a frame d away.
func decay(d int) float64 { return math.Exp(-math.Abs(float64(d)) / 2) }

// planePart returns the part of plane c of f that a region of luma covers.
func planePart(f *frame.Frame, c int, r image.Rectangle) frame.Plane {
	switch c {
	case 0:
		return f.Y().Sub(r.Min.X, r.Min.Y, r.Dx(), r.Dy())
	case 1:
		return f.Cb().Sub(r.Min.X/2, r.Min.Y/2, r.Dx()/2, r.Dy()/2)
	}
	return f.Cr().Sub(r.Min.X/2, r.Min.Y/2, r.Dx()/2, r.Dy()/2)
}

// accumulate adds src·weight to dst.
func accumulate(dst frame.Plane32, src frame.Plane, weight float32) {
	for y := range dst.Height {
		d := dst.Row(y)
		for x, v := range src.Row(y)[:len(d)] {
			d[x] += weight * float32(v)
		}
	}
}

// lean fills out with the residual that brings the edited samples a share
// nearer to the mean.
func lean(out, residual, mean frame.Plane32, source frame.Plane, share float32) {
	for y := range out.Height {
		o := out.Row(y)
		r, m, s := residual.Row(y)[:len(o)], mean.Row(y)[:len(o)], source.Row(y)[:len(o)]
		for x := range o {
			was := float32(s[x])
			edited := min(max(was+r[x], 0), 255)
			o[x] = edited + share*(m[x]-edited) - was
		}
	}
}
