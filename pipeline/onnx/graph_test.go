package onnx

import (
	"os"
	"path/filepath"
	"testing"
)

// The tests write their graphs themselves, as protocol buffers, so that each
// graph is read where it is used.

// message is an encoded protocol buffer.
type message []byte

func varint(b message, n uint64) message {
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

// number appends a varint field.
func (m message) number(field int, n int64) message {
	return varint(varint(m, uint64(field)<<3), uint64(n))
}

// bytes appends a length-delimited field.
func (m message) bytes(field int, b []byte) message {
	return append(varint(varint(m, uint64(field)<<3|2), uint64(len(b))), b...)
}

func (m message) text(field int, s string) message { return m.bytes(field, []byte(s)) }

const (
	float32Type = 1
	int32Type   = 6
	int64Type   = 7
	boolType    = 9
	float16Type = 10
)

// dim is a size, or a name where the graph leaves it open.
type dim any

// describeValue encodes a ValueInfoProto; without dims it is a scalar.
func describeValue(name string, element int64, dims ...dim) []byte {
	shape := message{}
	for _, d := range dims {
		switch d := d.(type) {
		case int:
			shape = shape.bytes(1, message{}.number(1, int64(d)))
		case string:
			shape = shape.bytes(1, message{}.text(2, d))
		}
	}
	tensorType := message{}.number(1, element).bytes(2, shape)
	return message{}.text(1, name).bytes(2, message{}.bytes(1, tensorType))
}

// node encodes a NodeProto.
func node(op string, in, out []string, attributes ...[]byte) []byte {
	m := message{}
	for _, s := range in {
		m = m.text(1, s)
	}
	for _, s := range out {
		m = m.text(2, s)
	}
	m = m.text(4, op)
	for _, a := range attributes {
		m = m.bytes(5, a)
	}
	return m
}

func intAttribute(name string, n int64) []byte {
	return message{}.text(1, name).number(3, n).number(20, 2)
}

func graphAttribute(name string, g []byte) []byte {
	return message{}.text(1, name).bytes(6, g).number(20, 5)
}

// int64Constant encodes an initializer with one element; a scalar without dims.
func int64Constant(name string, n int64, dims ...int64) []byte {
	m := message{}
	for _, d := range dims {
		m = m.number(1, d)
	}
	return m.number(2, int64Type).bytes(7, varint(nil, uint64(n))).text(8, name)
}

func boolConstant(name string) []byte {
	return message{}.number(2, boolType).number(5, 1).text(8, name)
}

type graph struct {
	nodes, constants, inputs, outputs [][]byte
}

func (g graph) encode() []byte {
	m := message{}
	for _, n := range g.nodes {
		m = m.bytes(1, n)
	}
	m = m.text(2, "test")
	for _, c := range g.constants {
		m = m.bytes(5, c)
	}
	for _, v := range g.inputs {
		m = m.bytes(11, v)
	}
	for _, v := range g.outputs {
		m = m.bytes(12, v)
	}
	return m
}

// model encodes a ModelProto around the graph.
func (g graph) model() []byte {
	return message{}.number(1, 8).bytes(7, g.encode()).bytes(8, message{}.number(2, 17))
}

// save writes the graph's model to a file of the test.
func (g graph) save(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, g.model(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// addition is z = x + y.
func addition(element int64, dims ...dim) graph {
	return graph{
		nodes: [][]byte{node("Add", []string{"x", "y"}, []string{"z"})},
		inputs: [][]byte{
			describeValue("x", element, dims...),
			describeValue("y", element, dims...),
		},
		outputs: [][]byte{describeValue("z", element, dims...)},
	}
}

// endless multiplies a matrix by itself n times in a loop: minutes for a large n.
func endless() graph {
	body := graph{
		nodes: [][]byte{
			node("MatMul", []string{"m", "m"}, []string{"square"}),
			node("Identity", []string{"more"}, []string{"more_out"}),
		},
		inputs: [][]byte{
			describeValue("i", int64Type), describeValue("more", boolType), describeValue("m", float32Type, "n", "n"),
		},
		outputs: [][]byte{describeValue("more_out", boolType), describeValue("square", float32Type, "n", "n")},
	}
	return graph{
		nodes: [][]byte{
			node("Loop", []string{"count", "always", "x"}, []string{"y"}, graphAttribute("body", body.encode())),
		},
		constants: [][]byte{boolConstant("always")},
		inputs:    [][]byte{describeValue("count", int64Type), describeValue("x", float32Type, "n", "n")},
		outputs:   [][]byte{describeValue("y", float32Type, "n", "n")},
	}
}
