package resize

import "math"

const (
	// precision is the number of fraction bits of a weight: 8 bits of sample, one
	// of sign and one to spare remain of 32.
	precision = 32 - 8 - 2
	half      = 1 << (precision - 1) // rounds to the nearest
)

// pillow is a Resizer that does as Pillow does: fixed-point weights, first along
// rows, then along columns, each rounded to 8 bits.
type pillow struct {
	sizes
	across, down axis
	between      []byte // height rows of toWidth pixels
}

// axis holds which samples each sample of a result is made of.
type axis struct {
	first   []int   // of each result: the first sample
	weights []int32 // of each result: taps weights of successive samples
	taps    int
	signed  bool // some weights are below 0
}

func newPillow(s sizes, k kernel) *pillow {
	return &pillow{
		sizes:  s,
		across: newAxis(s.width, s.toWidth, k), down: newAxis(s.height, s.toHeight, k),
		between: make([]byte, 3*s.toWidth*s.height),
	}
}

// newAxis computes the weights from n samples to m.
func newAxis(n, m int, k kernel) axis {
	scale := float64(n) / float64(m)
	wide := max(scale, 1)
	support := k.reach * wide
	reach := func(i int) (centre float64, first, count int) {
		centre = (float64(i) + 0.5) * scale
		first = max(int(centre-support+0.5), 0)
		return centre, first, min(int(centre+support+0.5), n) - first
	}
	a := axis{first: make([]int, m), signed: k.signed}
	for i := range m {
		_, _, count := reach(i)
		a.taps = max(a.taps, count)
	}
	a.weights = make([]int32, m*a.taps)
	exact := make([]float64, a.taps)
	for i := range m {
		centre, first, count := reach(i)
		sum := 0.0
		for j := range count {
			exact[j] = k.at((float64(j+first) - centre + 0.5) * (1 / wide))
			sum += exact[j]
		}
		// Every result has as many taps; those that are too many weigh 0 and lie
		// before where they would lie outside behind.
		a.first[i] = min(first, n-a.taps)
		weights := a.weights[i*a.taps+first-a.first[i]:][:count]
		for j := range count {
			weights[j] = int32(math.Round(exact[j] / sum * (1 << precision)))
		}
	}
	return a
}

// Run implements Resizer.
func (p *pillow) Run(dst, src []byte) {
	p.check(dst, src)
	between := src
	if p.width != p.toWidth {
		between = p.between
		for y := range p.height {
			p.across.row(between[3*y*p.toWidth:][:3*p.toWidth], src[3*y*p.width:][:3*p.width])
		}
	}
	if p.height == p.toHeight {
		copy(dst, between)
		return
	}
	for y := range p.toHeight {
		p.down.column(dst[3*y*p.toWidth:][:3*p.toWidth], between, y)
	}
}

// row makes one row of another.
func (a *axis) row(dst, src []byte) {
	switch {
	case a.taps == 2 && !a.signed:
		a.row2(dst, src)
		return
	case a.taps == 3 && !a.signed:
		a.row3(dst, src)
		return
	}
	for x, first := range a.first {
		red, green, blue := int32(half), int32(half), int32(half)
		samples := src[3*first:][:3*a.taps]
		for _, w := range a.weights[x*a.taps:][:a.taps] {
			red += w * int32(samples[0])
			green += w * int32(samples[1])
			blue += w * int32(samples[2])
			samples = samples[3:]
		}
		d := dst[3*x:][:3]
		d[0], d[1], d[2] = clamp(red>>precision), clamp(green>>precision), clamp(blue>>precision)
	}
}

// row2 is row for two taps: whatever is enlarged.
func (a *axis) row2(dst, src []byte) {
	for x, first := range a.first {
		s := src[3*first:][:6]
		w := a.weights[2*x:][:2]
		d := dst[3*x:][:3]
		d[0] = byte((half + w[0]*int32(s[0]) + w[1]*int32(s[3])) >> precision)
		d[1] = byte((half + w[0]*int32(s[1]) + w[1]*int32(s[4])) >> precision)
		d[2] = byte((half + w[0]*int32(s[2]) + w[1]*int32(s[5])) >> precision)
	}
}

// row3 is row for three taps: what becomes smaller by less than a third.
func (a *axis) row3(dst, src []byte) {
	for x, first := range a.first {
		s := src[3*first:][:9]
		w := a.weights[3*x:][:3]
		d := dst[3*x:][:3]
		d[0] = byte((half + w[0]*int32(s[0]) + w[1]*int32(s[3]) + w[2]*int32(s[6])) >> precision)
		d[1] = byte((half + w[0]*int32(s[1]) + w[1]*int32(s[4]) + w[2]*int32(s[7])) >> precision)
		d[2] = byte((half + w[0]*int32(s[2]) + w[1]*int32(s[5]) + w[2]*int32(s[8])) >> precision)
	}
}

// column makes row y of a picture of the rows of another.
func (a *axis) column(dst, src []byte, y int) {
	n := len(dst)
	rows := src[a.first[y]*n:]
	weights := a.weights[y*a.taps:][:a.taps]
	for len(weights) > 1 && weights[0] == 0 {
		weights, rows = weights[1:], rows[n:]
	}
	for len(weights) > 1 && weights[len(weights)-1] == 0 {
		weights = weights[:len(weights)-1]
	}
	switch {
	case len(weights) == 2 && !a.signed:
		w, v := weights[0], weights[1]
		above, below := rows[:n], rows[n:][:n]
		for x := range dst {
			dst[x] = byte((half + w*int32(above[x]) + v*int32(below[x])) >> precision)
		}
	case len(weights) == 4: // a cubic that enlarges
		w, r0, r1, r2, r3 := weights[:4], rows[:n], rows[n:][:n], rows[2*n:][:n], rows[3*n:][:n]
		for x := range dst {
			sum := half + w[0]*int32(r0[x]) + w[1]*int32(r1[x]) + w[2]*int32(r2[x]) + w[3]*int32(r3[x])
			dst[x] = clamp(sum >> precision)
		}
	default:
		for x := range dst {
			sum := int32(half)
			for k, w := range weights {
				sum += w * int32(rows[k*n+x])
			}
			dst[x] = clamp(sum >> precision)
		}
	}
}
