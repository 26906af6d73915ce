package opencv_test

import (
	"math"
	"os"
	"runtime"
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/opencv"
)

func TestMain(m *testing.M) {
	opencv.SetThreads(1)
	os.Exit(m.Run())
}

// bench holds planes for one call of every method.
type bench struct {
	ops            *opencv.Ops
	a, b, small    frame.Plane
	fa, fb, x, y   frame.Plane32
	dx, dy         frame.Plane32
	large1, large2 frame.Plane
	lx, ly         frame.Plane32
	matrix         frame.Matrix
}

func newBench() *bench {
	b := &bench{ops: opencv.New(), a: scene(64, 48), b: frame.NewPlane(64, 48), small: frame.NewPlane(33, 21)}
	b.fa, b.fb = float(b.a), frame.NewPlane32(64, 48)
	b.x, b.y = frame.NewPlane32(64, 48), frame.NewPlane32(64, 48)
	b.dx, b.dy = frame.NewPlane32(64, 48), frame.NewPlane32(64, 48)
	b.large1, b.large2 = scene(opencv.MaxFlowSide+40, 40), scene(opencv.MaxFlowSide+40, 40)
	b.lx, b.ly = frame.NewPlane32(opencv.MaxFlowSide+40, 40), frame.NewPlane32(opencv.MaxFlowSide+40, 40)
	return b
}

func (b *bench) all() {
	b.ops.Resize(b.small, b.a, frame.Area)
	b.ops.Resize(b.small, b.a.Sub(3, 3, 40, 40), frame.Cubic)
	b.ops.Resize32(b.fb, b.fa, frame.Linear)
	b.ops.Erode(b.b, b.a, 10)
	b.ops.GaussianBlur(b.b, b.a, 5)
	b.ops.Mean(b.b, b.a, 9)
	b.ops.Remap32(b.fb, b.fa, b.x, b.y, frame.Cubic)
	b.ops.Blend32(b.fb, b.fa, b.fa, frame.Warp{X: b.x, Y: b.y, Share: b.fa, Step: 2, Margin: 1})
	b.ops.Add(b.b, b.fa, b.a)
	b.ops.Matrix([3]frame.Plane32{b.dx, b.dy, b.fb}, [3]frame.Plane{b.a, b.a, b.b}, &b.matrix)
	b.ops.Difference([3]frame.Plane32{b.dx, b.dy, b.fb}, [3]frame.Plane32{b.x, b.y, b.x}, [3]frame.Plane32{b.y, b.x, b.y}, &b.matrix)
	b.ops.Flow(b.dx, b.dy, b.a, b.b)
	b.ops.Flow(b.lx, b.ly, b.large1, b.large2)
}

func TestBadPlanesPanicInGo(t *testing.T) {
	ops := opencv.New()
	defer ops.Close()
	p, q := frame.NewPlane(8, 8), frame.NewPlane(8, 9)
	f, g := frame.NewPlane32(8, 8), frame.NewPlane32(9, 8)
	short := frame.Plane{Pix: make([]byte, 10), Stride: 8, Width: 8, Height: 8}
	narrow := frame.Plane{Pix: make([]byte, 64), Stride: 4, Width: 8, Height: 8}
	for name, call := range map[string]func(){
		"empty source":       func() { ops.Resize(p, frame.Plane{}, frame.Area) },
		"short source":       func() { ops.Resize(p, short, frame.Area) },
		"short destination":  func() { ops.Resize(short, p, frame.Area) },
		"narrow stride":      func() { ops.Resize(p, narrow, frame.Area) },
		"unknown filter":     func() { ops.Resize(p, q, frame.Filter(99)) },
		"sizes of Erode":     func() { ops.Erode(p, q, 3) },
		"square of Erode":    func() { ops.Erode(p, frame.NewPlane(8, 8), 0) },
		"sizes of blur":      func() { ops.GaussianBlur(p, q, 3) },
		"sizes of Mean":      func() { ops.Mean(p, q, 3) },
		"square of Mean":     func() { ops.Mean(p, frame.NewPlane(8, 8), 4) },
		"sizes of Flow":      func() { ops.Flow(f, g, p, p) },
		"maps of Remap32":    func() { ops.Remap32(f, f, f, g, frame.Linear) },
		"filter of Remap32":  func() { ops.Remap32(f, f, f, f, frame.Lanczos) },
		"sizes of Blend32":   func() { ops.Blend32(f, g, f, frame.Warp{X: f, Y: f, Share: f, Step: 1}) },
		"lattice of Blend32": func() { ops.Blend32(f, f, f, frame.Warp{X: f, Y: g, Share: f, Step: 1}) },
		"step of Blend32":    func() { ops.Blend32(f, f, f, frame.Warp{X: f, Y: f, Share: f}) },
		"source of Blend32":  func() { ops.Blend32(f, f, frame.Plane32{}, frame.Warp{X: f, Y: f, Share: f, Step: 1}) },
		"sizes of Add":       func() { ops.Add(p, f, q) },
		"sizes of Matrix":    func() { ops.Matrix([3]frame.Plane32{f, f, f}, [3]frame.Plane{p, p, q}, new(frame.Matrix)) },
		"sizes of Difference": func() {
			ops.Difference([3]frame.Plane32{f, f, f}, [3]frame.Plane32{f, g, f}, [3]frame.Plane32{f, f, f}, new(frame.Matrix))
		},
		"side of Remap32": func() {
			ops.Remap32(f, frame.NewPlane32(opencv.MaxSide+1, 1), f, f, frame.Linear)
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			call()
		})
	}
}

func TestEmptyPlanesAreNoWork(t *testing.T) {
	ops := opencv.New()
	defer ops.Close()
	var p frame.Plane
	var f frame.Plane32
	ops.Resize(p, scene(4, 4), frame.Area)
	ops.Resize32(f, float(scene(4, 4)), frame.Area)
	ops.Erode(p, p, 3)
	ops.GaussianBlur(p, p, 3)
	ops.Mean(p, p, 3)
	ops.Flow(f, f, p, p)
	ops.Blend32(f, f, f, frame.Warp{Step: 1})
	ops.Add(p, f, p)
	ops.Matrix([3]frame.Plane32{}, [3]frame.Plane{}, new(frame.Matrix))
	ops.Difference([3]frame.Plane32{}, [3]frame.Plane32{}, [3]frame.Plane32{}, new(frame.Matrix))
	ops.Remap32(f, float(scene(4, 4)), f, f, frame.Linear)
}

func TestTinyFlow(t *testing.T) {
	ops := opencv.New()
	defer ops.Close()
	for _, size := range [][2]int{{1, 1}, {2, 1}, {3, 5}, {8, 8}} {
		dx, dy := frame.NewPlane32(size[0], size[1]), frame.NewPlane32(size[0], size[1])
		ops.Flow(dx, dy, scene(size[0], size[1]), scene(size[0], size[1]))
		for i := range dx.Pix {
			if math.IsNaN(float64(dx.Pix[i])) || math.IsNaN(float64(dy.Pix[i])) {
				t.Errorf("%v: motion is no number", size)
			}
		}
	}
}

func TestBlurOfNothingCopies(t *testing.T) {
	ops := opencv.New()
	defer ops.Close()
	src, dst := scene(9, 7), frame.NewPlane(9, 7)
	ops.GaussianBlur(dst, src, 0)
	differ(t, dst, src, 0)
}

// TestMemoryStays runs every operation while the collector moves and frees what
// it can.
func TestMemoryStays(t *testing.T) {
	b := newBench()
	defer b.ops.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20 {
			runtime.GC()
		}
	}()
	for range 20 {
		b.all()
	}
	<-done
}

// TestBlendOfNoNumbers moves nothing outside the planes and does not crash when
// positions are no numbers or far away.
func TestBlendOfNoNumbers(t *testing.T) {
	ops := opencv.New()
	defer ops.Close()
	src := float(scene(20, 20))
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e30, -1e30} {
		w := frame.Warp{X: frame.NewPlane32(5, 5), Y: frame.NewPlane32(5, 5), Share: frame.NewPlane32(5, 5), Step: 4}
		for i := range w.X.Pix {
			w.X.Pix[i], w.Y.Pix[i], w.Share.Pix[i] = float32(v), 3, 1
		}
		dst := frame.NewPlane32(18, 20)
		ops.Blend32(dst, frame.NewPlane32(18, 20), src, w)
		for i, got := range dst.Pix {
			if !(got >= -150 && got <= 200) {
				t.Fatalf("position %g: sample %d is %g", v, i, got)
			}
		}
	}
}

func BenchmarkFlow(b *testing.B) {
	ops := opencv.New()
	defer ops.Close()
	from, to := scene(256, 256), scene(256, 256)
	dx, dy := frame.NewPlane32(256, 256), frame.NewPlane32(256, 256)
	b.ReportAllocs()
	for b.Loop() {
		ops.Flow(dx, dy, from, to)
	}
}

func BenchmarkBlend32(b *testing.B) {
	ops := opencv.New()
	defer ops.Close()
	dst, base, src := frame.NewPlane32(400, 400), frame.NewPlane32(400, 400), float(scene(400, 400))
	w := frame.Warp{X: frame.NewPlane32(102, 102), Y: frame.NewPlane32(102, 102), Share: frame.NewPlane32(102, 102), Step: 4, Margin: 4}
	for y := range 102 {
		for x := range 102 {
			w.X.Row(y)[x], w.Y.Row(y)[x], w.Share.Row(y)[x] = float32(4*x)+0.8, float32(4*y)-4.2, 0.2
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		ops.Blend32(dst, base, src, w)
	}
}
