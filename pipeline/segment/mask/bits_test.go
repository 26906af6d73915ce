package mask

import (
	"math"
	"math/rand/v2"
	"testing"

	"uredit/pipeline/frame"
)

func randomMask(random *rand.Rand, w, h int) frame.Plane32 {
	p := frame.NewPlane32(w, h)
	for i := range p.Pix {
		p.Pix[i] = float32(random.NormFloat64())
	}
	return p
}

// TestBitsShift compares with moving samples one by one.
func TestBitsShift(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var b, moved, want Bits
	for range 300 {
		w, h := 1+random.IntN(200), 1+random.IntN(10)
		p := randomMask(random, w, h)
		b.Threshold(p)
		dx, dy := random.IntN(2*w+40)-w-20, random.IntN(2*h+4)-h-2
		shifted := frame.NewPlane32(w, h)
		for y := range h {
			for x := range w {
				if x-dx >= 0 && x-dx < w && y-dy >= 0 && y-dy < h {
					shifted.Pix[y*w+x] = p.Pix[(y-dy)*w+x-dx]
				}
			}
		}
		want.Threshold(shifted)
		moved.Shift(&b, dx, dy)
		if moved.area != want.area || want.area > 0 && moved.IoU(&want) != 1 {
			t.Fatalf("%d by %d moved by %d, %d is wrong", w, h, dx, dy)
		}
	}
}

func TestBitsIoU(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var a, b Bits
	for range 100 {
		w, h := 1+random.IntN(100), 1+random.IntN(20)
		p, q := randomMask(random, w, h), randomMask(random, w, h)
		both, either := 0, 0
		sx, n := 0.0, 0.0
		for i := range p.Pix {
			if p.Pix[i] > 0 && q.Pix[i] > 0 {
				both++
			}
			if p.Pix[i] > 0 || q.Pix[i] > 0 {
				either++
			}
			if p.Pix[i] > 0 {
				sx, n = sx+float64(i%w), n+1
			}
		}
		a.Threshold(p)
		b.Threshold(q)
		if got, want := a.IoU(&b), float32(both)/float32(max(either, 1)); got != want {
			t.Errorf("overlap %v, want %v", got, want)
		}
		if x, _ := a.Centre(); n > 0 && math.Abs(x-sx/n) > 1e-9 {
			t.Errorf("centre %v, want %v", x, sx/n)
		}
	}
	a.Threshold(frame.NewPlane32(4, 4))
	b.Threshold(frame.NewPlane32(4, 4))
	if a.IoU(&b) != 0 {
		t.Error("two empty masks overlap")
	}
}
