package composite_test

import (
	"image"
	"math"
	"testing"

	"uredit/pipeline/composite"
	"uredit/pipeline/frame"
	"uredit/pipeline/opencv"
)

func alphaOf(t *testing.T, o composite.Options, mask frame.Plane, bounds image.Rectangle) *frame.Patch {
	t.Helper()
	c, err := composite.New(opencv.New(), o)
	if err != nil {
		t.Fatal(err)
	}
	p := new(frame.Patch)
	if got := c.Alpha(p, mask, bounds); got == p.Empty() {
		t.Fatalf("Alpha reported %v for region %v", got, p.Region)
	}
	return p
}

func at(p *frame.Patch, x, y int) byte {
	if !image.Pt(x, y).In(p.Region) {
		return 0
	}
	return p.Alpha.Row(y - p.Region.Min.Y)[x-p.Region.Min.X]
}

func TestAlphaRamp(t *testing.T) {
	mask, bounds := disc(320, 240, 161, 120, 60)
	p := alphaOf(t, composite.Options{Width: 320, Height: 240, Erode: 10, Feather: 5}, mask, bounds)
	if at(p, 161, 120) != 255 {
		t.Errorf("alpha is %d in the middle", at(p, 161, 120))
	}
	last := byte(255)
	for x := 161; x < 320; x++ {
		a := at(p, x, 120)
		if a > last {
			t.Fatalf("alpha grows outwards at %d", x)
		}
		if last-a > 64 {
			t.Errorf("alpha drops by %d at %d: no soft edge", last-a, x)
		}
		last = a
	}
	// The eroded edge lies 5 samples inside the mask's: all up to there, half
	// in the middle of the band.
	if a := at(p, 161+54, 120); a != 255 {
		t.Errorf("alpha at the eroded edge is %d, want 255", a)
	}
	if a := at(p, 161+57, 120); a < 90 || a > 190 {
		t.Errorf("alpha in the middle of the band is %d, want about 128", a)
	}
	if got := p.Region; !got.In(bounds.Inset(-2)) || got.Min.X%2|got.Min.Y%2|got.Max.X%2|got.Max.Y%2 != 0 {
		t.Errorf("region %v around mask %v", got, bounds)
	}
}

// TestAlphaStaysInTheMask takes masks of all kinds of edges: with any erosion and
// feather, nothing outside the mask is edited and nothing of the shrunk mask is
// left out.
func TestAlphaStaysInTheMask(t *testing.T) {
	const w, h = 160, 120
	mask, _ := disc(w, h, 60, 50, 30)
	for y := range h {
		for x := range w {
			bar := x > 80 && y > 60 && y < 100
			hole := (x-60)*(x-60)+(y-45)*(y-45) < 25
			border := x < 30 && y > 95
			if bar || border {
				mask.Row(y)[x] = 255
			}
			if hole {
				mask.Row(y)[x] = 0
			}
		}
	}
	ops := opencv.New()
	defer ops.Close()
	eroded := frame.NewPlane(w, h)
	for _, o := range []composite.Options{
		{Erode: 2, Feather: 5}, {Erode: 3, Feather: 5}, {Erode: 10, Feather: 5}, {Erode: 11, Feather: 50},
		{Erode: 10, Feather: 0.4}, {Erode: 10}, {Erode: 20, Feather: 2},
	} {
		o.Width, o.Height = w, h
		p := alphaOf(t, o, mask, image.Rect(0, 0, w, h))
		ops.Erode(eroded, mask, o.Erode)
		for y := range h {
			for x, m := range mask.Row(y) {
				switch a := at(p, x, y); {
				case m == 0 && a != 0:
					t.Fatalf("erode %d, feather %g: alpha is %d at (%d, %d), outside the mask", o.Erode, o.Feather, a, x, y)
				case eroded.Row(y)[x] == 255 && a < 255 && !corner(eroded, x, y):
					t.Fatalf("erode %d, feather %g: alpha is %d at (%d, %d), inside the shrunk mask", o.Erode, o.Feather, a, x, y)
				}
			}
		}
	}
}

// corner reports whether (x, y) is near a place where less than half of what
// lies around it belongs to the mask: a corner, which is rounded.
func corner(mask frame.Plane, x, y int) bool {
	const r = 5
	n, all := 0, 0
	for j := max(0, y-r); j <= min(y+r, mask.Height-1); j++ {
		for i := max(0, x-r); i <= min(x+r, mask.Width-1); i++ {
			all++
			n += int(mask.Row(j)[i] & 1)
		}
	}
	return 2*n <= all+r
}

// Without erosion there is no band for the soft edge to use.
func TestAlphaWithoutErosion(t *testing.T) {
	mask, bounds := disc(320, 240, 161, 120, 60)
	p := alphaOf(t, composite.Options{Width: 320, Height: 240, Feather: 5}, mask, bounds)
	if a := at(p, 161+60, 120); a < 90 || a > 165 {
		t.Errorf("alpha at the mask's edge is %d, want about 128", a)
	}
}

func TestAlphaVanishes(t *testing.T) {
	o := composite.Options{Width: 64, Height: 64, Erode: 10, Feather: 5}
	tiny, bounds := disc(64, 64, 30, 30, 4)
	if p := alphaOf(t, o, tiny, bounds); !p.Empty() {
		t.Errorf("a mask smaller than the erosion leaves %v", p.Region)
	}
	if p := alphaOf(t, o, frame.NewPlane(64, 64), image.Rectangle{}); !p.Empty() {
		t.Errorf("no mask leaves %v", p.Region)
	}
	f := texture(64, 64, 1)
	out, _ := newScene(o, image.Rect(0, 0, 64, 64), 64, 64, 30, 30, 4).paste(t, f, recolour)
	if string(out.Pix) != string(f.Pix) {
		t.Error("a frame without alpha changed")
	}
}

func TestAlphaAtTheBorder(t *testing.T) {
	mask, bounds := disc(320, 240, 0, 120, 60)
	p := alphaOf(t, composite.Options{Width: 320, Height: 240, Erode: 10, Feather: 5}, mask, bounds)
	if a := at(p, 0, 120); a != 255 {
		t.Errorf("alpha is %d where the object leaves the frame, want 255", a)
	}
}

func TestAlphaHard(t *testing.T) {
	mask, bounds := disc(320, 240, 161, 121, 33)
	p := alphaOf(t, composite.Options{Width: 320, Height: 240}, mask, bounds)
	for y := range 240 {
		for x := range 320 {
			if at(p, x, y) != mask.Row(y)[x] {
				t.Fatalf("(%d, %d) is %d, mask %d", x, y, at(p, x, y), mask.Row(y)[x])
			}
		}
	}
}

func TestAlphaOfChromaIsTheMean(t *testing.T) {
	mask, bounds := disc(320, 240, 161, 120, 40)
	p := alphaOf(t, composite.Options{Width: 320, Height: 240, Erode: 10, Feather: 5}, mask, bounds)
	for y := range p.AlphaC.Height {
		for x := range p.AlphaC.Width {
			a, b := p.Alpha.Row(2 * y)[2*x:], p.Alpha.Row(2*y + 1)[2*x:]
			want := (int(a[0]) + int(a[1]) + int(b[0]) + int(b[1]) + 2) / 4
			if got := int(p.AlphaC.Row(y)[x]); got != want {
				t.Fatalf("(%d, %d) is %d, want %d", x, y, got, want)
			}
		}
	}
}

// TestFeatherIsGaussian compares alpha across a straight edge with the normal
// distribution, on both sides of the limit for work at half size.
func TestFeatherIsGaussian(t *testing.T) {
	for _, sigma := range []float64{1.5, 3.9, 4, 5, 9} {
		mask := frame.NewPlane(160, 120)
		for y := range 120 {
			for x := range 81 {
				mask.Row(y)[x] = 255
			}
		}
		p := alphaOf(t, composite.Options{Width: 160, Height: 120, Feather: sigma}, mask, image.Rect(0, 0, 81, 120))
		for x := range 160 {
			want := 255 * (1 - math.Erf((float64(x)+0.5-81)/(sigma*math.Sqrt2))) / 2
			if got := float64(at(p, x, 60)); math.Abs(got-want) > 3 {
				t.Errorf("sigma %g: alpha at %d is %g, want %.1f", sigma, x, got, want)
			}
		}
	}
}
