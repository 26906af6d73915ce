package ffmpeg

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"testing"
)

// rotated copies an MP4 and writes a display matrix that turns the picture
// clockwise into the header of its track: ffmpeg 5.1 has no option for it.
func rotated(t testing.TB, in *os.File, degrees int) *os.File {
	t.Helper()
	stat, err := in.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, stat.Size())
	if _, err := in.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	const one = 1 << 16
	matrix, ok := map[int][4]int32{90: {0, one, -one, 0}, 180: {-one, 0, 0, -one}, 270: {0, -one, one, 0}}[degrees]
	at := bytes.Index(b, []byte("tkhd"))
	if !ok || at < 0 {
		t.Fatalf("no track header, or no quarter turn: %d", degrees)
	}
	// Behind the type: version and flags, two dates, id, reserved, duration, two
	// words, layer, group, volume, reserved; then a, b, u, c, d, v, x, y, w.
	at += 4 + 4 + 8 + 4 + 4 + 4 + 8 + 8
	for i, v := range []int32{matrix[0], matrix[1], 0, matrix[2], matrix[3], 0, 0, 0, 1 << 30} {
		binary.BigEndian.PutUint32(b[at+4*i:], uint32(v))
	}
	return file(t, "rotated.mp4", b)
}
