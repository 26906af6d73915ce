package resize

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
)

// picture returns pixels that testdata/pillow.py makes, too: noise, with flat
// parts and hard edges.
func picture(seed, w, h int) []byte {
	pixels := make([]byte, 3*w*h)
	state := uint32(seed) + 1
	for i := range pixels {
		state = (state*1103515245 + 12345) & 0x7FFFFFFF
		pixels[i] = byte(state >> 16)
		if i/64%5 == 0 {
			pixels[i] = byte(i / 320 % 2 * 255)
		}
	}
	return pixels
}

// stretcher is what both filters are.
type stretcher interface{ Run(dst, src []byte) }

// TestPillow compares with Pillow, byte by byte.
func TestPillow(t *testing.T) {
	for file, open := range map[string]func(w, h, toW, toH int) (stretcher, error){
		"testdata/pillow.txt":  func(w, h, toW, toH int) (stretcher, error) { return New(w, h, toW, toH) },
		"testdata/lanczos.txt": func(w, h, toW, toH int) (stretcher, error) { return NewLanczos(w, h, toW, toH) },
	} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		if len(lines) < 10 {
			t.Fatalf("%s: %d sizes only", file, len(lines))
		}
		for seed, line := range lines {
			var w, h, toW, toH int
			var want string
			if _, err := fmt.Sscan(line, &w, &h, &toW, &toH, &want); err != nil {
				t.Fatal(err)
			}
			b, err := open(w, h, toW, toH)
			if err != nil {
				t.Fatal(err)
			}
			dst := make([]byte, 3*toW*toH)
			for range 2 { // the second time in used memory
				b.Run(dst, picture(seed, w, h))
				if got := fmt.Sprintf("%x", sha256.Sum256(dst)); got != want {
					t.Errorf("%s: %d by %d to %d by %d is not Pillow's", file, w, h, toW, toH)
				}
			}
		}
	}
}

// TestFlat has a picture of one colour stay as it is, whatever the sizes.
func TestFlat(t *testing.T) {
	for _, c := range [][4]int{{1, 1, 5, 5}, {9, 7, 4, 3}, {31, 2, 2, 31}, {100, 100, 101, 99}} {
		b, err := New(c[0], c[1], c[2], c[3])
		if err != nil {
			t.Fatal(err)
		}
		for _, level := range []byte{0, 1, 127, 254, 255} {
			src, dst := make([]byte, 3*c[0]*c[1]), make([]byte, 3*c[2]*c[3])
			for i := range src {
				src[i] = level
			}
			b.Run(dst, src)
			for i, v := range dst {
				if v != level {
					t.Fatalf("%v: level %d becomes %d at byte %d", c, level, v, i)
				}
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range [][4]int{{0, 1, 1, 1}, {1, -1, 1, 1}, {1, 1, 0, 1}, {1, 1, 1, 0}} {
		if _, err := New(c[0], c[1], c[2], c[3]); err == nil {
			t.Errorf("%v is accepted", c)
		}
	}
}

func BenchmarkRun(b *testing.B) {
	for _, c := range [][2]int{{1280, 720}, {1920, 1080}, {640, 360}} {
		b.Run(fmt.Sprintf("%dx%d", c[0], c[1]), func(b *testing.B) {
			r, err := New(c[0], c[1], 1008, 1008)
			if err != nil {
				b.Fatal(err)
			}
			src, dst := picture(0, c[0], c[1]), make([]byte, 3*1008*1008)
			b.ReportAllocs()
			for b.Loop() {
				r.Run(dst, src)
			}
		})
	}
}
