package smooth_test

import (
	"image"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/opencv"
	"uredit/pipeline/smooth"
)

// waves is a texture that can be sampled anywhere: a sum of waves of random
// directions and lengths.
type waves []wave

type wave struct{ fx, fy, phase, height float64 }

func newWaves(seed uint64, n int, shortest, longest, height float64) waves {
	rng := rand.New(rand.NewPCG(seed, 11))
	w := make(waves, n)
	for i := range w {
		length := shortest + (longest-shortest)*rng.Float64()
		angle := 2 * math.Pi * rng.Float64()
		w[i] = wave{
			fx: 2 * math.Pi / length * math.Cos(angle), fy: 2 * math.Pi / length * math.Sin(angle),
			phase: 2 * math.Pi * rng.Float64(), height: height / math.Sqrt(float64(n)/2),
		}
	}
	return w
}

// row adds the texture from (x, y) on to every step-th sample of dst.
func (w waves) row(dst []float64, x, y, step float64) {
	for _, s := range w {
		// Each sample turns the wave by the same angle.
		turn := cmplx.Rect(1, s.fx*step)
		v := cmplx.Rect(s.height, s.fx*x+s.fy*y+s.phase)
		for i := range dst {
			dst[i] += imag(v)
			v *= turn
		}
	}
}

// film is a textured disc that moves over a textured background, with an edit
// that gives the disc another texture and flickers.
type film struct {
	w, h         int
	radius       float64
	centre       func(t int) (x, y float64)
	source, back waves
	edit         waves
	flicker      float64 // standard deviation of what differs from frame to frame, levels
	hidden       func(t int) image.Rectangle
	occluder     waves
	withoutMask  func(t int) bool
	scale        float64 // of the editor's picture
}

func newFilm(w, h int, radius float64, centre func(t int) (x, y float64)) *film {
	return &film{
		w: w, h: h, radius: radius, centre: centre,
		source: newWaves(1, 24, 7, 40, 30), back: newWaves(2, 24, 9, 50, 25), edit: newWaves(3, 24, 6, 24, 20),
		flicker: 8,
	}
}

// noise is the flicker of frame t: soft blobs and an offset, new in each.
func (f *film) noise(t int) waves {
	return append(newWaves(100+uint64(t), 6, 25, 120, f.flicker*.9),
		wave{phase: 2 * math.Pi * rand.New(rand.NewPCG(uint64(t), 5)).Float64(), height: f.flicker * .6})
}

func (f *film) window(t int) image.Rectangle {
	x, y := f.centre(t)
	at := image.Pt(int(x), int(y))
	return image.Rectangle{Min: at, Max: at}.Inset(-int(f.radius) - 20)
}

// item makes frame t and its patch.
func (f *film) item(t int) smooth.Item {
	cx, cy := f.centre(t)
	fr := frame.New(f.w, f.h)
	fr.Index = t
	for i := range fr.Pix {
		fr.Pix[i] = 128
	}
	alpha := frame.NewPlane(f.w, f.h)
	var covered image.Rectangle
	if f.hidden != nil {
		covered = f.hidden(t)
	}
	back, source, bar := make([]float64, f.w), make([]float64, f.w), make([]float64, f.w)
	for y := range f.h {
		clear(back)
		clear(source)
		clear(bar)
		f.back.row(back, 0, float64(y), 1)
		f.source.row(source, -cx, float64(y)-cy, 1)
		f.occluder.row(bar, 0, float64(y), 1)
		for x := range f.w {
			inside := f.radius - math.Hypot(float64(x)-cx, float64(y)-cy)
			v := 120 + back[x]
			if inside > 0 {
				v = 130 + source[x]
			}
			if image.Pt(x, y).In(covered) {
				v, inside = 90+bar[x], -1
			}
			fr.Y().Row(y)[x] = byte(min(max(v, 0), 255) + .5)
			alpha.Row(y)[x] = byte(255 * min(max(inside/8, 0), 1))
		}
	}
	p := new(frame.Patch)
	if f.withoutMask == nil || !f.withoutMask(t) {
		f.fill(p, alpha, t)
	}
	return smooth.Item{Frame: fr, Patch: p, Window: f.window(t), Scale: f.scale}
}

// fill gives p the alpha of the frame and the edit with its flicker.
func (f *film) fill(p *frame.Patch, alpha frame.Plane, t int) {
	cx, cy := f.centre(t)
	r := image.Rectangle{}
	for y := range f.h {
		for x, a := range alpha.Row(y) {
			if a != 0 {
				r = r.Union(image.Rect(x&^1, y&^1, x&^1+2, y&^1+2))
			}
		}
	}
	if r.Empty() {
		return
	}
	p.Resize(r)
	p.ResizeResidual()
	noise := f.noise(t)
	line := make([]float64, r.Dx())
	for y := range r.Dy() {
		copy(p.Alpha.Row(y), alpha.Row(r.Min.Y + y)[r.Min.X:])
		clear(line)
		f.edit.row(line, float64(r.Min.X)-cx, float64(r.Min.Y+y)-cy, 1)
		noise.row(line, float64(r.Min.X)-cx, float64(r.Min.Y+y)-cy, 1)
		for x, v := range line {
			p.Residual[0].Row(y)[x] = float32(v)
		}
	}
	line = line[:r.Dx()/2]
	for y := range r.Dy() / 2 {
		clear(line)
		f.edit.row(line, float64(r.Min.X)+.5-cx, float64(r.Min.Y+2*y)+.5-cy, 2)
		noise.row(line, float64(r.Min.X)+.5-cx, float64(r.Min.Y+2*y)+.5-cy, 2)
		for x, v := range line {
			p.AlphaC.Row(y)[x] = p.Alpha.Row(2 * y)[2*x]
			p.Residual[1].Row(y)[x], p.Residual[2].Row(y)[x] = float32(v), float32(-v/2)
		}
	}
}

// run smooths n frames and returns them in order.
func run(t testing.TB, f *film, n int, o smooth.Options, cuts ...int) []smooth.Item {
	t.Helper()
	o.Width, o.Height = f.w, f.h
	ops := opencv.New()
	defer ops.Close()
	s, err := smooth.New(ops, o)
	if err != nil {
		t.Fatal(err)
	}
	var out []smooth.Item
	for i := range n {
		it := f.item(i)
		for _, c := range cuts {
			it.Cut = it.Cut || c == i
		}
		out = append(out, s.Push(it)...)
		if held := i + 1 - len(out); held > s.Delay() {
			t.Fatalf("frame %d: %d frames are held, at most %d promised", i, held, s.Delay())
		}
	}
	out = append(out, s.Flush()...)
	if len(out) != n {
		t.Fatalf("%d frames in, %d out", n, len(out))
	}
	for i, it := range out {
		if it.Frame.Index != i {
			t.Fatalf("frame %d came out as number %d", it.Frame.Index, i)
		}
	}
	return out
}

// sample is plane c of a patch at a luma position, interpolated; ok is false
// where alpha is not full.
func sample(it smooth.Item, x, y float64) (v float64, ok bool) {
	p := it.Patch
	x, y = x-float64(p.Region.Min.X), y-float64(p.Region.Min.Y)
	x0, y0 := int(math.Floor(x)), int(math.Floor(y))
	if x0 < 1 || y0 < 1 || x0+2 >= p.Region.Dx() || y0+2 >= p.Region.Dy() || p.Alpha.Row(y0)[x0] != 255 {
		return 0, false
	}
	return cubic(x-float64(x0), func(i int) float64 {
		row := p.Residual[0].Row
		return cubic(y-float64(y0), func(j int) float64 { return float64(row(y0 + j)[x0+i]) })
	}), true
}

// cubic interpolates with Catmull and Rom's weights.
func cubic(f float64, v func(int) float64) float64 {
	return v(-1)*(-f+2*f*f-f*f*f)/2 + v(0)*(2-5*f*f+3*f*f*f)/2 + v(1)*(f+4*f*f-3*f*f*f)/2 + v(2)*(f*f*f-f*f)/2
}

// flickerOf is the variance over time at places that move with the disc.
func flickerOf(f *film, items []smooth.Item) float64 {
	total, places := 0.0, 0
	for dy := -f.radius; dy <= f.radius; dy += 5 {
		for dx := -f.radius; dx <= f.radius; dx += 5 {
			var vs []float64
			for t, it := range items {
				cx, cy := f.centre(t)
				if v, ok := sample(it, cx+dx, cy+dy); ok {
					vs = append(vs, v)
				}
			}
			if len(vs) == len(items) {
				total += variance(vs)
				places++
			}
		}
	}
	return total / float64(places)
}

func variance(v []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, x := range v {
		sum += x
		squares += x * x
	}
	n := float64(len(v))
	return squares/n - sum/n*sum/n
}

// gradientOf is the mean squared gradient of the luma residual under full alpha.
func gradientOf(it smooth.Item) float64 {
	p, sum, n := it.Patch, 0.0, 0
	for y := range p.Region.Dy() - 1 {
		for x := range p.Region.Dx() - 1 {
			if p.Alpha.Row(y)[x] != 255 {
				continue
			}
			v := p.Residual[0].Row(y)[x]
			dx, dy := float64(p.Residual[0].Row(y)[x+1]-v), float64(p.Residual[0].Row(y + 1)[x]-v)
			sum += dx*dx + dy*dy
			n++
		}
	}
	return sum / float64(n)
}
