package segment_test

import (
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/onnx/onnxtest"
	"uredit/pipeline/segment"
)

const builtinFolder = "../../models/builtin/sam3"

// TestBuiltin finds each of two discs with the built-in bundle, and
// compares its mask with the disc.
func TestBuiltin(t *testing.T) {
	d, err := segment.Open(t.Context(), builtinFolder, onnxtest.Device(t).Load)
	if err != nil {
		t.Fatal(err)
	}
	size := d.ImageSize()
	inside := func(i, cx, cy int) bool {
		x, y := i%size-cx*size/100, i/size-cy*size/100
		return x*x+y*y < size*size/64
	}
	rgb := make([]byte, 3*size*size)
	for i := range size * size {
		colour := [3]byte{120, 120, 120}
		switch {
		case inside(i, 30, 40):
			colour = [3]byte{220, 20, 20}
		case inside(i, 70, 70):
			colour = [3]byte{20, 30, 220}
		}
		copy(rgb[3*i:], colour[:])
	}
	for _, c := range []struct {
		prompt string
		cx, cy int
	}{{"red ball", 30, 40}, {"the blue ball", 70, 70}} {
		p, err := d.Prompt(t.Context(), c.prompt)
		if err != nil {
			t.Fatal(err)
		}
		found, err := d.Detect(t.Context(), rgb, p)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 1 {
			t.Fatalf("%q: %d detections, want 1", c.prompt, len(found))
		}
		var l segment.Linker
		mask := frame.NewPlane(size, size)
		segment.NewUnion(size, size).Draw(mask, l.Link(found))
		both, either := 0, 0
		for i, v := range mask.Pix {
			if in := inside(i, c.cx, c.cy); in && v > 0 {
				both++
				either++
			} else if in || v > 0 {
				either++
			}
		}
		if iou := float64(both) / float64(either); iou < 0.98 {
			t.Errorf("%q: overlap %.3f, want 0.98", c.prompt, iou)
		} else {
			t.Logf("%q: score %.3f, box %.2f, overlap %.4f", c.prompt, found[0].Score, found[0].Box, iou)
		}
	}
}

func BenchmarkBuiltin(b *testing.B) {
	d, err := segment.Open(b.Context(), builtinFolder, onnxtest.Device(b).Load)
	if err != nil {
		b.Fatal(err)
	}
	p, err := d.Prompt(b.Context(), "red ball")
	if err != nil {
		b.Fatal(err)
	}
	rgb := make([]byte, 3*d.ImageSize()*d.ImageSize())
	for i := range len(rgb) / 9 {
		rgb[3*i] = 255
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Detect(b.Context(), rgb, p); err != nil {
			b.Fatal(err)
		}
	}
}
