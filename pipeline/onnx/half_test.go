package onnx

import (
	"math"
	"testing"
)

func TestHalfRoundTrip(t *testing.T) {
	for h := range 1 << 16 {
		f := fromHalf(uint16(h))
		if math.IsNaN(float64(f)) {
			if got := toHalf(f); !math.IsNaN(float64(fromHalf(got))) {
				t.Errorf("%#04x is no number, %#04x is", h, got)
			}
			continue
		}
		if got := toHalf(f); got != uint16(h) {
			t.Errorf("%#04x is %v, which is %#04x", h, f, got)
		}
	}
}

func TestHalfValues(t *testing.T) {
	for _, c := range []struct {
		f float32
		h uint16
	}{
		{0, 0}, {1, 0x3c00}, {-2, 0xc000}, {0.5, 0x3800}, {65504, 0x7bff},
		{float32(math.Inf(1)), 0x7c00}, {float32(math.Inf(-1)), 0xfc00},
		{float32(math.Copysign(0, -1)), 0x8000},
		{0x1p-14, 0x0400}, {0x1p-24, 0x0001},
	} {
		if got := toHalf(c.f); got != c.h {
			t.Errorf("%v is %#04x, want %#04x", c.f, got, c.h)
		}
		if got := fromHalf(c.h); got != c.f {
			t.Errorf("%#04x is %v, want %v", c.h, got, c.f)
		}
	}
}

// TestHalfRounds takes each gap between two neighbours: below, at and above its
// middle, where the even one wins.
func TestHalfRounds(t *testing.T) {
	for h := range uint16(0x7bff) {
		low, high := fromHalf(h), fromHalf(h+1)
		middle := low + (high-low)/2
		even := h + h&1
		for _, c := range []struct {
			f    float32
			want uint16
		}{
			{math.Nextafter32(middle, low), h}, {middle, even}, {math.Nextafter32(middle, high), h + 1},
		} {
			if got := toHalf(c.f); got != c.want {
				t.Fatalf("%v between %#04x and %#04x became %#04x, want %#04x", c.f, h, h+1, got, c.want)
			}
			if got := toHalf(-c.f); got != c.want|0x8000 {
				t.Fatalf("%v became %#04x, want %#04x", -c.f, got, c.want|0x8000)
			}
		}
	}
	if got := toHalf(65519.996); got != 0x7bff {
		t.Errorf("just below the overflow: %#04x", got)
	}
	if got := toHalf(65520); got != 0x7c00 {
		t.Errorf("at the overflow: %#04x", got)
	}
}
