package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/frame"
)

// sequence returns masks of all kinds: empty, full, a rectangle, noise.
func sequence(w, h int) []frame.Plane {
	random := rand.New(rand.NewPCG(11, 12))
	var list []frame.Plane
	for i := range 12 {
		p := frame.NewPlane(w, h)
		switch i % 4 {
		case 1:
			fill(p.Pix)
		case 2:
			for y := h / 4; y < h/2; y++ {
				fill(p.Row(y)[i%w : max(i%w, w-1)])
			}
		case 3:
			for j := range p.Pix {
				p.Pix[j] = byte(255 * random.IntN(2))
			}
		}
		list = append(list, p)
	}
	return list
}

func plainBox(p frame.Plane) (box image.Rectangle) {
	for y := range p.Height {
		for x, v := range p.Row(y) {
			if v != 0 {
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return box
}

func create(t testing.TB, w, h int) *Masks {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "masks"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	m, err := CreateMasks(f, w, h)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMasks(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {7, 5}, {64, 3}, {130, 40}} {
		m := create(t, size[0], size[1])
		frames := sequence(size[0], size[1])
		dst := frame.NewPlane(size[0]+3, size[1]).Sub(2, 0, size[0], size[1])
		empty := 0
		for i, p := range frames {
			if err := m.Append(p); err != nil {
				t.Fatal(err)
			}
			if plainBox(p).Empty() {
				empty++
			}
			if i == len(frames)/2 { // reading may begin before writing ends
				check(t, m, frames, i, dst)
			}
		}
		if err := m.Flush(); err != nil {
			t.Fatal(err)
		}
		again, err := OpenMasks(m.file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []*Masks{m, again} {
			if w, h := m.Size(); w != size[0] || h != size[1] || m.Len() != len(frames) || m.Empty() != empty {
				t.Errorf("%d by %d, %d frames, %d empty; want %v, %d, %d", w, h, m.Len(), m.Empty(), size, len(frames), empty)
			}
			for i, p := range frames {
				if got, want := m.Boxes()[i], plainBox(p); got != want {
					t.Errorf("%v, frame %d: box %v, want %v", size, i, got, want)
				}
				check(t, m, frames, len(frames)-1-i, dst)
			}
			m.Skip(0)
			for i := range frames {
				if err := m.Next(dst); err != nil {
					t.Fatal(err)
				}
				same(t, dst, frames[i], i)
			}
			if err := m.Next(dst); err != io.EOF {
				t.Errorf("after the last: %v", err)
			}
		}
		// A run that goes on after a restart appends to what is there.
		if err := again.Append(frames[2]); err != nil {
			t.Fatal(err)
		}
		check(t, again, append(frames, frames[2]), len(frames), dst)
	}
}

func check(t *testing.T, m *Masks, frames []frame.Plane, i int, dst frame.Plane) {
	t.Helper()
	if err := m.Frame(i, dst); err != nil {
		t.Fatal(err)
	}
	same(t, dst, frames[i], i)
}

func same(t *testing.T, got, want frame.Plane, i int) {
	t.Helper()
	for y := range want.Height {
		if !bytes.Equal(got.Row(y), want.Row(y)) {
			t.Fatalf("frame %d, row %d: got %v, want %v", i, y, got.Row(y), want.Row(y))
		}
	}
}

func TestMasksRefuse(t *testing.T) {
	m := create(t, 8, 8)
	if err := m.Append(frame.NewPlane(8, 9)); err == nil {
		t.Error("a mask of another size was appended")
	}
	if err := m.Append(frame.NewPlane(8, 8)); err != nil {
		t.Fatal(err)
	}
	if err := m.Frame(1, frame.NewPlane(8, 8)); err == nil {
		t.Error("frame 1 of 1 was read")
	}
	if err := m.Frame(0, frame.NewPlane(9, 8)); err == nil {
		t.Error("a mask was read into another size")
	}
	if _, err := CreateMasks(nil, 0, 5); err == nil {
		t.Error("masks without columns were created")
	}
}

// TestMasksTruncated cuts a file everywhere: between two frames it is a shorter
// one, anywhere else it is damaged.
func TestMasksTruncated(t *testing.T) {
	m := create(t, 9, 7)
	for _, p := range sequence(9, 7) {
		if err := m.Append(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Flush(); err != nil {
		t.Fatal(err)
	}
	between := append([]int64{m.starts}, m.ends...)
	for size := m.written; size >= 0; size-- {
		if err := m.file.Truncate(size); err != nil {
			t.Fatal(err)
		}
		again, err := OpenMasks(m.file)
		if frames := slices.Index(between, size); frames >= 0 {
			if err != nil || again.Len() != frames {
				t.Errorf("cut after %d frames: %v", frames, err)
			}
		} else if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut to %d bytes: error %v", size, err)
		}
		// The one who wrote it notices too.
		if size < m.written {
			if err := m.Frame(m.Len()-1, frame.NewPlane(9, 7)); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("cut to %d bytes: reading the last frame: %v", size, err)
			}
		}
	}
}

// TestMasksWriteFails is about a write that fails after Append returned.
func TestMasksWriteFails(t *testing.T) {
	m := create(t, 8, 8)
	if err := m.Append(frame.NewPlane(8, 8)); err != nil {
		t.Fatal(err)
	}
	if err := m.file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.Flush(); !errors.Is(err, os.ErrClosed) || !strings.HasPrefix(err.Error(), "write masks: ") {
		t.Errorf("flush: %v", err)
	}
}

func TestRunsRefuse(t *testing.T) {
	for _, c := range []struct {
		runs []byte
		want error
	}{
		{nil, errRuns},
		{[]byte{7}, errRuns},
		{[]byte{9}, errRuns},
		{[]byte{4, 0, 4}, errRuns},
		{[]byte{8, 0}, errRuns},
		{[]byte{4, 0x84}, errRunLength},
		{bytes.Repeat([]byte{0xff}, 12), errRunLength},
	} {
		if err := decodeRuns(frame.NewPlane(4, 2), c.runs); err != c.want {
			t.Errorf("%v: error %v, want %v", c.runs, err, c.want)
		}
	}
}

// FuzzOpenMasks reads any file: no panic, and what it accepts reads back.
func FuzzOpenMasks(f *testing.F) {
	head := func(w, h uint64) []byte {
		return binary.AppendUvarint(binary.AppendUvarint([]byte(masksMagic), w), h)
	}
	f.Add(append(head(4, 2), 1, 8, 3, 2, 4, 2))
	f.Add(append(head(4, 2), 3, 2, 4, 1))
	f.Add(head(1<<16, 1<<16))
	f.Add(binary.AppendUvarint(head(4, 2), 1<<63)) // more bytes than memory has
	f.Add([]byte("uredit-masks/1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "masks")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		m, err := OpenMasks(file)
		if err != nil {
			return
		}
		w, h := m.Size()
		if w*h > 1<<20 {
			return
		}
		dst := frame.NewPlane(w, h)
		for i := range m.Len() {
			if err := m.Next(dst); err != nil {
				t.Fatal(err)
			}
			if got := plainBox(dst); got != m.Boxes()[i] {
				t.Fatalf("frame %d: box %v, want %v", i, m.Boxes()[i], got)
			}
		}
	})
}

// FuzzRuns encodes any mask and reads it back.
func FuzzRuns(f *testing.F) {
	f.Add([]byte{0, 255, 255, 0, 255, 0}, uint8(3))
	f.Add([]byte{1}, uint8(1))
	f.Fuzz(func(t *testing.T, bits []byte, width uint8) {
		w := int(width)
		if w == 0 || len(bits) < w {
			return
		}
		p := frame.NewPlane(w, len(bits)/w)
		for i := range p.Pix {
			p.Pix[i] = 255 * (bits[i] & 1)
		}
		runs, box := encodeRuns(nil, p)
		back := frame.NewPlane(p.Width, p.Height)
		if err := decodeRuns(back, runs); err != nil {
			t.Fatal(err)
		}
		same(t, back, p, 0)
		if got, err := runsBox(runs, p.Width, p.Height); err != nil || got != box || box != plainBox(p) {
			t.Fatalf("boxes %v and %v, want %v; %v", box, got, plainBox(p), err)
		}
	})
}

func BenchmarkMasks(b *testing.B) {
	m := create(b, 1280, 720)
	p := frame.NewPlane(1280, 720)
	NewUnion(1280, 720).Draw(p, objectsOf(disc(12, 12, 8)))
	b.Run("Append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := m.Append(p); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(m.written)/float64(m.Len()), "B/frame")
	})
	b.Run("Frame", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := m.Frame(0, p); err != nil {
				b.Fatal(err)
			}
		}
	})
}
