package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"uredit/pipeline/tensor"
)

// The binding wants the names of a session's inputs and outputs before it makes
// the session, and offers no way to ask but a second session, which would load
// every weight twice. So they are read here from the file itself: an ONNX model
// is a protocol buffer, of which these fields matter.
const (
	modelGraph = 7

	graphInitializer = 5
	graphInput       = 11
	graphOutput      = 12

	initializerName = 8

	valueName       = 1
	valueType       = 2
	typeTensor      = 1
	tensorElement   = 1
	tensorShape     = 2
	shapeDimension  = 1
	dimensionNumber = 1
	dimensionSymbol = 2
)

// Bounds of what a damaged file can make the reader keep.
const (
	maxName   = 1 << 16
	maxValues = 4096
	maxRank   = 64
)

// header is what a graph says about itself.
type header struct {
	inputs, outputs []graphValue
}

// graphValue describes an input or output.
type graphValue struct {
	tensor.Info
	symbols []string // for each dimension: its name where it is open, or ""
}

var errNoGraph = errors.New("no ONNX graph in it")

// readHeader reads the inputs that a run must feed and the outputs of the graph
// in r, which is size bytes long. Weights are skipped, not read.
func readHeader(r io.ReaderAt, size int64) (header, error) {
	var h header
	found := false
	initial := make(map[string]bool)
	err := fields(newWire(r, 0, size), func(n int, w *wire) error {
		if n != modelGraph {
			return nil
		}
		found = true
		return fields(w, func(n int, w *wire) error {
			switch n {
			case graphInitializer:
				return readInitializer(w, initial)
			case graphInput:
				return appendValue(&h.inputs, w)
			case graphOutput:
				return appendValue(&h.outputs, w)
			}
			return nil
		})
	})
	if err != nil {
		return header{}, err
	}
	if !found {
		return header{}, errNoGraph
	}
	// Old exporters list every weight as an input with a default.
	inputs := h.inputs[:0]
	for _, in := range h.inputs {
		if !initial[in.Name] {
			inputs = append(inputs, in)
		}
	}
	h.inputs = inputs
	return h, h.check()
}

// check refuses what Run could not serve.
func (h header) check() error {
	if len(h.inputs) == 0 || len(h.outputs) == 0 {
		return errors.New("the graph has no inputs or no outputs")
	}
	seen := make(map[string]bool)
	for _, list := range [][]graphValue{h.inputs, h.outputs} {
		clear(seen)
		for _, info := range list {
			if info.Name == "" || seen[info.Name] {
				return fmt.Errorf("two inputs or outputs are called %q", info.Name)
			}
			seen[info.Name] = true
		}
	}
	return nil
}

func readInitializer(w *wire, names map[string]bool) error {
	return fields(w, func(n int, w *wire) error {
		if n == initializerName {
			name, err := w.text()
			names[name] = true
			return err
		}
		return nil
	})
}

func appendValue(list *[]graphValue, w *wire) error {
	if len(*list) == maxValues {
		return fmt.Errorf("more than %d inputs or outputs", maxValues)
	}
	v, err := readValue(w)
	*list = append(*list, v)
	return err
}

// readValue reads one ValueInfoProto. The shape is nil when the graph gives not
// even a rank, and empty for a scalar.
func readValue(w *wire) (graphValue, error) {
	var v graphValue
	element := int64(-1)
	err := fields(w, func(n int, w *wire) (err error) {
		switch n {
		case valueName:
			v.Name, err = w.text()
		case valueType:
			element, err = v.readType(w)
		}
		return err
	})
	if err != nil {
		return v, err
	}
	var ok bool
	if v.Type, ok = elementType(element); !ok {
		return v, fmt.Errorf("%q is no tensor of float32, float16, int64, int32 or bool (ONNX type %d)", v.Name, element)
	}
	return v, nil
}

// readType reads the shape and returns ONNX's number of the element type, -1
// when it is no tensor.
func (v *graphValue) readType(w *wire) (element int64, err error) {
	element = -1
	err = fields(w, func(n int, w *wire) error {
		if n != typeTensor {
			return nil
		}
		return fields(w, func(n int, w *wire) error {
			switch n {
			case tensorElement:
				element = w.number
			case tensorShape:
				return v.readShape(w)
			}
			return nil
		})
	})
	return element, err
}

func (v *graphValue) readShape(w *wire) error {
	v.Shape, v.symbols = []int64{}, nil
	return fields(w, func(n int, w *wire) error {
		if n != shapeDimension {
			return nil
		}
		if len(v.Shape) == maxRank {
			return fmt.Errorf("more than %d dimensions", maxRank)
		}
		size, symbol := int64(-1), ""
		err := fields(w, func(n int, w *wire) (err error) {
			switch n {
			case dimensionNumber:
				size = max(w.number, -1)
			case dimensionSymbol:
				symbol, err = w.text()
			}
			return err
		})
		v.Shape, v.symbols = append(v.Shape, size), append(v.symbols, symbol)
		return err
	})
}

// elementType translates ONNX's numbers for element types.
func elementType(n int64) (tensor.Type, bool) {
	switch n {
	case 1:
		return tensor.Float32, true
	case 6:
		return tensor.Int32, true
	case 7:
		return tensor.Int64, true
	case 9:
		return tensor.Bool, true
	case 10:
		return tensor.Float16, true
	}
	return 0, false
}

// wire is one field of a protocol buffer: a number, or the bytes from at to end.
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
			at += n
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
