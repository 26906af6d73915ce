package pipeline_test

import (
	"math"
	"math/big"
	"strings"
	"testing"
)

// compareOutside compares frames of an edit, of even size, with frames of w by
// h samples. Samples within radius of the middle may differ.
func compareOutside(t *testing.T, got, want [][]byte, w, h int, radius float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d frames, want %d", len(got), len(want))
	}
	even := func(n int) int { return n + n&1 }
	cx, cy := float64(w)/2, float64(h)/2
	for i := range want {
		a, b, compared := got[i], want[i], 0
		for plane := range 3 {
			step, pw, ph, stride := 1., w, h, even(w)
			rows := even(h)
			if plane > 0 {
				step, pw, ph, stride, rows = 2, even(w)/2, even(h)/2, even(w)/2, even(h)/2
			}
			for y := range ph {
				for x := range pw {
					if math.Hypot(float64(x)*step-cx, float64(y)*step-cy) < radius+step {
						continue
					}
					compared++
					if a[y*stride+x] != b[y*pw+x] {
						t.Fatalf("frame %d, plane %d: sample (%d, %d) is %d, was %d", i, plane, x, y, a[y*stride+x], b[y*pw+x])
					}
				}
			}
			a, b = a[stride*rows:], b[pw*ph:]
		}
		if compared < w*h/3 {
			t.Fatalf("the test is wrong: only %d samples lie outside", compared)
		}
	}
}

// compareInside requires that the middle of each frame is blue: blue lacks in
// no matrix, and red is gone.
func compareInside(t *testing.T, frames [][]byte, w, h int) {
	t.Helper()
	for i, f := range frames {
		middle := (h/4)*(w/2) + w/4
		cb, cr := f[w*h:][middle], f[w*h+w*h/4:][middle]
		if cb < 150 || cr > 120 {
			t.Errorf("frame %d: Cb %d and Cr %d of the ball are not blue", i, cb, cr)
		}
	}
}

func equal(a, b *big.Rat) bool { return a.Cmp(b) == 0 }

// compareTimes requires that frames are shown when the input shows them. An
// input that starts late as a whole starts at 0 after the edit.
func compareTimes(t *testing.T, input, output document) {
	t.Helper()
	want, got := input.times(), output.times()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%d times, want %d", len(got), len(want))
	}
	late, _ := new(big.Rat).Sub(want[0], got[0]).Float64()
	if start := max(input.Format.Start, 0); math.Abs(late-start) > 2e-5 {
		t.Errorf("the first frame is %.6f s earlier; the input starts at %.6f s", late, start)
	}
	for i := range want {
		a, b := new(big.Rat).Sub(want[i], want[0]), new(big.Rat).Sub(got[i], got[0])
		if !equal(a, b) {
			t.Errorf("frame %d is shown %v s after the first, was %v", i, b, a)
		}
	}
}

// compareTags requires the colour tags and the shape of samples of the input,
// and no rotation, since the picture has been turned. What comes from RGB is
// BT.709, as is the matrix of what no scaler reads.
func compareTags(t *testing.T, from, to stream) {
	t.Helper()
	tags := from.tags()
	if strings.HasPrefix(from.PixFmt, "bgr") || strings.HasPrefix(from.PixFmt, "rgb") {
		tags = [4]string{"tv", "bt709", "bt709", "bt709"}
	}
	if tags[1] == "ycgco" {
		tags[1] = "bt709"
	}
	if to.tags() != tags {
		t.Errorf("colour tags %q, want %q", to.tags(), tags)
	}
	aspect := from.Aspect
	for _, side := range from.SideData {
		if w, h, ok := strings.Cut(aspect, ":"); ok && math.Abs(side.Rotation) == 90 {
			aspect = h + ":" + w
		}
	}
	if to.Aspect != aspect && !(to.Aspect == "1:1" && aspect == "") {
		t.Errorf("sample aspect %q, want %q", to.Aspect, aspect)
	}
	for _, side := range to.SideData {
		if side.Rotation != 0 {
			t.Errorf("the output is turned by %v once more", side.Rotation)
		}
	}
	if to.Codec != "h264" || to.PixFmt != "yuv420p" && to.PixFmt != "yuvj420p" {
		t.Errorf("the output is %s %s", to.Codec, to.PixFmt)
	}
}
