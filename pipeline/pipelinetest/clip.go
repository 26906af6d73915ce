// Package pipelinetest makes clips whose every mask is known, for tests and
// benchmarks. Nothing else imports it.
package pipelinetest

import (
	"math"

	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

// RGB is an 8-bit sRGB colour.
type RGB [3]uint8

// Ball is a disc that moves over the picture.
type Ball struct {
	Colour RGB
	Radius float64
	// At returns the centre in frame i and whether the ball is there.
	At func(i int) (x, y float64, there bool)
	// Shaded makes the ball darker towards its rim, by a third.
	Shaded bool
}

// Clip describes a generated video in BT.709 limited range.
type Clip struct {
	Width, Height int
	// Background returns the colour behind the balls at a sample.
	Background func(x, y, i int) RGB
	Balls      []Ball
}

// Colour is the colour description of every clip of this package.
func Colour() media.Colour {
	return media.Colour{Matrix: "bt709", Primaries: "bt709", Transfer: "bt709", Range: "tv"}
}

// Flat is a background of one colour.
func Flat(c RGB) func(x, y, i int) RGB { return func(int, int, int) RGB { return c } }

// Texture is a still background of smooth grey-brown patches.
func Texture(x, y, _ int) RGB {
	v := 110 + 25*math.Sin(float64(x)/23)*math.Cos(float64(y)/17) + 12*math.Sin(float64(x+2*y)/5)
	return RGB{uint8(v + 6), uint8(v + 2), uint8(v - 6)}
}

// Glide moves a ball from (x, y) by (dx, dy) a frame.
func Glide(x, y, dx, dy float64) func(int) (float64, float64, bool) {
	return func(i int) (float64, float64, bool) {
		return x + dx*float64(i), y + dy*float64(i), true
	}
}

// Draw fills f with frame i and, for each ball, mask with 255 where ball n
// covers at least half of the sample. A mask of zero size is skipped.
func (c Clip) Draw(f *frame.Frame, i int, masks ...frame.Plane) {
	rgb := make([]float64, c.Width*c.Height*3)
	for y := range c.Height {
		for x := range c.Width {
			p := c.Background(x, y, i)
			at := (y*c.Width + x) * 3
			rgb[at], rgb[at+1], rgb[at+2] = float64(p[0]), float64(p[1]), float64(p[2])
		}
	}
	for n, b := range c.Balls {
		var mask frame.Plane
		if n < len(masks) {
			mask = masks[n]
		}
		c.ball(rgb, b, i, mask)
	}
	f.Index = i
	toPlanes(f, rgb)
}

func (c Clip) ball(rgb []float64, b Ball, i int, mask frame.Plane) {
	if mask.Pix != nil {
		clear(mask.Pix)
	}
	cx, cy, there := b.At(i)
	if !there {
		return
	}
	for y := max(0, int(cy-b.Radius)-1); y < min(c.Height, int(cy+b.Radius)+2); y++ {
		for x := max(0, int(cx-b.Radius)-1); x < min(c.Width, int(cx+b.Radius)+2); x++ {
			a := coverage(float64(x)-cx, float64(y)-cy, b.Radius)
			if a == 0 {
				continue
			}
			shade := 1.0
			if b.Shaded {
				d := math.Hypot(float64(x)-cx, float64(y)-cy) / b.Radius
				shade = 1 - d*d/3
			}
			at := (y*c.Width + x) * 3
			for k := range 3 {
				rgb[at+k] += a * (shade*float64(b.Colour[k]) - rgb[at+k])
			}
			if mask.Pix != nil && a >= 0.5 {
				mask.Row(y)[x] = 255
			}
		}
	}
}

// coverage is the share of the unit square at (dx, dy) inside a disc of radius
// r around the origin, from 8 by 8 points.
func coverage(dx, dy, r float64) float64 {
	d := math.Hypot(dx+0.5, dy+0.5)
	switch {
	case d < r-1:
		return 1
	case d > r+1:
		return 0
	}
	n := 0
	for j := range 8 {
		for k := range 8 {
			x, y := dx+(float64(k)+0.5)/8, dy+(float64(j)+0.5)/8
			if x*x+y*y <= r*r {
				n++
			}
		}
	}
	return float64(n) / 64
}

// toPlanes writes sRGB samples as BT.709 limited range planes.
func toPlanes(f *frame.Frame, rgb []float64) {
	const kr, kb = 0.2126, 0.0722
	Y, Cb, Cr := f.Y(), f.Cb(), f.Cr()
	luma := func(at int) float64 { return kr*rgb[at] + (1-kr-kb)*rgb[at+1] + kb*rgb[at+2] }
	for y := range f.Height {
		for x := range f.Width {
			Y.Row(y)[x] = round8(16 + 219.0/255*luma((y*f.Width+x)*3))
		}
	}
	for y := range f.Height / 2 {
		for x := range f.Width / 2 {
			var cb, cr float64
			for _, at := range [4]int{(2*y*f.Width + 2*x) * 3, (2*y*f.Width + 2*x + 1) * 3, ((2*y+1)*f.Width + 2*x) * 3, ((2*y+1)*f.Width + 2*x + 1) * 3} {
				l := luma(at)
				cb += (rgb[at+2] - l) / (2 * (1 - kb))
				cr += (rgb[at] - l) / (2 * (1 - kr))
			}
			Cb.Row(y)[x] = round8(128 + 224.0/255*cb/4)
			Cr.Row(y)[x] = round8(128 + 224.0/255*cr/4)
		}
	}
}

func round8(v float64) byte { return byte(min(max(math.Round(v), 0), 255)) }

// ToRGB returns the sRGB value of the sample at (x, y) of a frame in Colour().
func ToRGB(f *frame.Frame, x, y int) [3]float64 {
	const kr, kb = 0.2126, 0.0722
	l := (float64(f.Y().Row(y)[x]) - 16) * 255 / 219
	cb := (float64(f.Cb().Row(y / 2)[x/2]) - 128) * 255 / 224
	cr := (float64(f.Cr().Row(y / 2)[x/2]) - 128) * 255 / 224
	r := l + 2*(1-kr)*cr
	b := l + 2*(1-kb)*cb
	return [3]float64{r, (l - kr*r - kb*b) / (1 - kr - kb), b}
}
