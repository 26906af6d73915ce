package segment

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"uredit/pipeline/frame"
)

// enlarge is the plain way: every sample of the picture, in float64.
func enlarge(p frame.Plane32, w, h int) []float64 {
	at := func(i, from, to int) (int, int, float64) {
		s := max((float64(i)+0.5)*float64(from)/float64(to)-0.5, 0)
		n := int(s)
		return n, min(n+1, from-1), s - float64(n)
	}
	out := make([]float64, w*h)
	for y := range h {
		y0, y1, fy := at(y, p.Height, h)
		for x := range w {
			x0, x1, fx := at(x, p.Width, w)
			top := float64(p.Row(y0)[x0])*(1-fx) + float64(p.Row(y0)[x1])*fx
			bottom := float64(p.Row(y1)[x0])*(1-fx) + float64(p.Row(y1)[x1])*fx
			out[y*w+x] = top*(1-fy) + bottom*fy
		}
	}
	return out
}

func objectsOf(planes ...frame.Plane32) []Object {
	var list []Object
	for i, p := range planes {
		list = append(list, Object{ID: i, Detection: Detection{Logits: p}})
	}
	return list
}

// TestUnionIsTheWholePicture compares with enlarging whole planes, for sizes
// that grow, shrink, divide and do not. Samples on the very edge may round
// either way.
func TestUnionIsTheWholePicture(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	inside, edge := 0, 0
	for _, size := range [][4]int{
		{24, 24, 128, 72}, {24, 24, 127, 71}, {24, 24, 24, 24}, {24, 24, 10, 8}, {24, 12, 25, 11},
		{1, 1, 9, 9}, {1, 24, 30, 5}, {24, 24, 1, 1}, {72, 72, 320, 180},
	} {
		u := NewUnion(size[2], size[3])
		dst := frame.NewPlane(size[2], size[3])
		for range 10 {
			planes := []frame.Plane32{randomMask(random, size[0], size[1]), randomMask(random, size[0], size[1])}
			for i := range planes[1].Pix {
				planes[1].Pix[i] -= 2 // mostly outside
			}
			planes = planes[:random.IntN(3)]
			u.Draw(dst, objectsOf(planes...))
			want := make([]float64, len(dst.Pix))
			for i := range want {
				want[i] = math.Inf(-1)
			}
			for _, p := range planes {
				for i, v := range enlarge(p, size[2], size[3]) {
					want[i] = max(want[i], v)
				}
			}
			for i, v := range want {
				if math.Abs(v) < 1e-5 {
					edge++
					continue
				}
				if v > 0 {
					inside++
				}
				if got := dst.Pix[i]; got != 0 && got != 255 || got == 255 != (v > 0) {
					t.Fatalf("%v: sample %d, %d is %d, its logit %v", size, i%size[2], i/size[2], got, v)
				}
			}
		}
	}
	if inside < 1000 || edge > 100 {
		t.Fatalf("%d samples inside, %d on the edge: the test looks at nothing", inside, edge)
	}
}

// TestUnionStride draws into a plane that is part of a larger one.
func TestUnionStride(t *testing.T) {
	whole := frame.NewPlane(40, 30)
	for i := range whole.Pix {
		whole.Pix[i] = 7
	}
	part := whole.Sub(5, 4, 30, 20)
	NewUnion(30, 20).Draw(part, objectsOf(disc(12, 12, 6)))
	for y := range whole.Height {
		for x, v := range whole.Row(y) {
			if within := x >= 5 && x < 35 && y >= 4 && y < 24; within == (v == 7) {
				t.Fatalf("sample %d, %d is %d", x, y, v)
			}
		}
	}
}

func TestUnionAllocatesNothing(t *testing.T) {
	u, dst := NewUnion(320, 180), frame.NewPlane(320, 180)
	objects := objectsOf(disc(8, 8, 5), disc(16, 16, 5))
	u.Draw(dst, objects)
	if n := testing.AllocsPerRun(20, func() { u.Draw(dst, objects) }); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func TestRLE(t *testing.T) {
	for _, c := range []struct {
		w, h int
		pix  []byte
		want []uint32
	}{
		{3, 2, []byte{0, 255, 255, 0, 255, 0}, []uint32{2, 3, 1}},
		{2, 2, []byte{255, 0, 0, 255}, []uint32{0, 1, 2, 1}},
		{2, 2, []byte{0, 0, 0, 0}, []uint32{4}},
		{2, 2, []byte{255, 255, 255, 255}, []uint32{0, 4}},
	} {
		if got := RLE(frame.Plane{Pix: c.pix, Stride: c.w, Width: c.w, Height: c.h}); !slices.Equal(got, c.want) {
			t.Errorf("%v: got %v, want %v", c.pix, got, c.want)
		}
	}
}

func BenchmarkUnion(b *testing.B) {
	p := frame.NewPlane32(288, 288)
	for i := range p.Pix {
		x, y := float64(i%288)-144, float64(i/288)-144
		// A textured edge.
		p.Pix[i] = float32(80*80 - x*x - y*y + 2000*math.Sin(x)*math.Cos(y))
	}
	u, dst := NewUnion(1280, 720), frame.NewPlane(1280, 720)
	objects := objectsOf(p)
	b.ReportAllocs()
	for b.Loop() {
		u.Draw(dst, objects)
	}
	if bytes.Count(dst.Pix, []byte{255}) == 0 {
		b.Fatal("nothing was drawn")
	}
}
