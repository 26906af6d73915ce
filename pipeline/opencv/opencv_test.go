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
	b.ops.Remap32(b.fb, b.fa, b.x, b.y, frame.Cubic)
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
		"empty source":      func() { ops.Resize(p, frame.Plane{}, frame.Area) },
		"short source":      func() { ops.Resize(p, short, frame.Area) },
		"short destination": func() { ops.Resize(short, p, frame.Area) },
		"narrow stride":     func() { ops.Resize(p, narrow, frame.Area) },
		"unknown filter":    func() { ops.Resize(p, q, frame.Filter(99)) },
		"sizes of Erode":    func() { ops.Erode(p, q, 3) },
		"square of Erode":   func() { ops.Erode(p, frame.NewPlane(8, 8), 0) },
		"sizes of blur":     func() { ops.GaussianBlur(p, q, 3) },
		"sizes of Flow":     func() { ops.Flow(f, g, p, p) },
		"maps of Remap32":   func() { ops.Remap32(f, f, f, g, frame.Linear) },
		"filter of Remap32": func() { ops.Remap32(f, f, f, f, frame.Lanczos) },
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
	ops.Flow(f, f, p, p)
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
