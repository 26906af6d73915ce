package onnx

import (
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

	// Where the name and the number of the element type begin in the file.
	nameAt, elementAt int64
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
			v.nameAt = w.at
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
				element, v.elementAt = w.number, w.at
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
