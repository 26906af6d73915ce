// Package tflite reads networks in TensorFlow Lite's format and writes them as
// part of an ONNX graph in float32, 8-bit weights and all. It knows the
// operators of convolutional detectors and refuses others by name.
package tflite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrFormat says that data is no TensorFlow Lite model.
var ErrFormat = errors.New("not a TensorFlow Lite model")

// model is the first subgraph of a file.
type model struct {
	tensors   []tensor
	operators []operator
	inputs    []int // tensors
	outputs   []int
}

// Element types, numbered as the format's TensorType numbers them.
const (
	typeFloat32 = 0
	typeInt32   = 2
	typeUint8   = 3
	typeInt8    = 9
)

type tensor struct {
	name      string
	shape     []int
	typ       int
	data      []byte // nil for what is computed
	scale     []float32
	zero      []int64
	dimension int // along which scale and zero go
}

type operator struct {
	code    int
	in, out []int // tensors; -1 for an input that is left out
	options table // the zero table where there are none
}

// parse reads a model. Offsets that lead out of it panic with errCut.
func parse(data []byte) (*model, error) {
	if len(data) < 8 || string(data[4:8]) != "TFL3" {
		return nil, ErrFormat
	}
	root := table{data, 0}
	root.at = root.i32(0)
	graphs, buffers := root.tables(2), root.tables(4)
	if len(graphs) != 1 {
		return nil, fmt.Errorf("%d subgraphs, want 1", len(graphs))
	}
	m := &model{inputs: graphs[0].ints(1), outputs: graphs[0].ints(2)}
	for _, t := range graphs[0].tables(0) {
		m.tensors = append(m.tensors, parseTensor(t, buffers))
	}
	codes := root.tables(1)
	for _, o := range graphs[0].tables(3) {
		code := o.intAt(0, 0)
		if code < 0 || code >= len(codes) {
			return nil, errCut
		}
		op := operator{code: max(codes[code].byteAt(0), codes[code].intAt(3, 0)), in: o.ints(1), out: o.ints(2)}
		op.options, _ = o.tableAt(4)
		m.operators = append(m.operators, op)
	}
	return m, m.check()
}

func parseTensor(t table, buffers []table) tensor {
	out := tensor{name: string(t.raw(3)), shape: t.ints(0), typ: t.byteAt(1)}
	if b := t.intAt(2, 0); b > 0 && b < len(buffers) {
		if data := buffers[b].raw(0); len(data) > 0 {
			out.data = data
		}
	}
	q, ok := t.tableAt(4)
	if !ok {
		return out
	}
	for _, bits := range q.ints(2) {
		out.scale = append(out.scale, math.Float32frombits(uint32(bits)))
	}
	out.zero, out.dimension = q.longs(3), q.intAt(6, 0)
	return out
}

// maxElements bounds a tensor.
const maxElements = 1 << 28

// check refuses references to tensors that are not there and shapes that are
// open or too large.
func (m *model) check() error {
	lists := [][]int{m.inputs, m.outputs}
	for _, o := range m.operators {
		lists = append(lists, o.out)
		for _, i := range o.in {
			if i != -1 {
				lists = append(lists, []int{i})
			}
		}
	}
	for _, list := range lists {
		for _, i := range list {
			if i < 0 || i >= len(m.tensors) {
				return fmt.Errorf("%w: there is no tensor %d", ErrFormat, i)
			}
		}
	}
	for _, t := range m.tensors {
		n := 1
		for _, d := range t.shape {
			if d < 0 || d > 0 && n > maxElements/d {
				return fmt.Errorf("tensor %q has shape %v", t.name, t.shape)
			}
			n *= max(d, 1) // an empty one must not be wide either
		}
	}
	return nil
}

// elements returns the number of a tensor's elements.
func (t tensor) elements() int {
	n := 1
	for _, d := range t.shape {
		n *= d
	}
	return n
}

// floats returns a constant's values, quantised ones as what they stand for.
func (t tensor) floats() ([]float32, error) {
	n := t.elements()
	var at func(i int) float32
	size := 1
	switch t.typ {
	case typeFloat32:
		size, at = 4, func(i int) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(t.data[4*i:])) }
	case typeInt32:
		size, at = 4, func(i int) float32 { return float32(int32(binary.LittleEndian.Uint32(t.data[4*i:]))) }
	case typeInt8:
		at = func(i int) float32 { return float32(int8(t.data[i])) }
	case typeUint8:
		at = func(i int) float32 { return float32(t.data[i]) }
	default:
		return nil, fmt.Errorf("tensor %q has element type %d", t.name, t.typ)
	}
	if len(t.data) != n*size {
		return nil, fmt.Errorf("tensor %q has %d bytes for shape %v", t.name, len(t.data), t.shape)
	}
	channel, err := t.channels()
	if err != nil {
		return nil, err
	}
	list := make([]float32, n)
	for i := range list {
		list[i] = at(i)
		if len(t.scale) > 0 {
			c := channel(i)
			list[i] = t.scale[c] * (list[i] - float32(t.zero[c]))
		}
	}
	return list, nil
}

// channels returns which scale an element has.
func (t tensor) channels() (func(i int) int, error) {
	if len(t.scale) < 2 {
		if len(t.scale) != len(t.zero) {
			return nil, fmt.Errorf("tensor %q has a scale and no zero point", t.name)
		}
		return func(int) int { return 0 }, nil
	}
	if t.dimension < 0 || t.dimension >= len(t.shape) || t.shape[t.dimension] != len(t.scale) || len(t.zero) != len(t.scale) {
		return nil, fmt.Errorf("tensor %q has %d scales for shape %v", t.name, len(t.scale), t.shape)
	}
	stride := 1
	for _, d := range t.shape[t.dimension+1:] {
		stride *= d
	}
	return func(i int) int { return i / stride % len(t.scale) }, nil
}
