package resize

import (
	"fmt"
	"math"
)

// windowed is Lanczos' filter: a sinc within three of its periods each way,
// under a wider one.
var windowed = kernel{3, func(x float64) float64 {
	if x < -3 || x >= 3 {
		return 0
	}
	return sinc(x) * sinc(x/3)
}}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// Lanczos stretches pictures of one size to another with Pillow's LANCZOS. It
// is used by one goroutine at a time.
type Lanczos struct {
	from, to     size
	across, down axis
	between      []byte // from.height rows of to.width pixels
}

// NewLanczos returns a Lanczos for pictures of w by h samples, to be made toW by
// toH.
func NewLanczos(w, h, toW, toH int) (*Lanczos, error) {
	if min(w, h, toW, toH) <= 0 {
		return nil, fmt.Errorf("resize: %d by %d to %d by %d samples", w, h, toW, toH)
	}
	return &Lanczos{
		from: size{w, h}, to: size{toW, toH},
		across: newAxis(w, toW, windowed), down: newAxis(h, toH, windowed),
		between: make([]byte, 3*toW*h),
	}, nil
}

// Run fills dst, packed R, G, B bytes in rows from the top, with the picture in
// src. It panics when either has not the size that NewLanczos was told.
func (l *Lanczos) Run(dst, src []byte) {
	if len(src) != 3*l.from.width*l.from.height || len(dst) != 3*l.to.width*l.to.height {
		panic(fmt.Sprintf("resize: %d to %d bytes, want %v to %v pixels", len(src), len(dst), l.from, l.to))
	}
	between := src
	if l.from.width != l.to.width {
		between = l.between
		for y := range l.from.height {
			row := src[3*y*l.from.width:]
			for x := range l.to.width {
				for c := range 3 {
					between[3*(y*l.to.width+x)+c] = l.across.sample(row[c:], x, 3)
				}
			}
		}
	}
	if l.from.height == l.to.height {
		copy(dst, between)
		return
	}
	stride := 3 * l.to.width
	for y := range l.to.height {
		for x := range stride {
			dst[y*stride+x] = l.down.sample(between[x:], y, stride)
		}
	}
}

// sample returns result i of samples that lie step bytes from each other. The
// weights may be negative, so that it has to be kept in 0..255.
func (a *axis) sample(src []byte, i, step int) byte {
	sum := half
	at := a.first[i] * step
	for _, w := range a.weights[i*a.taps:][:a.taps] {
		sum += int(w) * int(src[at])
		at += step
	}
	return byte(min(max(sum>>precision, 0), 255))
}
