package onnx

import (
	"encoding/binary"
	"fmt"
	"io"
)

// wire is one field of a protocol buffer: the bytes from at to end, and the
// number that they are where it is one.
type wire struct {
	*window
	at, end int64
	number  int64
}

// window is the part of a file that was read last.
type window struct {
	r      io.ReaderAt
	from   int64
	buffer []byte
	memory [4096]byte
}

func newWire(r io.ReaderAt, at, end int64) *wire {
	return &wire{window: &window{r: r}, at: at, end: end}
}

// fields calls visit for each field of the message w. A visitor that leaves a
// field's bytes alone skips them.
func fields(w *wire, visit func(field int, w *wire) error) error {
	for at := w.at; at < w.end; {
		key, n, err := w.varint(at, w.end)
		if err != nil {
			return err
		}
		at += n
		f := wire{window: w.window}
		switch key & 7 {
		case 0:
			var v uint64
			if v, n, err = w.varint(at, w.end); err != nil {
				return err
			}
			f.number = int64(v)
			f.at, f.end = at, at+n
			at = f.end
		case 1:
			at += 8
		case 2:
			var size uint64
			if size, n, err = w.varint(at, w.end); err != nil {
				return err
			}
			at += n
			if size > uint64(w.end-at) {
				return io.ErrUnexpectedEOF
			}
			f.at, f.end = at, at+int64(size)
			at = f.end
		case 5:
			at += 4
		default:
			return fmt.Errorf("wire type %d at byte %d", key&7, at)
		}
		if at > w.end {
			return io.ErrUnexpectedEOF
		}
		if err := visit(int(key>>3), &f); err != nil {
			return err
		}
	}
	return nil
}

// varint decodes the number at byte at of the file, before end, and returns how
// long it is.
func (w *window) varint(at, end int64) (uint64, int64, error) {
	b, err := w.bytes(at, min(end, at+binary.MaxVarintLen64))
	if err != nil {
		return 0, 0, err
	}
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, 0, io.ErrUnexpectedEOF
	}
	return v, int64(n), nil
}

// bytes returns the bytes from at to end, at most the window's size of them.
func (w *window) bytes(at, end int64) ([]byte, error) {
	if at < w.from || end > w.from+int64(len(w.buffer)) {
		n, err := w.r.ReadAt(w.memory[:], at)
		if err != nil && err != io.EOF {
			return nil, err
		}
		w.from, w.buffer = at, w.memory[:n]
		if end > at+int64(n) {
			return nil, io.ErrUnexpectedEOF
		}
	}
	return w.buffer[at-w.from : end-w.from], nil
}

// text returns the field's bytes as a string.
func (w *wire) text() (string, error) {
	size := w.end - w.at
	if size > maxName {
		return "", fmt.Errorf("a name of %d bytes", size)
	}
	b := make([]byte, size)
	if _, err := w.r.ReadAt(b, w.at); err != nil && err != io.EOF {
		return "", err
	}
	return string(b), nil
}
