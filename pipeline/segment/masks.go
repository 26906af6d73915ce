package segment

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"slices"

	"uredit/pipeline/frame"
)

// The file of masks: the magic, width and height as uvarints, then for each
// frame the length of its runs in bytes and the runs, all uvarints.
const masksMagic = "uredit-masks/1\n"

// maxSide bounds a mask's sides in a file.
const maxSide = 1 << 16

// Masks holds the masks of a video in a file. Memory holds a position and a
// rectangle for each frame. It is used by one goroutine at a time.
type Masks struct {
	file          *os.File
	width, height int

	out     *bufio.Writer
	written int64 // bytes appended, also those that out still holds
	ends    []int64
	starts  int64 // of the first frame
	boxes   []image.Rectangle
	empty   int

	next   int // frame that Next reads
	buffer []byte
}

// CreateMasks starts a file of masks of w by h samples in f, which is empty and
// stays the caller's to close.
func CreateMasks(f *os.File, w, h int) (*Masks, error) {
	if w <= 0 || h <= 0 || w > maxSide || h > maxSide {
		return nil, fmt.Errorf("create masks: %d by %d samples", w, h)
	}
	m := &Masks{file: f, width: w, height: h, out: bufio.NewWriterSize(f, 64<<10)}
	head := binary.AppendUvarint(binary.AppendUvarint([]byte(masksMagic), uint64(w)), uint64(h))
	n, err := m.out.Write(head)
	if err != nil {
		return nil, fmt.Errorf("create masks: %w", err)
	}
	m.written, m.starts = int64(n), int64(n)
	return m, nil
}

// OpenMasks reads a file that Flush has completed. A file that ends inside a
// frame is an error.
func OpenMasks(f *os.File) (*Masks, error) {
	m, err := scanMasks(f)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("open masks %s: %w", f.Name(), err)
	}
	return m, nil
}

func scanMasks(f *os.File) (*Masks, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(io.NewSectionReader(f, 0, info.Size()), 64<<10)
	magic := make([]byte, len(masksMagic))
	if _, err := io.ReadFull(in, magic); err != nil {
		return nil, err
	}
	if !bytes.Equal(magic, []byte(masksMagic)) {
		return nil, errors.New("it is no file of masks")
	}
	w, errW := binary.ReadUvarint(in)
	h, errH := binary.ReadUvarint(in)
	if err := errors.Join(errW, errH); err != nil {
		return nil, err
	}
	if w == 0 || h == 0 || w > maxSide || h > maxSide {
		return nil, fmt.Errorf("%d by %d samples", w, h)
	}
	m := &Masks{file: f, width: int(w), height: int(h), out: bufio.NewWriterSize(f, 64<<10)}
	m.starts = int64(len(masksMagic) + uvarintSize(w) + uvarintSize(h))
	m.written = m.starts
	for {
		err := m.scanFrame(in, info.Size())
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("frame %d: %w", len(m.ends), err)
		}
	}
	_, err = f.Seek(m.written, io.SeekStart)
	return m, err
}

// scanFrame reads one frame's runs from a file of length bytes; io.EOF between
// two frames.
func (m *Masks) scanFrame(in *bufio.Reader, length int64) error {
	if _, err := in.Peek(1); err != nil {
		return err
	}
	size, err := binary.ReadUvarint(in)
	if err != nil {
		return noEOF(err)
	}
	if size > uint64(length-m.written) {
		return io.ErrUnexpectedEOF
	}
	m.buffer = grow(m.buffer, int(size))
	if _, err := io.ReadFull(in, m.buffer); err != nil {
		return noEOF(err)
	}
	box, err := runsBox(m.buffer, m.width, m.height)
	if err != nil {
		return err
	}
	m.note(box, uvarintSize(size)+int(size))
	return nil
}

// noEOF makes an end inside a frame what it is.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func uvarintSize(n uint64) int {
	var b [binary.MaxVarintLen64]byte
	return binary.PutUvarint(b[:], n)
}

func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// Expect makes room for what is kept of n frames, so that appending them
// allocates nothing. More may come.
func (m *Masks) Expect(n int) {
	n = min(max(n, 0), 1<<20) // what a container says may be wrong
	m.ends, m.boxes = slices.Grow(m.ends, n), slices.Grow(m.boxes, n)
}

func (m *Masks) note(box image.Rectangle, size int) {
	m.written += int64(size)
	m.ends = append(m.ends, m.written)
	m.boxes = append(m.boxes, box)
	if box.Empty() {
		m.empty++
	}
}

// Append adds the mask of the next frame: samples are 0 or 255.
func (m *Masks) Append(mask frame.Plane) error {
	if mask.Width != m.width || mask.Height != m.height {
		return fmt.Errorf("append mask: %d by %d samples, want %d by %d", mask.Width, mask.Height, m.width, m.height)
	}
	runs, box := encodeRuns(m.buffer[:0], mask)
	m.buffer = runs
	length := binary.AppendUvarint(m.out.AvailableBuffer(), uint64(len(runs)))
	n := len(length)
	if _, err := m.out.Write(length); err != nil {
		return fmt.Errorf("append mask: %w", err)
	}
	if _, err := m.out.Write(runs); err != nil {
		return fmt.Errorf("append mask: %w", err)
	}
	m.note(box, n+len(runs))
	return nil
}

// Flush writes what memory still holds of the file. It does not sync.
func (m *Masks) Flush() error {
	if err := m.out.Flush(); err != nil {
		return fmt.Errorf("write masks: %w", err)
	}
	return nil
}

// Size returns the masks' width and height in samples.
func (m *Masks) Size() (w, h int) { return m.width, m.height }

// Len returns the number of frames.
func (m *Masks) Len() int { return len(m.ends) }

// Empty returns the number of frames whose mask has no sample.
func (m *Masks) Empty() int { return m.empty }

// Boxes returns for each frame the smallest rectangle around its mask, empty
// where there is none. The slice is the Masks' own.
func (m *Masks) Boxes() []image.Rectangle { return m.boxes }

// Frame fills dst, of the masks' size, with the mask of frame i. Next goes on
// with the one after it.
func (m *Masks) Frame(i int, dst frame.Plane) error {
	if i < 0 || i >= len(m.ends) {
		return fmt.Errorf("read mask %d: there are %d", i, len(m.ends))
	}
	if dst.Width != m.width || dst.Height != m.height {
		return fmt.Errorf("read mask %d: into %d by %d samples, want %d by %d", i, dst.Width, dst.Height, m.width, m.height)
	}
	if m.out.Buffered() > 0 {
		if err := m.Flush(); err != nil {
			return err
		}
	}
	if err := m.readFrame(i, dst); err != nil {
		return fmt.Errorf("read mask %d of %s: %w", i, m.file.Name(), noEOF(err))
	}
	m.next = i + 1
	return nil
}

func (m *Masks) readFrame(i int, dst frame.Plane) error {
	from := m.starts
	if i > 0 {
		from = m.ends[i-1]
	}
	m.buffer = grow(m.buffer, int(m.ends[i]-from))
	if _, err := m.file.ReadAt(m.buffer, from); err != nil {
		return err
	}
	size, n := binary.Uvarint(m.buffer)
	if n <= 0 || size != uint64(len(m.buffer)-n) {
		return errRunLength
	}
	return decodeRuns(dst, m.buffer[n:])
}

// Next fills dst with the mask after the last one read, the first at the
// beginning; io.EOF after the last.
func (m *Masks) Next(dst frame.Plane) error {
	if m.next >= len(m.ends) {
		return io.EOF
	}
	return m.Frame(m.next, dst)
}

// Skip makes Next go on with frame i.
func (m *Masks) Skip(i int) { m.next = i }
