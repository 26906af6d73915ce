package composite_test

import (
	"image"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"uredit/pipeline/composite"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
	"uredit/pipeline/opencv"
)

func TestMain(m *testing.M) {
	opencv.SetThreads(1)
	os.Exit(m.Run())
}

// texture fills a frame with soft waves and grain in all three planes.
func texture(w, h int, seed uint64) *frame.Frame {
	f := frame.New(w, h)
	rng := rand.New(rand.NewPCG(seed, 7))
	for i, p := range []frame.Plane{f.Y(), f.Cb(), f.Cr()} {
		mid, wave, grain := 120., 45., 12.
		if i > 0 {
			mid, wave, grain = 128, 18, 3
		}
		for y := range p.Height {
			for x := range p.Width {
				v := mid + wave*math.Sin(float64(x)/(9+float64(i)))*math.Cos(float64(y)/11) + grain*(rng.Float64()-.5)
				p.Row(y)[x] = byte(v)
			}
		}
	}
	return f
}

// disc is a mask of the frame's size with its bounding box.
func disc(w, h, cx, cy, r int) (frame.Plane, image.Rectangle) {
	m := frame.NewPlane(w, h)
	for y := range h {
		for x := range w {
			if (x-cx)*(x-cx)+(y-cy)*(y-cy) < r*r {
				m.Row(y)[x] = 255
			}
		}
	}
	return m, image.Rect(cx-r, cy-r, cx+r, cy+r).Intersect(image.Rect(0, 0, w, h))
}

// editor is what a network makes of planar RGB in -1..1.
type editor func(dst, src []float32)

func identity(dst, src []float32) { copy(dst, src) }

// recolour swaps red and blue and halves the contrast of green: a known linear
// edit.
func recolour(dst, src []float32) {
	n := len(src) / 3
	for i := range n {
		dst[i], dst[n+i], dst[2*n+i] = src[2*n+i], src[n+i]/2, src[i]
	}
}

type scene struct {
	o      composite.Options
	window image.Rectangle
	w, h   int
	mask   frame.Plane
	bounds image.Rectangle
}

func newScene(o composite.Options, window image.Rectangle, w, h, cx, cy, r int) scene {
	m, b := disc(o.Width, o.Height, cx, cy, r)
	return scene{o, window, w, h, m, b}
}

// paste edits a copy of f as the pipeline does and returns it with its patch.
func (s scene) paste(t testing.TB, f *frame.Frame, edit editor) (*frame.Frame, *frame.Patch) {
	t.Helper()
	ops := opencv.New()
	defer ops.Close()
	c, err := composite.New(ops, s.o)
	if err != nil {
		t.Fatal(err)
	}
	shown, edited := make([]float32, 3*s.w*s.h), make([]float32, 3*s.w*s.h)
	c.Extract(shown, f, s.window, s.w, s.h)
	edit(edited, shown)
	p := new(frame.Patch)
	c.Alpha(p, s.mask, s.bounds)
	c.Residual(p, edited, shown, s.window, s.w, s.h)
	out := &frame.Frame{Width: f.Width, Height: f.Height, Pix: append([]byte(nil), f.Pix...)}
	p.Paste(ops, out)
	return out, p
}

// toRGB is the textbook conversion of one sample to RGB in 0..1.
func toRGB(kr, kb float64, full bool, y, cb, cr byte) [3]float64 {
	l, u, v := (float64(y)-16)/219, (float64(cb)-128)/224, (float64(cr)-128)/224
	if full {
		l, u, v = float64(y)/255, (float64(cb)-128)/255, (float64(cr)-128)/255
	}
	r, b := l+2*(1-kr)*v, l+2*(1-kb)*u
	return [3]float64{r, (l - kr*r - kb*b) / (1 - kr - kb), b}
}

var colours = []struct {
	name   string
	c      media.Colour
	h      int
	kr, kb float64
	full   bool
}{
	{"bt709", media.Colour{Matrix: "bt709", Range: "tv"}, 240, .2126, .0722, false},
	{"bt601", media.Colour{Matrix: "smpte170m"}, 240, .299, .114, false},
	{"full range", media.Colour{Matrix: "bt470bg", Range: "pc"}, 240, .299, .114, true},
	{"bt2020", media.Colour{Matrix: "bt2020nc"}, 240, .2627, .0593, false},
	{"small, untagged", media.Colour{}, 240, .299, .114, false},
	{"large, untagged", media.Colour{}, 578, .2126, .0722, false},
}

func TestExtractColour(t *testing.T) {
	for _, tt := range colours {
		t.Run(tt.name, func(t *testing.T) {
			f := frame.New(320, tt.h)
			const y, cb, cr = 130, 110, 150
			fill(f.Y(), y)
			fill(f.Cb(), cb)
			fill(f.Cr(), cr)
			c, err := composite.New(opencv.New(), composite.Options{Width: 320, Height: tt.h, Colour: tt.c})
			if err != nil {
				t.Fatal(err)
			}
			dst := make([]float32, 3*64*64)
			c.Extract(dst, f, image.Rect(10, 10, 110, 110), 64, 64)
			want := toRGB(tt.kr, tt.kb, tt.full, y, cb, cr)
			for i, v := range want {
				if got := (float64(dst[i*64*64+2000]) + 1) / 2; math.Abs(got-v) > 1e-5 {
					t.Errorf("channel %d is %g, want %g", i, got, v)
				}
			}
		})
	}
}

func fill(p frame.Plane, v byte) {
	for y := range p.Height {
		row := p.Row(y)
		for x := range row {
			row[x] = v
		}
	}
}

// scales are windows of one, more and fewer samples than the editor's picture.
var scales = []struct {
	name   string
	window image.Rectangle
	w, h   int
}{
	{"equal", image.Rect(100, 60, 356, 316), 256, 256},
	{"enlarged", image.Rect(130, 90, 330, 290), 256, 256},
	{"shrunk", image.Rect(20, 0, 404, 384), 256, 256},
	{"shrunk by 3", image.Rect(20, 0, 404, 384), 128, 128},
	{"beyond the frame", image.Rect(-64, -112, 576, 528), 256, 256},
}

var small = composite.Options{Width: 480, Height: 400, Colour: media.Colour{Matrix: "bt709"}, Erode: 10, Feather: 5}

func TestIdentityChangesNothing(t *testing.T) {
	f := texture(480, 400, 1)
	for _, s := range scales {
		t.Run(s.name, func(t *testing.T) {
			out, p := newScene(small, s.window, s.w, s.h, 230, 190, 70).paste(t, f, identity)
			if p.Empty() {
				t.Fatal("no alpha")
			}
			for i := range f.Pix {
				if d := int(out.Pix[i]) - int(f.Pix[i]); d < -1 || d > 1 {
					t.Fatalf("sample %d went from %d to %d", i, f.Pix[i], out.Pix[i])
				}
			}
		})
	}
}

// TestRecolourIsTrue compares the pasted colours well inside the mask with the
// closed form of the edit on the frame's own colours.
func TestRecolourIsTrue(t *testing.T) {
	f := texture(480, 400, 2)
	for _, s := range scales {
		t.Run(s.name, func(t *testing.T) {
			out, p := newScene(small, s.window, s.w, s.h, 230, 190, 70).paste(t, f, recolour)
			sum, n := 0.0, 0
			for y := p.Region.Min.Y; y < p.Region.Max.Y; y++ {
				for x := p.Region.Min.X; x < p.Region.Max.X; x++ {
					if p.Alpha.Row(y - p.Region.Min.Y)[x-p.Region.Min.X] != 255 {
						continue
					}
					want := rgbAt(f, x, y)
					want[0], want[1], want[2] = want[2], want[1]/2+.25, want[0]
					got := rgbAt(out, x, y)
					for i := range got {
						sum += math.Abs(got[i] - want[i])
						n++
					}
				}
			}
			if n < 3*5000 {
				t.Fatalf("only %d colours compared", n)
			}
			if mean := 255 * sum / float64(n); mean > 2 {
				t.Errorf("mean error %.2f levels, want at most 2", mean)
			} else {
				t.Logf("mean error %.2f levels", mean)
			}
		})
	}
}

func rgbAt(f *frame.Frame, x, y int) [3]float64 {
	return toRGB(.2126, .0722, false, f.Y().Row(y)[x], f.Cb().Row(y / 2)[x/2], f.Cr().Row(y / 2)[x/2])
}

func TestOutsideIsUntouched(t *testing.T) {
	f := texture(480, 400, 3)
	white := func(dst, _ []float32) {
		for i := range dst {
			dst[i] = 1
		}
	}
	out, p := newScene(small, scales[1].window, 256, 256, 230, 190, 70).paste(t, f, white)
	alpha := frame.NewPlane(480, 400)
	for y := range p.Region.Dy() {
		copy(alpha.Row(y + p.Region.Min.Y)[p.Region.Min.X:], p.Alpha.Row(y))
	}
	touched := 0
	for y := range 400 {
		for x := range 480 {
			if alpha.Row(y)[x] == 0 && out.Y().Row(y)[x] != f.Y().Row(y)[x] {
				t.Fatalf("luma (%d, %d) changed outside alpha", x, y)
			}
			if alpha.Row(y)[x] == 255 {
				if got := out.Y().Row(y)[x]; got < 228 || got > 242 {
					t.Fatalf("luma (%d, %d) is %d inside the mask, want white with grain", x, y, got)
				}
				touched++
			}
		}
	}
	for y := range 200 {
		for x := range 240 {
			a, b := alpha.Row(2 * y)[2*x:][:2], alpha.Row(2*y + 1)[2*x:][:2]
			if a[0]|a[1]|b[0]|b[1] != 0 {
				continue
			}
			if out.Cb().Row(y)[x] != f.Cb().Row(y)[x] || out.Cr().Row(y)[x] != f.Cr().Row(y)[x] {
				t.Fatalf("chroma (%d, %d) changed though its block has no alpha", x, y)
			}
		}
	}
	if touched == 0 {
		t.Fatal("nothing was edited")
	}
}

func TestPixelsBeyondColourAreKept(t *testing.T) {
	// Y'CbCr that no RGB holds: an editor is shown the nearest colour, and an
	// identity edit still changes nothing.
	f := frame.New(64, 64)
	fill(f.Y(), 235)
	fill(f.Cb(), 240)
	fill(f.Cr(), 16)
	s := newScene(composite.Options{Width: 64, Height: 64}, image.Rect(0, 0, 64, 64), 64, 64, 32, 32, 20)
	out, _ := s.paste(t, f, identity)
	if string(out.Pix) != string(f.Pix) {
		t.Error("an identity edit changed colours outside the gamut")
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []composite.Options{
		{},
		{Width: 3, Height: 2},
		{Width: 4, Height: 4, Erode: -1},
		{Width: 4, Height: 4, Feather: math.NaN()},
		{Width: 4, Height: 4, Colour: media.Colour{Matrix: "ycgco"}},
	} {
		if _, err := composite.New(opencv.New(), o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}
