// Package onnxfile writes small ONNX graphs, and finds the side files that a
// graph names. The same calls give the same bytes on every machine.
//
//	g := onnxfile.NewGraph("double")
//	x := g.Input("x", onnxfile.Float32, "1 3 h w")
//	g.Output("y", onnxfile.Float32, "1 3 h w", g.Op("Add", x, x))
//	os.WriteFile("double.onnx", g.Marshal(nil), 0o644)
//
// Values are strings: the names that ONNX gives to the edges of a graph. A
// shape is written as words, a number for a fixed dimension and a name for an
// open one ("1 3 h w"); the empty string is a scalar. The operators are those
// of opset 17 and are not checked here: the runtime that loads the file does.
//
// A graph is written out in the source of its program, so a mistake in a call
// (a constant whose shape does not hold its values, a name used twice) is a
// programming error and panics.
package onnxfile

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// DataType is an element type, numbered as TensorProto.DataType numbers them.
type DataType int32

// The element types that graphs here use.
const (
	Float32 DataType = 1
	Uint8   DataType = 2
	Int32   DataType = 6
	Int64   DataType = 7
	Bool    DataType = 9
	Float16 DataType = 10
)

// Graph collects the nodes of one graph in the order of their calls, which
// must be an order of evaluation.
type Graph struct {
	name      string
	prefix    string // of the names that the graph gives by itself
	nodes     []node
	constants []tensor
	inputs    []value
	outputs   []value
	names     map[string]bool
	byContent map[string]string // constant's encoding → its name
}

type node struct {
	op         string
	in, out    []string
	attributes []Attr
}

type value struct {
	name  string
	typ   DataType
	shape []dimension
}

type dimension struct {
	size   int64
	symbol string // when not empty, the dimension is open
}

type tensor struct {
	name     string
	typ      DataType
	shape    []int64
	raw      []byte // little endian
	location string // when not empty, the data is in this file instead
}

// NewGraph returns an empty graph.
func NewGraph(name string) *Graph {
	return &Graph{name: name, names: map[string]bool{}, byContent: map[string]string{}}
}

// NewBranch returns an empty graph for an attribute of a node, as BranchAttr
// takes it. Its nodes may use every value that stands before that node in the
// graph around it, so the names that the branch gives begin with its own, which
// must be no beginning of another's.
func NewBranch(name string) *Graph {
	g := NewGraph(name)
	g.prefix = name + "."
	return g
}

// Input declares an input and returns its name.
func (g *Graph) Input(name string, t DataType, shape string) string {
	g.claim(name)
	g.inputs = append(g.inputs, value{name, t, parseShape(shape)})
	return name
}

// Output declares an output that carries the value v.
func (g *Graph) Output(name string, t DataType, shape, v string) {
	g.claim(name)
	g.nodes = append(g.nodes, node{op: "Identity", in: []string{v}, out: []string{name}})
	g.outputs = append(g.outputs, value{name, t, parseShape(shape)})
}

// Op appends a node with one output and no attributes, and returns the output.
// An empty name leaves an optional input out.
func (g *Graph) Op(op string, in ...string) string { return g.OpAttr(op, nil, in...) }

// OpAttr is Op with attributes.
func (g *Graph) OpAttr(op string, attributes []Attr, in ...string) string {
	return g.OpN(op, 1, attributes, in...)[0]
}

// OpN is OpAttr for a node with n outputs.
func (g *Graph) OpN(op string, n int, attributes []Attr, in ...string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%sv%d_%d", g.prefix, len(g.nodes), i)
	}
	g.nodes = append(g.nodes, node{op: op, in: in, out: out, attributes: attributes})
	return out
}

// Float returns a constant scalar.
func (g *Graph) Float(v float32) string { return g.Floats(nil, v) }

// Floats returns a constant of the given shape; equal constants are stored
// once.
func (g *Graph) Floats(shape []int64, v ...float32) string {
	raw := make([]byte, 0, 4*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return g.constant(Float32, shape, len(v), raw)
}

// Ints returns a constant vector of int64, as operators take axes and shapes.
func (g *Graph) Ints(v ...int64) string {
	return g.Int64s([]int64{int64(len(v))}, v...)
}

// Int64s returns a constant of the given shape.
func (g *Graph) Int64s(shape []int64, v ...int64) string {
	raw := make([]byte, 0, 8*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
	}
	return g.constant(Int64, shape, len(v), raw)
}

// Bytes returns a constant of unsigned bytes.
func (g *Graph) Bytes(shape []int64, v ...byte) string {
	return g.constant(Uint8, shape, len(v), v)
}

// External returns a float constant whose data lies in another file, named
// relative to the graph's. The file is the caller's to write.
func (g *Graph) External(shape []int64, location string) string {
	name := fmt.Sprintf("%sc%d", g.prefix, len(g.constants))
	g.claim(name)
	g.constants = append(g.constants, tensor{name: name, typ: Float32, shape: shape, location: location})
	return name
}

func (g *Graph) constant(t DataType, shape []int64, n int, raw []byte) string {
	size := int64(1)
	for _, d := range shape {
		size *= d
	}
	if size != int64(n) {
		panic(fmt.Sprintf("onnxfile: graph %s: %d values for shape %v", g.name, n, shape))
	}
	key := fmt.Sprint(t, shape) + string(raw)
	if name, ok := g.byContent[key]; ok {
		return name
	}
	name := fmt.Sprintf("%sc%d", g.prefix, len(g.constants))
	g.claim(name)
	g.byContent[key] = name
	g.constants = append(g.constants, tensor{name: name, typ: t, shape: shape, raw: raw})
	return name
}

func (g *Graph) claim(name string) {
	if g.names[name] {
		panic(fmt.Sprintf("onnxfile: graph %s: name %s used twice", g.name, name))
	}
	g.names[name] = true
}

func parseShape(s string) []dimension {
	var shape []dimension
	for _, word := range strings.Fields(s) {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			shape = append(shape, dimension{symbol: word})
			continue
		}
		shape = append(shape, dimension{size: n})
	}
	return shape
}

// Signature describes the graph's inputs and outputs by name, such as
// "float32 [1,3,h,w]".
func (g *Graph) Signature() (inputs, outputs map[string]string) {
	return describe(g.inputs), describe(g.outputs)
}

func describe(values []value) map[string]string {
	all := map[string]string{}
	for _, v := range values {
		var words []string
		for _, d := range v.shape {
			if d.symbol != "" {
				words = append(words, d.symbol)
				continue
			}
			words = append(words, strconv.FormatInt(d.size, 10))
		}
		all[v.name] = v.typ.String() + " [" + strings.Join(words, ",") + "]"
	}
	return all
}

// String returns the type's name as NumPy spells it.
func (t DataType) String() string {
	switch t {
	case Float32:
		return "float32"
	case Uint8:
		return "uint8"
	case Int32:
		return "int32"
	case Int64:
		return "int64"
	case Bool:
		return "bool"
	case Float16:
		return "float16"
	}
	return "type " + strconv.Itoa(int(t))
}
