package ffmpeg

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"uredit/pipeline/media"
)

// one is 1 in the fixed point of a display matrix.
const one = 1 << 16

// matrices are the eight ways to lay a picture: (a b, c d) shows the sample at
// (x, y) at (a·x + c·y, b·x + d·y). EXIF numbers them by position, from 1.
var matrices = [8][4]int32{
	{one, 0, 0, one}, {-one, 0, 0, one}, {-one, 0, 0, -one}, {one, 0, 0, -one},
	{0, one, one, 0}, {0, one, -one, 0}, {0, -one, -one, 0}, {0, -one, one, 0},
}

// rotated copies an MP4 and writes a display matrix into the header of its
// track: ffmpeg 5.1 has no option for it.
func rotated(t testing.TB, in *os.File, matrix [4]int32) *os.File {
	t.Helper()
	b, err := os.ReadFile(in.Name())
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("tkhd"))
	if at < 0 {
		t.Fatal("no track header")
	}
	// Behind the type: version and flags, two dates, id, reserved, duration, two
	// words, layer, group, volume, reserved; then a, b, u, c, d, v, x, y, w.
	at += 4 + 4 + 8 + 4 + 4 + 4 + 8 + 8
	for i, v := range []int32{matrix[0], matrix[1], 0, matrix[2], matrix[3], 0, 0, 0, 1 << 30} {
		binary.BigEndian.PutUint32(b[at+4*i:], uint32(v))
	}
	return file(t, "rotated.mp4", b)
}

// TestDecodeRotated lays pictures as ffmpeg does by itself.
func TestDecodeRotated(t *testing.T) {
	upright := clip(t, "a.mp4", "-f lavfi -i testsrc2=s=64x48:r=25:d=0.2,setsar=2/1 -pix_fmt yuv420p "+x264)
	for i, matrix := range matrices {
		turned := rotated(t, upright, matrix)
		info := probe(t, turned)
		w, h, aspect := 64, 48, media.Rational{Num: 2, Den: 1}
		if matrix[0] == 0 {
			w, h, aspect = 48, 64, media.Rational{Num: 1, Den: 2}
		}
		if info.Width != w || info.Height != h || info.Aspect != aspect {
			t.Errorf("matrix %d: %dx%d aspect %v", i+1, info.Width, info.Height, info.Aspect)
		}
		frames, _ := decodeAll(t, turned, info, media.Decode{})
		for k, sum := range plain(t, turned, "yuv420p") {
			if visible(frames[k], info) != sum {
				t.Errorf("matrix %d: frame %d differs from ffmpeg's", i+1, k)
			}
		}
	}
}

// TestDecodePhotos honours the orientation in which a camera was held, as ffmpeg
// does by itself.
func TestDecodePhotos(t *testing.T) {
	photo := clip(t, "a.jpg", "-f lavfi -i testsrc=s=65x49 -frames:v 1 -update 1 -pix_fmt yuvj420p")
	jpeg, err := os.ReadFile(photo.Name())
	if err != nil {
		t.Fatal(err)
	}
	for i, matrix := range matrices {
		// One entry of a directory, little endian: tag 0x112, a short, one of it.
		app1 := fmt.Appendf(nil, "\xff\xe1\x00\x22Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00%c\x00\x00\x00\x00\x00\x00\x00", i+1)
		in := file(t, "a.jpg", slices.Concat(jpeg[:2], app1, jpeg[2:]))
		info := probe(t, in)
		w, h := 65, 49
		if matrix[0] == 0 {
			w, h = h, w
		}
		if !info.Image || info.Width != w || info.Height != h {
			t.Errorf("orientation %d: %+v", i+1, info)
			continue
		}
		frames, _ := decodeAll(t, in, info, media.Decode{})
		if want := plain(t, in, "yuvj420p"); len(frames) != 1 || visible(frames[0], info) != want[0] {
			t.Errorf("orientation %d: the picture differs", i+1)
		}
		if got := exif(strconv.Itoa(i + 1)); got != orient([4]float64{float64(matrix[0]), float64(matrix[1]), float64(matrix[2]), float64(matrix[3])}) {
			t.Errorf("orientation %d by its tag alone: %+v", i+1, got)
		}
	}
}
