package nut

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var sample = Header{FourCC: I420, Width: 6, Height: 4, TimeBase: Rational{1001, 30000}, Aspect: Rational{4, 3}, FrameRate: Rational{30000, 1001}}

func write(t testing.TB, h Header, pts ...int64) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	for i, at := range pts {
		if err := w.WriteFrame(at, picture(h, i)); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func picture(h Header, i int) []byte {
	return bytes.Repeat([]byte{byte(i), 'N', byte(3 * i)}, h.Width*h.Height/2)
}

func TestRoundTrip(t *testing.T) {
	for _, pts := range [][]int64{{}, {0}, {0, 1, 2, 3}, {5, 100, 127, 128, 16384, 1 << 40}} {
		r, err := NewReader(bytes.NewReader(write(t, sample, pts...)))
		if len(pts) == 0 {
			if err == nil {
				t.Error("a file without a syncpoint was accepted")
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.Header() != sample {
			t.Errorf("header = %+v", r.Header())
		}
		for i, want := range pts {
			at, size, err := r.Next()
			if err != nil || at != want || size != len(picture(sample, i)) {
				t.Fatalf("frame %d: at %d, %d bytes, %v", i, at, size, err)
			}
			if i%2 == 1 {
				continue // Next skips what was not read
			}
			if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, picture(sample, i)) {
				t.Fatalf("frame %d: wrong samples, %v", i, err)
			}
		}
		if _, _, err := r.Next(); err != io.EOF {
			t.Errorf("at the end: %v", err)
		}
	}
}

// TestFFmpegAgrees has ffmpeg copy the pictures from our writer to our reader.
func TestFFmpegAgrees(t *testing.T) {
	pts := []int64{3, 4, 9, 10, 11, 500}
	picture := func(h Header, i int) []byte { // some begin as what ffmpeg leaves out
		b := picture(h, i)
		copy(b, [][]byte{nil, {0, 0, 1}, {0, 0, 1, 0xB6}, {0xFF, 0xFA}, nil, {0xFF, 0xFD}}[i])
		return b
	}
	var ours bytes.Buffer
	w, err := NewWriter(&ours, sample)
	if err != nil {
		t.Fatal(err)
	}
	for i, at := range pts {
		if err := w.WriteFrame(at, picture(sample, i)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-copyts", "-f", "nut", "-i", "-", "-fps_mode", "passthrough",
		"-enc_time_base", "1001/30000", "-c:v", "rawvideo", "-f", "nut", "-")
	cmd.Stdin = &ours
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("ffmpeg: %v: %s", err, &complaints)
	}
	r, err := NewReader(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	h := r.Header()
	if h.FourCC != I420 || h.Width != 6 || h.Height != 4 || h.Aspect != sample.Aspect || h.FrameRate != sample.FrameRate {
		t.Errorf("header = %+v", h)
	}
	for i, want := range pts {
		at, _, err := r.Next()
		if err != nil || at*h.TimeBase.Num*30000 != want*1001*h.TimeBase.Den {
			t.Fatalf("frame %d: at %d of %v, %v", i, at, h.TimeBase, err)
		}
		if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, picture(sample, i)) {
			t.Errorf("frame %d: wrong samples, %v", i, err)
		}
	}
	if _, _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestCutAndDamaged(t *testing.T) {
	whole := write(t, sample, 0, 1)
	read := func(b []byte) (frames int, err error) {
		r, err := NewReader(bytes.NewReader(b))
		for err == nil {
			if _, _, err = r.Next(); err == nil {
				_, err = io.ReadAll(r)
				frames++
			}
		}
		return frames, err
	}
	frame := len(whole) - len(write(t, sample, 0))
	for n := range whole {
		_, err := read(whole[:n])
		atBoundary := n == len(whole)-frame
		if atBoundary != (err == io.EOF) || err == nil {
			t.Errorf("cut at %d of %d: %v", n, len(whole), err)
		}
	}
	// A flipped bit of a header is noticed by its checksum.
	for _, at := range []int{len(identification) + 10, len(identification) + 40} {
		b := slices.Clone(whole)
		b[at] ^= 1
		if frames, err := read(b); frames != 0 || err == nil || errors.Is(err, io.EOF) {
			t.Errorf("bit flipped at %d: %d frames, %v", at, frames, err)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	for _, h := range []Header{{}, {Width: 2, Height: 2}, {Width: 2, TimeBase: Rational{1, 25}}} {
		if _, err := NewWriter(io.Discard, h); err == nil {
			t.Errorf("%+v: no error", h)
		}
	}
	w, err := NewWriter(io.Discard, sample)
	if err != nil {
		t.Fatal(err)
	}
	if w.WriteFrame(-1, []byte{1}) == nil || w.WriteFrame(0, nil) == nil {
		t.Error("no error for a negative time or an empty picture")
	}
}

func TestNumbers(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 2, -2, 63, 64, 127, 128, 1 << 20, -1 << 40, 1<<62 - 1} {
		f := &fields{b: appendS(nil, v)}
		if got := f.s(); got != v || f.err != nil || len(f.b) != 0 {
			t.Errorf("%d became %d, %v", v, got, f.err)
		}
	}
}

// FuzzReader reads any bytes: no panic, no endless loop, no frame beyond the
// limits.
func FuzzReader(f *testing.F) {
	f.Add(write(f, sample, 0, 1, 2))
	f.Add(write(f, Header{FourCC: RGB24, Width: 2, Height: 2, TimeBase: Rational{1, 90000}}, 7))
	f.Add([]byte(identification))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		for {
			pts, size, err := r.Next()
			if err != nil {
				return
			}
			if pts < 0 || size < 0 || size > maxFrame {
				t.Fatalf("frame at %d of %d bytes", pts, size)
			}
		}
	})
}

// FuzzRoundTrip writes any frame and reads it back.
func FuzzRoundTrip(f *testing.F) {
	f.Add(uint16(6), uint16(4), int64(17), int64(1), int64(25), []byte("pixels"))
	f.Fuzz(func(t *testing.T, w, h uint16, pts, num, den int64, pix []byte) {
		if w == 0 || h == 0 || pts < 0 || pts > 1<<62 || num < 1 || num > 1<<30 || den < 1 || den > 1<<30 || len(pix) == 0 {
			return
		}
		header := Header{FourCC: I420, Width: int(w), Height: int(h), TimeBase: Rational{num, den}}
		var b bytes.Buffer
		nw, err := NewWriter(&b, header)
		if err != nil {
			t.Fatal(err)
		}
		if err := nw.WriteFrame(pts, pix); err != nil {
			t.Fatal(err)
		}
		r, err := NewReader(&b)
		if err != nil {
			t.Fatal(err)
		}
		header.TimeBase = header.TimeBase.reduced()
		if r.Header() != header {
			t.Fatalf("header = %+v, want %+v", r.Header(), header)
		}
		if at, size, err := r.Next(); err != nil || at != pts || size != len(pix) {
			t.Fatalf("frame at %d of %d bytes, %v", at, size, err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, pix) {
			t.Fatalf("samples %q, %v", got, err)
		}
	})
}
