package preset

import (
	"math"

	"uredit/pipeline/frame"
)

// passes is how many boxes stand for Pillow's GaussianBlur.
const passes = 3

// blur blurs p in place as Pillow's GaussianBlur does: three box filters along
// rows, three along columns, the borders repeated. A box has a fractional radius:
// the sample at each end counts in part.
func blur(p frame.Plane, radius float64) {
	reach := boxRadius(float32(radius))
	if reach <= 0 {
		return
	}
	line, out := make([]byte, max(p.Width, p.Height)), make([]byte, max(p.Width, p.Height))
	for y := range p.Height {
		row := p.Row(y)
		for range passes {
			box(out[:len(row)], row, reach)
			copy(row, out)
		}
	}
	for x := range p.Width {
		column := line[:p.Height]
		for y := range column {
			column[y] = p.Pix[y*p.Stride+x]
		}
		for range passes {
			box(out[:len(column)], column, reach)
			copy(column, out)
		}
		for y, v := range column {
			p.Pix[y*p.Stride+x] = v
		}
	}
}

// boxRadius returns the radius of the boxes whose variances add up to
// radius squared.
func boxRadius(radius float32) float32 {
	variance := radius * radius / passes
	length := float32(math.Sqrt(12*float64(variance) + 1))
	whole := float32(math.Floor((float64(length) - 1) / 2))
	part := (2*whole + 1) * (whole*(whole+1) - 3*variance)
	part /= 6 * (variance - (whole+1)*(whole+1))
	return whole + part
}

// box filters one line. Weights are fractions of 1<<24.
func box(dst, src []byte, reach float32) {
	r, last := int(reach), len(src)-1
	weight := uint32((1 << 24) / (reach*2 + 1))
	end := ((1 << 24) - uint32(2*r+1)*weight) / 2
	at := func(i int) uint32 { return uint32(src[min(max(i, 0), last)]) }
	sum := uint32(0)
	for i := -r - 1; i < r; i++ {
		sum += at(i)
	}
	for x := range dst {
		sum += at(x+r) - at(x-r-1)
		dst[x] = byte((sum*weight + (at(x-r-1)+at(x+r+1))*end + 1<<23) >> 24)
	}
}
