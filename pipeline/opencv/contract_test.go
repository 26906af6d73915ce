package opencv_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/opencv"
)

func TestOpenCV(t *testing.T) {
	ops := opencv.New()
	defer ops.Close()
	contract(t, ops)
}

func TestReference(t *testing.T) { contract(t, reference{}) }

// contract checks an implementation of frame.Ops against the plain one.
func contract(t *testing.T, ops frame.Ops) {
	t.Run("Resize", func(t *testing.T) { resizes(t, ops) })
	t.Run("Erode", func(t *testing.T) { erodes(t, ops) })
	t.Run("GaussianBlur", func(t *testing.T) { blurs(t, ops) })
	t.Run("Mean", func(t *testing.T) { means(t, ops) })
	t.Run("Remap32", func(t *testing.T) { remaps(t, ops) })
	t.Run("Blend32", func(t *testing.T) { blends(t, ops) })
	t.Run("Add", func(t *testing.T) { adds(t, ops) })
	t.Run("Matrix", func(t *testing.T) { matrices(t, ops) })
	t.Run("Flow", func(t *testing.T) { flows(t, ops) })
}

// inner returns a w by h plane inside a larger one whose other samples are
// guards, and a check that the guards are as they were.
func inner(t *testing.T, w, h int) (frame.Plane, func()) {
	whole := frame.NewPlane(w+5, h+4)
	for i := range whole.Pix {
		whole.Pix[i] = 201
	}
	part := whole.Sub(3, 2, w, h)
	return part, func() {
		t.Helper()
		for y := range whole.Height {
			for x, v := range whole.Row(y) {
				outside := x < 3 || x >= 3+w || y < 2 || y >= 2+h
				if outside && v != 201 {
					t.Fatalf("a sample outside the plane, at (%d, %d), was written", x-3, y-2)
				}
			}
		}
	}
}

// scene is a plane of smooth waves with some grain.
func scene(w, h int) frame.Plane {
	rng := rand.New(rand.NewPCG(uint64(w), uint64(h)))
	p := frame.NewPlane(w, h)
	for y := range h {
		for x := range w {
			p.Row(y)[x] = byte(128 + 60*math.Sin(float64(x)/5)*math.Cos(float64(y)/7) + 20*rng.Float64())
		}
	}
	return p
}

// float returns p inside a larger plane, as float samples.
func float(p frame.Plane) frame.Plane32 {
	f := frame.NewPlane32(p.Width+3, p.Height+2).Sub(1, 1, p.Width, p.Height)
	for y := range p.Height {
		for x, v := range p.Row(y) {
			f.Row(y)[x] = float32(v) - 100
		}
	}
	return f
}

func differ(t *testing.T, got, want frame.Plane, limit int) {
	t.Helper()
	for y := range want.Height {
		for x, v := range want.Row(y) {
			if d := int(got.Row(y)[x]) - int(v); d > limit || -d > limit {
				t.Fatalf("(%d, %d) is %d, want %d", x, y, got.Row(y)[x], v)
			}
		}
	}
}

func differ32(t *testing.T, got, want frame.Plane32, limit float64) {
	t.Helper()
	for y := range want.Height {
		for x, v := range want.Row(y) {
			if d := math.Abs(float64(got.Row(y)[x] - v)); !(d <= limit) {
				t.Fatalf("(%d, %d) is %g, want %g", x, y, got.Row(y)[x], v)
			}
		}
	}
}

func resizes(t *testing.T, ops frame.Ops) {
	for _, f := range []frame.Filter{frame.Nearest, frame.Linear, frame.Area, frame.Cubic, frame.Lanczos} {
		for _, size := range [][4]int{
			{40, 30, 40, 30}, {40, 30, 20, 15}, {40, 30, 27, 19}, {40, 30, 64, 48}, {40, 30, 53, 31},
			{16, 1, 9, 1}, {1, 1, 4, 4}, {9, 7, 1, 1},
		} {
			if f == frame.Area && (size[2] > size[0] || size[3] > size[1]) {
				continue // the contract leaves enlarging by area open
			}
			t.Run(fmt.Sprint(f, size), func(t *testing.T) {
				src := scene(size[0], size[1])
				strided, _ := inner(t, size[0], size[1])
				for y := range src.Height {
					copy(strided.Row(y), src.Row(y))
				}
				dst, guard := inner(t, size[2], size[3])
				want := frame.NewPlane(size[2], size[3])
				reference{}.Resize(want, src, f)
				ops.Resize(dst, strided, f)
				differ(t, dst, want, 1)
				guard()

				dst32 := frame.NewPlane32(size[2]+2, size[3]).Sub(1, 0, size[2], size[3])
				want32 := frame.NewPlane32(size[2], size[3])
				reference{}.Resize32(want32, float(src), f)
				ops.Resize32(dst32, float(src), f)
				differ32(t, dst32, want32, 0.05)
			})
		}
	}
}

func erodes(t *testing.T, ops frame.Ops) {
	for _, k := range []int{1, 2, 3, 10, 50} {
		src, _ := inner(t, 37, 29) // guards below 255 must not count
		for y := range src.Height {
			for x := range src.Row(y) {
				src.Row(y)[x] = 255
				if (x-20)*(x-20)+(y-12)*(y-12) > 18*18 {
					src.Row(y)[x] = 0
				}
			}
		}
		dst, guard := inner(t, 37, 29)
		want := frame.NewPlane(37, 29)
		reference{}.Erode(want, src, k)
		ops.Erode(dst, src, k)
		differ(t, dst, want, 0)
		guard()
	}
}

func blurs(t *testing.T, ops frame.Ops) {
	for _, sigma := range []float64{0.7, 2, 5} {
		src, _ := inner(t, 45, 33)
		for y := range src.Height {
			copy(src.Row(y), scene(45, 33).Row(y))
		}
		dst, guard := inner(t, 45, 33)
		want := frame.NewPlane(45, 33)
		reference{}.GaussianBlur(want, src, sigma)
		ops.GaussianBlur(dst, src, sigma)
		differ(t, dst, want, 2)
		guard()
	}
}

func means(t *testing.T, ops frame.Ops) {
	for _, k := range []int{1, 3, 9, 31, 101} { // the last is wider than the plane
		src, _ := inner(t, 45, 33)
		for y := range src.Height {
			copy(src.Row(y), scene(45, 33).Row(y))
		}
		dst, guard := inner(t, 45, 33)
		want := frame.NewPlane(45, 33)
		reference{}.Mean(want, src, k)
		ops.Mean(dst, src, k)
		differ(t, dst, want, 1)
		guard()
	}
}

func remaps(t *testing.T, ops frame.Ops) {
	src := float(scene(40, 30))
	x, y := frame.NewPlane32(25, 20), frame.NewPlane32(25, 20)
	for j := range y.Height {
		for i := range x.Width {
			// 1/32 steps, some of them outside.
			x.Row(j)[i], y.Row(j)[i] = float32(i)*2-3+float32(j)/32, float32(j)*1.75-2+float32(i)/32
		}
	}
	for _, f := range []frame.Filter{frame.Linear, frame.Cubic} {
		got, want := frame.NewPlane32(27, 20).Sub(1, 0, 25, 20), frame.NewPlane32(25, 20)
		reference{}.Remap32(want, src, x, y, f)
		ops.Remap32(got, src, x, y, f)
		differ32(t, got, want, 0.05)
	}
}

// blends moves a plane towards another that is shifted by a fraction and turned
// a little: less than four samples in a row can tell.
func blends(t *testing.T, ops frame.Ops) {
	for _, tt := range []struct{ w, h, step, margin int }{
		{40, 30, 4, 4}, {37, 29, 4, 4}, {21, 17, 1, 1}, {30, 20, 3, 5}, {5, 3, 8, 0}, {1, 1, 2, 2},
	} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			src := float(scene(40, 30))
			lw, lh := (tt.w+2*tt.margin)/tt.step+1, (tt.h+2*tt.margin)/tt.step+1
			warp := frame.Warp{
				X: frame.NewPlane32(lw+1, lh).Sub(1, 0, lw, lh), Y: frame.NewPlane32(lw, lh),
				Share: frame.NewPlane32(lw, lh), Step: tt.step, Margin: tt.margin,
			}
			for j := range lh {
				for i := range lw {
					x, y := float32(i*tt.step-tt.margin), float32(j*tt.step-tt.margin)
					warp.X.Row(j)[i], warp.Y.Row(j)[i] = x-3.3+y/100, y+2.6+x/500
					warp.Share.Row(j)[i] = 0.5 + x/100
				}
			}
			base := float(scene(tt.w, tt.h))
			got, want := frame.NewPlane32(tt.w+3, tt.h+1).Sub(2, 1, tt.w, tt.h), frame.NewPlane32(tt.w, tt.h)
			for y := range tt.h {
				copy(got.Row(y), base.Row(y))
				copy(want.Row(y), base.Row(y))
			}
			reference{}.Blend32(want, base, src, warp)
			ops.Blend32(got, base, src, warp)
			differ32(t, got, want, 0.6) // of waves of 60 levels: what 1/100 of a sample is worth
		})
	}
}

func adds(t *testing.T, ops frame.Ops) {
	rng := rand.New(rand.NewPCG(3, 3))
	got, guard := inner(t, 45, 33)
	want, alpha, residual := frame.NewPlane(45, 33), frame.NewPlane(47, 33).Sub(1, 0, 45, 33), frame.NewPlane32(48, 33).Sub(2, 0, 45, 33)
	for y := range want.Height {
		for x := range want.Row(y) {
			v := byte(rng.IntN(256))
			got.Row(y)[x], want.Row(y)[x] = v, v
			alpha.Row(y)[x] = byte(max(0, rng.IntN(300)-44))
			residual.Row(y)[x] = float32(rng.NormFloat64() * 120)
			if alpha.Row(y)[x] == 0 {
				residual.Row(y)[x] = float32(math.NaN())
			}
		}
	}
	before := append([]byte(nil), got.Pix...)
	reference{}.Add(want, residual, alpha)
	ops.Add(got, residual, alpha)
	differ(t, got, want, 1) // where the sum lies between two levels
	guard()
	for y := range alpha.Height {
		for x, a := range alpha.Row(y) {
			if i := y*got.Stride + x; a == 0 && got.Pix[i] != before[i] {
				t.Fatalf("(%d, %d) changed where alpha is 0", x, y)
			}
		}
	}
}

func matrices(t *testing.T, ops frame.Ops) {
	m := &frame.Matrix{Weights: [12]float32{.01, .002, -.003, -1, .004, .005, .006, -1.5, -.01, .02, .001, 0}, Low: -1, High: 1}
	var src [3]frame.Plane
	var a, b, got, want [3]frame.Plane32
	for i := range 3 {
		src[i], _ = inner(t, 37, 20)
		got[i], want[i] = frame.NewPlane32(40, 20).Sub(1, 0, 37, 20), frame.NewPlane32(37, 20)
		b[i] = float(scene(37, 20))
		a[i] = float(scene(37, 20))
		for y := range src[i].Height {
			copy(src[i].Row(y), scene(37, 20+i).Row(y))
			for x := range a[i].Row(y) {
				a[i].Row(y)[x] *= float32(i) - .01
			}
		}
	}
	reference{}.Matrix(want, src, m)
	ops.Matrix(got, src, m)
	for i := range want {
		differ32(t, got[i], want[i], 1e-5)
	}
	reference{}.Difference(want, a, b, m)
	ops.Difference(got, a, b, m)
	for i := range want {
		differ32(t, got[i], want[i], 1e-4)
	}
}

func flows(t *testing.T, ops frame.Ops) {
	const w, h, mx, my = 96, 80, 3, -2
	wide := frame.NewPlane(w+20, h+20)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range wide.Pix {
		wide.Pix[i] = byte(rng.IntN(256))
	}
	reference{}.GaussianBlur(wide, frame.Plane{Pix: append([]byte(nil), wide.Pix...), Stride: wide.Stride, Width: wide.Width, Height: wide.Height}, 2)
	for i, v := range wide.Pix {
		wide.Pix[i] = byte(min(max(128+4*(int(v)-128), 0), 255))
	}
	from, to := wide.Sub(10, 10, w, h), wide.Sub(10-mx, 10-my, w, h)
	dx, dy := frame.NewPlane32(w, h), frame.NewPlane32(w+1, h).Sub(1, 0, w, h)
	ops.Flow(dx, dy, from, to)
	for y := 15; y < h-15; y++ {
		for x := 15; x < w-15; x++ {
			if math.Hypot(float64(dx.Row(y)[x]-mx), float64(dy.Row(y)[x]-my)) > 0.5 {
				t.Fatalf("motion at (%d, %d) is (%g, %g), want (%d, %d)", x, y, dx.Row(y)[x], dy.Row(y)[x], mx, my)
			}
		}
	}
}
