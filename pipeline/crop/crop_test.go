package crop

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"testing"
)

var hd = Options{Width: 1280, Height: 720, Padding: 50, EditSize: 512, Multiple: 8}

// square is a box of the given size around (x, y).
func square(x, y float64, size int) image.Rectangle {
	at := image.Pt(int(math.Round(x))-size/2, int(math.Round(y))-size/2)
	return image.Rectangle{Min: at, Max: at.Add(image.Pt(size, size))}
}

func plan(t *testing.T, boxes []image.Rectangle, cuts []int, o Options) *Plan {
	t.Helper()
	p, err := New(boxes, cuts, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// verify checks what every plan promises.
func verify(t *testing.T, p *Plan, boxes []image.Rectangle, o Options) {
	t.Helper()
	if p.Len() != len(boxes) {
		t.Fatalf("plan of %d frames for %d boxes", p.Len(), len(boxes))
	}
	frame := image.Rect(0, 0, o.Width, o.Height)
	var last Window
	for i, b := range boxes {
		w := p.Window(i)
		r := w.Source
		if r.Min.X%2 != 0 || r.Min.Y%2 != 0 || r.Max.X%2 != 0 || r.Max.Y%2 != 0 || r.Empty() {
			t.Fatalf("frame %d: window %v has odd corners or is empty", i, r)
		}
		if w.Width%o.Multiple != 0 || w.Height%o.Multiple != 0 ||
			max(w.Width, w.Height) != o.EditSize/o.Multiple*o.Multiple {
			t.Fatalf("frame %d: picture of %dx%d", i, w.Width, w.Height)
		}
		sx, sy := float64(w.Width)/float64(r.Dx()), float64(w.Height)/float64(r.Dy())
		if math.Abs(sx/sy-1) > 0.005 {
			t.Fatalf("frame %d: scales %g and %g differ", i, sx, sy)
		}
		b = b.Intersect(frame)
		if !b.Empty() {
			if want := b.Inset(-o.Padding).Intersect(frame); !want.In(r) {
				t.Fatalf("frame %d: window %v misses padded box %v", i, r, want)
			}
		}
		if r.Dx() <= o.Width && (r.Min.X < 0 || r.Max.X > o.Width) ||
			r.Dy() <= o.Height && (r.Min.Y < 0 || r.Max.Y > o.Height) {
			t.Fatalf("frame %d: window %v leaves the frame without need", i, r)
		}
		if i > 0 && !p.Cut(i) && (w.Width != last.Width || w.Height != last.Height ||
			r.Size() != last.Source.Size()) {
			t.Fatalf("frame %d: shape changed within a shot: %v, %v", i, last, w)
		}
		last = w
	}
}

// bend is the largest second difference of the window's position.
func bend(p *Plan) int {
	worst := 0
	for i := 2; i < p.Len(); i++ {
		a, b, c := p.Window(i-2).Source.Min, p.Window(i-1).Source.Min, p.Window(i).Source.Min
		d := a.Sub(b.Mul(2)).Add(c)
		worst = max(worst, d.X, -d.X, d.Y, -d.Y)
	}
	return worst
}

func TestSmoothMotion(t *testing.T) {
	// 4 is what rounding three positions to even numbers can add.
	for _, tt := range []struct {
		name string
		box  func(t float64) image.Rectangle
		bend int
	}{
		{"uniform", func(t float64) image.Rectangle { return square(200+3*t, 360, 120) }, 4},
		{"fast", func(t float64) image.Rectangle { return square(100+9*t, 300, 90) }, 4},
		{"circle", func(t float64) image.Rectangle {
			return square(640+250*math.Cos(t/20), 360+200*math.Sin(t/20), 140)
		}, 5},
		{"growing", func(t float64) image.Rectangle { return square(400+2*t, 360, 80+int(2*t)) }, 4},
		{"through the border", func(t float64) image.Rectangle { return square(-60+12*t, 360, 120) }, 12},
	} {
		t.Run(tt.name, func(t *testing.T) {
			boxes := make([]image.Rectangle, 120)
			for i := range boxes {
				boxes[i] = tt.box(float64(i))
			}
			p := plan(t, boxes, nil, hd)
			verify(t, p, boxes, hd)
			if got := bend(p); got > tt.bend {
				t.Errorf("window bends by %d samples a frame², want at most %d", got, tt.bend)
			}
		})
	}
}

func TestJitterIsHeldStill(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	boxes := make([]image.Rectangle, 200)
	for i := range boxes {
		boxes[i] = square(600+12*rng.Float64(), 300+12*rng.Float64(), 150)
	}
	p := plan(t, boxes, nil, hd)
	verify(t, p, boxes, hd)
	for i := range boxes {
		if p.Window(i) != p.Window(0) {
			t.Fatalf("frame %d: window moved from %v to %v", i, p.Window(0), p.Window(i))
		}
	}
}

func TestJitterOnMotionIsSmoothed(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	boxes := make([]image.Rectangle, 200)
	for i := range boxes {
		boxes[i] = square(200+2*float64(i)+6*rng.Float64(), 300, 200)
	}
	p := plan(t, boxes, nil, hd)
	verify(t, p, boxes, hd)
	if got := bend(p); got > 4 {
		t.Errorf("window bends by %d samples a frame², want at most 4", got)
	}
}

func TestGaps(t *testing.T) {
	boxes := make([]image.Rectangle, 60)
	for _, i := range []int{10, 11, 40, 41} {
		boxes[i] = square(100+10*float64(i), 360, 100)
	}
	p := plan(t, boxes, nil, hd)
	verify(t, p, boxes, hd)
	if got := bend(p); got > 12 {
		t.Errorf("window bends by %d samples a frame² over the gap", got)
	}
	if a, m, b := p.Window(12).Source.Min.X, p.Window(25).Source.Min.X, p.Window(39).Source.Min.X; !(a < m && m < b) {
		t.Errorf("window does not travel over the gap: %d, %d, %d", a, m, b)
	}
}

func TestExtremes(t *testing.T) {
	small := Options{Width: 8, Height: 8, Padding: 50, EditSize: 512, Multiple: 64}
	thin := Options{Width: 1280, Height: 16, Padding: 50, EditSize: 512, Multiple: 64}
	for _, tt := range []struct {
		name  string
		o     Options
		boxes []image.Rectangle
	}{
		{"one frame", hd, []image.Rectangle{square(640, 360, 100)}},
		{"all empty", hd, make([]image.Rectangle, 5)},
		{"no frames", hd, nil},
		{"larger than the frame", hd, []image.Rectangle{image.Rect(-100, -100, 2000, 2000)}},
		{"whole frame", hd, []image.Rectangle{image.Rect(0, 0, 1280, 720)}},
		{"outside the frame", hd, []image.Rectangle{image.Rect(1300, 0, 1400, 50)}},
		{"corners", hd, []image.Rectangle{image.Rect(0, 0, 40, 30), image.Rect(1250, 700, 1280, 720)}},
		{"one sample", hd, []image.Rectangle{image.Rect(1279, 719, 1280, 720)}},
		{"8x8", small, []image.Rectangle{image.Rect(3, 3, 5, 5), {}, image.Rect(0, 0, 8, 8)}},
		{"thin", thin, []image.Rectangle{image.Rect(0, 3, 1280, 5)}},
		{"odd multiple", Options{Width: 640, Height: 360, Padding: 7, EditSize: 500, Multiple: 24},
			[]image.Rectangle{image.Rect(31, 33, 200, 350)}},
		{"edit size is the multiple", Options{Width: 64, Height: 48, EditSize: 64, Multiple: 64},
			[]image.Rectangle{image.Rect(1, 1, 9, 30)}},
	} {
		t.Run(tt.name, func(t *testing.T) { verify(t, plan(t, tt.boxes, nil, tt.o), tt.boxes, tt.o) })
	}
}

func TestShots(t *testing.T) {
	boxes := make([]image.Rectangle, 90)
	for i := range boxes {
		switch {
		case i < 30:
			boxes[i] = square(100, 100, 60)
		case i < 60:
			boxes[i] = square(900, 500, 300)
		}
	}
	p := plan(t, boxes, []int{0, 30, 60}, hd)
	verify(t, p, boxes, hd)
	for i := range boxes {
		if got, want := p.Cut(i), i%30 == 0; got != want {
			t.Errorf("Cut(%d) = %v", i, got)
		}
	}
	if p.Window(29).Source == p.Window(30).Source {
		t.Error("two shots share a window")
	}
}

func TestBadOptions(t *testing.T) {
	boxes := []image.Rectangle{square(10, 10, 4)}
	for _, tt := range []struct {
		name string
		o    Options
		cuts []int
	}{
		{"no size", Options{EditSize: 512, Multiple: 8}, nil},
		{"odd size", Options{Width: 9, Height: 8, EditSize: 512, Multiple: 8}, nil},
		{"negative padding", Options{Width: 8, Height: 8, Padding: -1, EditSize: 512, Multiple: 8}, nil},
		{"multiple above edit size", Options{Width: 8, Height: 8, EditSize: 32, Multiple: 64}, nil},
		{"no multiple", Options{Width: 8, Height: 8, EditSize: 32}, nil},
		{"cut beyond the end", hd, []int{2}},
		{"cuts out of order", hd, []int{1, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := New(boxes, tt.cuts, tt.o); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// FuzzWalk plans random walks with jumps, gaps and cuts.
func FuzzWalk(f *testing.F) {
	f.Add(uint64(1), 40, 1280, 720, 50)
	f.Add(uint64(2), 200, 64, 48, 0)
	f.Add(uint64(3), 7, 8, 8, 100)
	f.Fuzz(func(t *testing.T, seed uint64, n, w, h, padding int) {
		n, w, h = abs(n)%300, 2+abs(w)%4096&^1, 2+abs(h)%4096&^1
		o := Options{Width: w, Height: h, Padding: abs(padding) % 200, EditSize: 512, Multiple: 8 << (seed % 4)}
		boxes, cuts := walk(rand.New(rand.NewPCG(seed, 0)), n, w, h)
		verify(t, plan(t, boxes, cuts, o), boxes, o)
	})
}

func walk(rng *rand.Rand, n, w, h int) (boxes []image.Rectangle, cuts []int) {
	x, y := float64(rng.IntN(w)), float64(rng.IntN(h))
	step := float64(max(w, h)) / 20 * rng.Float64()
	for i := range n {
		x += step * rng.NormFloat64()
		y += step * rng.NormFloat64()
		if rng.IntN(20) == 0 {
			cuts = append(cuts, i)
		}
		b := square(x, y, 1+rng.IntN(1+max(w, h)/4))
		if rng.IntN(5) == 0 {
			b = image.Rectangle{}
		}
		boxes = append(boxes, b)
	}
	return boxes, cuts
}

func abs(v int) int {
	if v == math.MinInt {
		return 0
	}
	return max(v, -v)
}

func TestFewShapes(t *testing.T) {
	for _, multiple := range []int{8, 16, 32, 64} {
		o := hd
		o.Multiple = multiple
		seen := map[string]bool{}
		rng := rand.New(rand.NewPCG(5, uint64(multiple)))
		for range 2000 {
			s := fit(2+rng.IntN(1278), 2+rng.IntN(718), o)
			seen[fmt.Sprint(s.width, "x", s.height)] = true
		}
		if len(seen) > 7 {
			t.Errorf("multiple %d: %d shapes: %v", multiple, len(seen), seen)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	boxes, _ := walk(rand.New(rand.NewPCG(1, 1)), 3000, 1280, 720)
	for b.Loop() {
		if _, err := New(boxes, nil, hd); err != nil {
			b.Fatal(err)
		}
	}
}

// TestUnscaled plans windows around the editor's own size: one that is nearly as
// large takes it, and its samples are the frame's.
func TestUnscaled(t *testing.T) {
	for _, tt := range []struct{ side, want int }{
		{380, 512}, {400, 512}, {412, 512}, {350, 452}, {450, 552},
	} {
		boxes := []image.Rectangle{square(640, 360, tt.side), square(640, 360, tt.side)}
		w := plan(t, boxes, nil, hd).Window(1)
		if got := w.Source.Dx(); got != tt.want || w.Width != 512 {
			t.Errorf("object of %d: window of %d shown at %d, want %d at 512", tt.side, got, w.Width, tt.want)
		}
	}
	low := hd
	low.Width, low.Height = 500, 500
	if got := plan(t, []image.Rectangle{square(250, 250, 400)}, nil, low).Window(0).Source.Dx(); got > 500 {
		t.Errorf("window of %d leaves a frame of 500 without need", got)
	}
}
