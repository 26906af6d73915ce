// Package resize stretches packed 8-bit RGB pictures as Pillow does, to the last
// bit: the same fixed-point weights, first along rows, then along columns, each
// rounded to 8 bits. BILINEAR is the antialiased triangle filter that
// segmentation models are trained with, LANCZOS the one that diffusers is fed
// with. It is a leaf.
package resize

import (
	"fmt"
	"math"
)

// precision is the number of fraction bits of a weight: 8 bits of sample, one of
// sign and one to spare remain of 32.
const precision = 32 - 8 - 2

// Bilinear stretches pictures of one size to another. It holds the weights and
// the picture between the two passes, and is used by one goroutine at a time.
type Bilinear struct {
	from, to     size
	across, down axis
	between      []byte // from.height rows of to.width pixels
}

type size struct{ width, height int }

// axis holds which samples each sample of a result is made of.
type axis struct {
	first   []int   // of each result: the first sample
	weights []int32 // of each result: taps weights of successive samples
	taps    int
}

// New returns a Bilinear for pictures of w by h samples, to be made toW by toH.
func New(w, h, toW, toH int) (*Bilinear, error) {
	if min(w, h, toW, toH) <= 0 {
		return nil, fmt.Errorf("resize: %d by %d to %d by %d samples", w, h, toW, toH)
	}
	return &Bilinear{
		from: size{w, h}, to: size{toW, toH},
		across: newAxis(w, toW, triangle), down: newAxis(h, toH, triangle),
		between: make([]byte, 3*toW*h),
	}, nil
}

// kernel is a filter: its reach each way in samples of the larger of both
// pictures, and its value at a distance.
type kernel struct {
	reach float64
	at    func(x float64) float64
}

var triangle = kernel{1, func(x float64) float64 { return max(1-math.Abs(x), 0) }}

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
	a := axis{first: make([]int, m)}
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

// Run fills dst, packed R, G, B bytes in rows from the top, with the picture in
// src. It panics when either has not the size that New was told.
func (b *Bilinear) Run(dst, src []byte) {
	if len(src) != 3*b.from.width*b.from.height || len(dst) != 3*b.to.width*b.to.height {
		panic(fmt.Sprintf("resize: %d to %d bytes, want %v to %v pixels", len(src), len(dst), b.from, b.to))
	}
	between := src
	if b.from.width != b.to.width {
		between = b.between
		for y := range b.from.height {
			b.across.row(between[3*y*b.to.width:][:3*b.to.width], src[3*y*b.from.width:][:3*b.from.width])
		}
	}
	if b.from.height == b.to.height {
		copy(dst, between)
		return
	}
	for y := range b.to.height {
		b.down.column(dst[3*y*b.to.width:][:3*b.to.width], between, y)
	}
}

// row makes one row of another.
func (a *axis) row(dst, src []byte) {
	switch a.taps {
	case 2:
		a.row2(dst, src)
		return
	case 3:
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
		d[0], d[1], d[2] = byte(red>>precision), byte(green>>precision), byte(blue>>precision)
	}
}

// half rounds to the nearest.
const half = 1 << (precision - 1)

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
	if len(weights) == 2 {
		w, v := weights[0], weights[1]
		above, below := rows[:n], rows[n:][:n]
		for x := range dst {
			dst[x] = byte((half + w*int32(above[x]) + v*int32(below[x])) >> precision)
		}
		return
	}
	for x := range dst {
		sum := int32(half)
		for k, w := range weights {
			sum += w * int32(rows[k*n+x])
		}
		dst[x] = byte(sum >> precision)
	}
}
