package smooth_test

import (
	"image"
	"math"
	"os"
	"slices"
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/opencv"
	"uredit/pipeline/smooth"
)

func TestMain(m *testing.M) {
	opencv.SetThreads(1)
	os.Exit(m.Run())
}

// pixels is for pasting, which keeps nothing of its own.
var pixels = opencv.New()

var (
	none    = smooth.Options{Window: 1, Alpha: 0.3}
	along   = smooth.Options{Window: 5, Alpha: 0.3}
	classic = smooth.Options{Window: 5, Alpha: 0.3, Classic: true}
)

func moving(vx, vy float64) func(int) (float64, float64) {
	return func(t int) (float64, float64) { return 110 + vx*float64(t), 100 + vy*float64(t) }
}

// TestFlickerFallsAndDetailStays is the promise of the package: along the true
// motion the variance of random edits falls by half, and nine tenths of the
// edit's gradient energy stay. The classic mean keeps neither on motion.
func TestFlickerFallsAndDetailStays(t *testing.T) {
	enlarged := newFilm(480, 420, 140, func(t int) (float64, float64) {
		return 200 + 5.5*float64(t), 190 + 3.2*float64(t)
	})
	enlarged.scale = 2
	for _, tt := range []struct {
		name string
		film *film
	}{
		{"enlarged from half size", enlarged},
		{"still", newFilm(240, 220, 70, moving(0, 0))},
		{"slow", newFilm(320, 220, 70, moving(.7, .4))},
		{"fast", newFilm(400, 240, 70, moving(4.3, 1.6))},
		{"faster", newFilm(480, 220, 70, moving(12.5, 0))},
		{"large, at half size", newFilm(480, 420, 140, func(t int) (float64, float64) {
			return 200 + 5.5*float64(t), 190 + 3.2*float64(t)
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const n = 12
			before := run(t, tt.film, n, none)
			after := run(t, tt.film, n, along)
			ratio := flickerOf(tt.film, after) / flickerOf(tt.film, before)
			if ratio > 0.5 {
				t.Errorf("flicker keeps %.2f of its variance, want at most half", ratio)
			}
			if g := detail(tt.film, after[n/2]); g < 0.9 {
				t.Errorf("gradient energy keeps %.2f, want at least 0.9", g)
			} else {
				t.Logf("variance %.2f, gradient energy %.2f", ratio, g)
			}
		})
	}
}

func TestClassicBlursMotion(t *testing.T) {
	f := newFilm(400, 240, 70, moving(4.3, 1.6))
	before, after := run(t, f, 12, none), run(t, f, 12, classic)
	if ratio := flickerOf(f, after) / flickerOf(f, before); ratio <= 0.5 {
		t.Errorf("flicker keeps only %.2f of its variance: the test of motion proves nothing", ratio)
	}
	if g := detail(f, after[6]); g >= 0.9 {
		t.Errorf("gradient energy keeps %.2f: the test of motion proves nothing", g)
	}
}

// detail is the gradient energy of a result against the edit without flicker.
func detail(f *film, it smooth.Item) float64 {
	clean := *f
	clean.flicker = 0
	return gradientOf(it) / gradientOf(clean.item(it.Frame.Index))
}

// TestStill checks the weights themselves: nothing moves, so the result is the
// plain weighted mean of the frames at hand.
func TestStill(t *testing.T) {
	f := newFilm(240, 220, 70, moving(0, 0))
	raw, got := run(t, f, 8, none), run(t, f, 8, along)
	for _, i := range []int{0, 1, 4, 7} { // first, last and middle frames
		for c := range 3 {
			if worst := fromMean(raw, got[i], i, c); worst > 0.05 {
				t.Errorf("frame %d, plane %d: %.2f levels from the weighted mean", i, c, worst)
			}
		}
	}
}

// fromMean returns how far plane c of frame i is from the weighted mean at equal
// places, where alpha is full.
func fromMean(raw []smooth.Item, got smooth.Item, i, c int) (worst float64) {
	alpha := got.Patch.Alpha
	if c > 0 {
		alpha = got.Patch.AlphaC
	}
	for y := range alpha.Height {
		for x, a := range alpha.Row(y) {
			if a != 255 {
				continue
			}
			sum, weights := 0.0, 0.0
			for d := -2; d <= 2; d++ {
				if j := i + d; j >= 0 && j < len(raw) {
					w := math.Pow(.3, math.Abs(float64(d)))
					sum += w * float64(raw[j].Patch.Residual[c].Row(y)[x])
					weights += w
				}
			}
			worst = max(worst, math.Abs(float64(got.Patch.Residual[c].Row(y)[x])-sum/weights))
		}
	}
	return worst
}

// TestOccluder slides a bar over the disc. Next to it, where a neighbouring
// frame shows the bar, next to nothing of that frame may be taken. Without
// trust in motion more is.
func TestOccluder(t *testing.T) {
	for _, k := range []int{1, 2} { // motion is estimated at full and at half size
		f := newFilm(320*k, 220*k, 70*float64(k), func(int) (float64, float64) { return float64(110 * k), float64(100 * k) })
		f.occluder = newWaves(9, 24, 8, 40, 30)
		f.hidden = func(t int) image.Rectangle { return image.Rect(60*k+9*t, 0, 85*k+9*t, 220*k) }
		f.flicker = 0
		raw, got := run(t, f, 8, none), run(t, f, 8, along)
		for i := range raw {
			mean, above := changes(raw[i], got[i], 4)
			if mean > 0.35 || above > 0.007 {
				t.Errorf("size %d, frame %d: an edit without flicker moved by %.2f levels, %.2f %% of it by more than 4", k, i, mean, 100*above)
			}
		}
	}
}

// changes returns the mean change of a luma residual, and the share that changed
// by more than limit levels, where alpha is at least a half.
func changes(raw, got smooth.Item, limit float64) (mean, above float64) {
	n := 0.0
	for y := range raw.Patch.Region.Dy() {
		for x, a := range raw.Patch.Alpha.Row(y) {
			if a < 128 {
				continue
			}
			d := math.Abs(float64(raw.Patch.Residual[0].Row(y)[x] - got.Patch.Residual[0].Row(y)[x]))
			mean += d
			n++
			if d > limit {
				above++
			}
		}
	}
	return mean / n, above / n
}

func TestCutSeparates(t *testing.T) {
	f := newFilm(240, 220, 70, moving(0, 0))
	whole := run(t, f, 8, along, 4)
	if got, want := whole[3].Patch.Residual[0].Pix, run(t, f, 4, along)[3].Patch.Residual[0].Pix; !slices.Equal(got, want) {
		t.Error("a frame before the cut knows what comes after")
	}
	for _, o := range []smooth.Options{along, classic} {
		cut, uncut := run(t, f, 8, o, 4), run(t, f, 8, o)
		if slices.Equal(cut[4].Patch.Residual[0].Pix, uncut[4].Patch.Residual[0].Pix) {
			t.Errorf("%+v: a cut makes no difference", o)
		}
	}
}

func TestNothingToSmooth(t *testing.T) {
	f := newFilm(240, 220, 70, moving(1, 0))
	for _, tt := range []struct {
		name string
		o    smooth.Options
		n    int
	}{
		{"window of one", none, 5},
		{"no strength", smooth.Options{Window: 5}, 5},
		{"one frame", along, 1},
		{"one frame, classic", classic, 1},
		{"no frame", along, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i, it := range run(t, f, tt.n, tt.o) {
				want := f.item(i)
				want.Patch.Paste(pixels, want.Frame)
				it.Patch.Paste(pixels, it.Frame)
				if !slices.Equal(it.Frame.Pix, want.Frame.Pix) {
					t.Errorf("frame %d changed", i)
				}
			}
		})
	}
}

// TestObjectLeaves lets the disc leave the frame and the mask fail in between.
func TestObjectLeaves(t *testing.T) {
	f := newFilm(240, 200, 50, func(t int) (float64, float64) { return 150 + 14*float64(t), 100 })
	f.withoutMask = func(t int) bool { return t == 3 }
	for _, o := range []smooth.Options{along, classic} {
		for i, it := range run(t, f, 14, o) {
			want := f.item(i)
			if it.Patch.Region != want.Patch.Region || !slices.Equal(it.Patch.Alpha.Pix, want.Patch.Alpha.Pix) ||
				!slices.Equal(it.Patch.AlphaC.Pix, want.Patch.AlphaC.Pix) {
				t.Errorf("%+v: frame %d: region or alpha changed", o, i)
			}
			if !slices.Equal(it.Frame.Pix, want.Frame.Pix) {
				t.Errorf("%+v: frame %d: source changed", o, i)
			}
			for _, r := range it.Patch.Residual {
				for _, v := range r.Pix {
					if !(v > -255 && v < 255) {
						t.Fatalf("%+v: frame %d: residual %g", o, i, v)
					}
				}
			}
		}
	}
}

// TestClassicMean checks the old formula on the pasted frame.
func TestClassicMean(t *testing.T) {
	f := newFilm(240, 220, 70, moving(2, 0))
	raw, got := run(t, f, 7, none), run(t, f, 7, classic)
	for _, it := range raw {
		it.Patch.Paste(pixels, it.Frame)
	}
	got[3].Patch.Paste(pixels, got[3].Frame)
	for y := range f.h {
		for x := range f.w {
			p := got[3].Patch
			if !image.Pt(x, y).In(p.Region) || p.Alpha.Row(y - p.Region.Min.Y)[x-p.Region.Min.X] != 255 {
				continue
			}
			sum, weights := 0.0, 0.0
			for i := 1; i <= 5; i++ {
				w := math.Exp(-math.Abs(float64(i-3)) / 2)
				sum += w * float64(raw[i].Frame.Y().Row(y)[x])
				weights += w
			}
			want := .3*sum/weights + .7*float64(raw[3].Frame.Y().Row(y)[x])
			if v := float64(got[3].Frame.Y().Row(y)[x]); math.Abs(v-want) > 1.1 {
				t.Fatalf("(%d, %d) is %g, want %g", x, y, v, want)
			}
		}
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []smooth.Options{
		{Window: 5, Alpha: .3},
		{Width: 5, Height: 4, Window: 5, Alpha: .3},
		{Width: 4, Height: 4, Alpha: .3},
		{Width: 4, Height: 4, Window: 5, Alpha: 1.1},
		{Width: 4, Height: 4, Window: 5, Alpha: math.NaN()},
	} {
		if _, err := smooth.New(opencv.New(), o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// TestFewResiduals gives a residual's memory back as soon as its frame is done:
// then no more are needed than the window has frames.
func TestFewResiduals(t *testing.T) {
	f := newFilm(320, 220, 70, moving(2, 1))
	ops := opencv.New()
	defer ops.Close()
	o := along
	o.Width, o.Height, o.Shelf = f.w, f.h, &frame.Shelf{}
	s, err := smooth.New(ops, o)
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	for i := range 3 * o.Window {
		it := f.item(i % 4)
		from := it.Patch.Residual
		it.Patch.Residual = o.Shelf.Take()
		if it.Patch.Residual[0].Pix == nil {
			made++
		}
		it.Patch.ResizeResidual()
		for c := range from {
			copy(it.Patch.Residual[c].Pix, from[c].Pix)
		}
		for _, done := range s.Push(it) {
			o.Shelf.Put(done.Patch.Residual)
		}
	}
	if made > o.Window {
		t.Errorf("%d residuals were made for a window of %d frames", made, o.Window)
	}
}
