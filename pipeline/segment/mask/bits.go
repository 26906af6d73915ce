// Package mask measures and repairs the binary masks that planes of logits
// stand for: a sample above 0 is inside.
package mask

import (
	"math/bits"

	"uredit/pipeline/frame"
)

// Bits is a binary mask, one bit a sample, each row in whole words. The zero
// value is a mask without samples. Its memory is used again by every method that
// fills it.
type Bits struct {
	words  []uint64
	stride int // words of a row
	width  int
	height int
	area   int // samples that are set
}

// Threshold sets b to the samples of p above 0.
func (b *Bits) Threshold(p frame.Plane32) {
	b.resize(p.Width, p.Height)
	b.area = 0
	for y := range p.Height {
		row, words := p.Row(y), b.words[y*b.stride:][:b.stride]
		for i := range words {
			part := row[64*i : min(64*i+64, len(row))]
			word := uint64(0)
			for x, v := range part {
				if v > 0 {
					word |= 1 << x
				}
			}
			words[i] = word
			b.area += bits.OnesCount64(word)
		}
	}
}

// resize gives b its size; its contents are undefined.
func (b *Bits) resize(w, h int) {
	b.width, b.height, b.stride = w, h, (w+63)/64
	if n := b.stride * h; cap(b.words) < n {
		b.words = make([]uint64, n)
	} else {
		b.words = b.words[:n]
	}
}

// IoU returns intersection over union, 0 for two empty masks or two sizes.
func (b *Bits) IoU(o *Bits) float32 {
	if len(b.words) != len(o.words) || b.width != o.width {
		return 0
	}
	both := 0
	for i, w := range b.words {
		both += bits.OnesCount64(w & o.words[i])
	}
	return float32(both) / float32(max(b.area+o.area-both, 1))
}

// Shift sets b to o moved by dx samples to the right and dy down; what leaves
// the picture is lost.
func (b *Bits) Shift(o *Bits, dx, dy int) {
	b.resize(o.width, o.height)
	b.area = 0
	clear(b.words)
	over, part := dx>>6, uint(dx&63) // dx = 64*over + part, also below 0
	last := ^uint64(0) >> (uint(-o.width) & 63)
	for y := max(dy, 0); y < min(o.height+dy, o.height); y++ {
		from, to := o.words[(y-dy)*o.stride:][:o.stride], b.words[y*b.stride:][:b.stride]
		for i := range to {
			word := uint64(0)
			if j := i - over; j >= 0 && j < len(from) {
				word = from[j] << part
			}
			if j := i - over - 1; part > 0 && j >= 0 && j < len(from) {
				word |= from[j] >> (64 - part)
			}
			if i == len(to)-1 {
				word &= last
			}
			to[i] = word
			b.area += bits.OnesCount64(word)
		}
	}
}

// Centre returns the mean position of the set samples.
func (b *Bits) Centre() (x, y float64) {
	if b.area == 0 {
		return 0, 0
	}
	for row := range b.height {
		for i, w := range b.words[row*b.stride:][:b.stride] {
			y += float64(row * bits.OnesCount64(w))
			for ; w != 0; w &= w - 1 {
				x += float64(64*i + bits.TrailingZeros64(w))
			}
		}
	}
	return x / float64(b.area), y / float64(b.area)
}

// Copy makes b equal to o, in its own memory.
func (b *Bits) Copy(o *Bits) {
	b.resize(o.width, o.height)
	copy(b.words, o.words)
	b.area = o.area
}

// Area returns how many samples are set.
func (b *Bits) Area() int { return b.area }

// Empty reports whether no sample is set.
func (b *Bits) Empty() bool { return b.area == 0 }

// Clear unsets every sample.
func (b *Bits) Clear() {
	clear(b.words)
	b.area = 0
}
