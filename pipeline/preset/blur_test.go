package preset

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"

	"uredit/pipeline/frame"
)

// TestBlur compares with Pillow, byte by byte.
func TestBlur(t *testing.T) {
	data, err := os.ReadFile("testdata/blur.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) < 9 {
		t.Fatalf("%d cases only", len(lines))
	}
	for seed, line := range lines {
		var w, h int
		var radius float64
		var want string
		if _, err := fmt.Sscan(line, &w, &h, &radius, &want); err != nil {
			t.Fatal(err)
		}
		// A plane within a larger one, whose other samples stay.
		around := frame.NewPlane(w+4, h+2)
		mask := around.Sub(2, 1, w, h)
		state := uint32(seed) + 1
		for i := range w * h {
			state = (state*1103515245 + 12345) & 0x7FFFFFFF
			v := byte(state >> 16)
			if i%5 != 0 {
				v = 0
				if state>>16&7 < 3 {
					v = 255
				}
			}
			mask.Row(i / w)[i%w] = v
		}
		blur(mask, radius)
		var got []byte
		for y := range h {
			got = append(got, mask.Row(y)...)
		}
		if sum := fmt.Sprintf("%x", sha256.Sum256(got)); sum != want {
			t.Errorf("%d by %d, radius %g is not Pillow's", w, h, radius)
		}
		for i, v := range around.Pix {
			if x, y := i%(w+4), i/(w+4); v != 0 && (x < 2 || x >= w+2 || y < 1 || y > h) {
				t.Fatalf("%d by %d: the sample beside the mask at %d, %d is %d", w, h, x, y, v)
			}
		}
	}
}
