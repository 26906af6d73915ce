package resize

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// picture returns pixels that testdata/record.py makes, too: noise, with flat
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

var all = [...]Filter{BilinearAA, BicubicAA, LanczosAA, Cubic}

// recorded calls f for each line of a filter's file, with the first four numbers
// of it and the rest.
func recorded(t *testing.T, filter Filter, f func(seed int, size [4]int, rest []string)) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + string(filter) + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) < 10 {
		t.Fatalf("%s: %d sizes only", filter, len(lines))
	}
	for seed, line := range lines {
		var size [4]int
		fields := strings.Fields(line)
		for i := range size {
			if size[i], err = strconv.Atoi(fields[i]); err != nil {
				t.Fatal(err)
			}
		}
		f(seed, size, fields[4:])
	}
}

// stretch returns what a filter makes of a picture, the second time it does.
func stretch(t *testing.T, filter Filter, seed int, size [4]int) []byte {
	t.Helper()
	r, err := New(filter, size[0], size[1], size[2], size[3])
	if err != nil {
		t.Fatal(err)
	}
	src, dst, again := picture(seed, size[0], size[1]), make([]byte, 3*size[2]*size[3]), make([]byte, 3*size[2]*size[3])
	r.Run(dst, src)
	if r.Run(again, src); !bytes.Equal(dst, again) {
		t.Errorf("%s, %v: the second time it is another picture", filter, size)
	}
	return again
}

// TestPillow compares with Pillow, byte by byte.
func TestPillow(t *testing.T) {
	for _, filter := range []Filter{BilinearAA, BicubicAA, LanczosAA} {
		recorded(t, filter, func(seed int, size [4]int, rest []string) {
			if got := fmt.Sprintf("%x", sha256.Sum256(stretch(t, filter, seed, size))); got != rest[0] {
				t.Errorf("%s, %v: not what Pillow makes", filter, size)
			}
		})
	}
}

// TestOpenCV compares with OpenCV to one grey level: with its own code, from
// which hardly a sample differs, and with that of a processor's maker.
func TestOpenCV(t *testing.T) {
	recorded(t, Cubic, func(seed int, size [4]int, rest []string) {
		step, err := strconv.Atoi(rest[0])
		if err != nil {
			t.Fatal(err)
		}
		got := stretch(t, Cubic, seed, size)
		for i, most := range []int{1, 50} { // samples of a thousand that may differ
			want, err := hex.DecodeString(rest[1+i])
			if err != nil {
				t.Fatal(err)
			}
			off := 0
			for i, v := range want {
				switch d := int(got[i*step]) - int(v); d {
				case 0:
				case -1, 1:
					off++
				default:
					t.Fatalf("%v: byte %d is %d, want %d", size, i*step, got[i*step], v)
				}
			}
			if 1000*off > most*len(want)+999 {
				t.Errorf("%v: %d of %d bytes are one level off", size, off, len(want))
			}
		}
	})
}

// TestFlat has a picture of one colour stay as it is, whatever the sizes.
func TestFlat(t *testing.T) {
	for _, c := range [][4]int{{1, 1, 5, 5}, {9, 7, 4, 3}, {31, 2, 2, 31}, {100, 100, 101, 99}} {
		for _, filter := range all {
			flat(t, filter, c)
		}
	}
}

func flat(t *testing.T, filter Filter, c [4]int) {
	t.Helper()
	r, err := New(filter, c[0], c[1], c[2], c[3])
	if err != nil {
		t.Fatal(err)
	}
	src, dst := make([]byte, 3*c[0]*c[1]), make([]byte, 3*c[2]*c[3])
	for _, level := range []byte{0, 1, 127, 254, 255} {
		for i := range src {
			src[i] = level
		}
		r.Run(dst, src)
		for i, v := range dst {
			if v != level {
				t.Fatalf("%s, %v: level %d becomes %d at byte %d", filter, c, level, v, i)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range [][4]int{{0, 1, 1, 1}, {1, -1, 1, 1}, {1, 1, 0, 1}, {1, 1, 1, 0}} {
		if _, err := New(BilinearAA, c[0], c[1], c[2], c[3]); err == nil {
			t.Errorf("%v is accepted", c)
		}
	}
	if _, err := New("nearest", 1, 1, 1, 1); err == nil {
		t.Error("a filter that is none is accepted")
	}
}

func BenchmarkRun(b *testing.B) {
	for _, filter := range all {
		for _, c := range [][2]int{{1280, 720}, {1920, 1080}, {640, 360}} {
			b.Run(fmt.Sprintf("%s/%dx%d", filter, c[0], c[1]), func(b *testing.B) {
				r, err := New(filter, c[0], c[1], 1008, 1008)
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
}
