package onnxfile

import (
	"encoding/binary"
	"maps"
	"slices"
)

// The versions that every file here declares. ONNX Runtime 1.24 reads them,
// and so do all releases since 1.12.
const (
	irVersion    = 8
	opsetVersion = 17
)

// Attr is an attribute of a node.
type Attr struct {
	name string
	body message
}

// Attribute types, numbered as AttributeProto.AttributeType numbers them.
const (
	attrInt    = 2
	attrString = 3
	attrGraph  = 5
	attrInts   = 7
)

// IntAttr returns an integer attribute.
func IntAttr(name string, v int64) Attr {
	var m message
	m.integer(3, v)
	m.integer(20, attrInt)
	return Attr{name, m}
}

// IntsAttr returns an attribute that is a list of integers.
func IntsAttr(name string, v ...int64) Attr {
	var m message
	for _, x := range v {
		m.integer(8, x)
	}
	m.integer(20, attrInts)
	return Attr{name, m}
}

// StringAttr returns a string attribute.
func StringAttr(name, v string) Attr {
	var m message
	m.text(4, v)
	m.integer(20, attrString)
	return Attr{name, m}
}

// BranchAttr returns an attribute that is a graph without inputs, such as the
// then_branch of an If.
func BranchAttr(name string, g *Graph) Attr {
	var m message
	m.sub(6, g.encode())
	m.integer(20, attrGraph)
	return Attr{name, m}
}

// Marshal returns the file's bytes: a ModelProto with the graph and, in the
// order of the keys, the metadata.
func (g *Graph) Marshal(metadata map[string]string) []byte {
	var opset message
	opset.text(1, "")
	opset.integer(2, opsetVersion)

	var m message
	m.integer(1, irVersion)
	m.text(2, "uredit")
	m.sub(7, g.encode())
	m.sub(8, opset)
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		m.sub(14, entry(key, metadata[key]))
	}
	return m
}

// encode returns the GraphProto.
func (g *Graph) encode() message {
	var m message
	for _, n := range g.nodes {
		m.sub(1, n.encode())
	}
	m.text(2, g.name)
	for _, t := range g.constants {
		m.sub(5, t.encode())
	}
	for _, v := range g.inputs {
		m.sub(11, v.encode())
	}
	for _, v := range g.outputs {
		m.sub(12, v.encode())
	}
	return m
}

// encode returns the NodeProto.
func (n node) encode() message {
	var m message
	for _, name := range n.in {
		m.text(1, name)
	}
	for _, name := range n.out {
		m.text(2, name)
	}
	m.text(4, n.op)
	for _, a := range n.attributes {
		var field message
		field.text(1, a.name)
		m.sub(5, append(field, a.body...))
	}
	return m
}

// encode returns the TensorProto.
func (t tensor) encode() message {
	var m message
	for _, d := range t.shape {
		m.integer(1, d)
	}
	m.integer(2, int64(t.typ))
	m.text(8, t.name)
	if t.location == "" {
		m.sub(9, t.raw)
		return m
	}
	m.sub(13, entry("location", t.location))
	m.integer(14, 1) // EXTERNAL
	return m
}

// encode returns the ValueInfoProto.
func (v value) encode() message {
	var shape message
	for _, d := range v.shape {
		var dim message
		if d.symbol != "" {
			dim.text(2, d.symbol)
		} else {
			dim.integer(1, d.size)
		}
		shape.sub(1, dim)
	}
	var tensorType, typ, m message
	tensorType.integer(1, int64(v.typ))
	tensorType.sub(2, shape)
	typ.sub(1, tensorType)
	m.text(1, v.name)
	m.sub(2, typ)
	return m
}

func entry(key, value string) message {
	var m message
	m.text(1, key)
	m.text(2, value)
	return m
}

// message is a protocol buffer message as it is built, field by field.
type message []byte

// Wire types of protocol buffers.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

func (m *message) tag(field, wire uint64) {
	*m = binary.AppendUvarint(*m, field<<3|wire)
}

func (m *message) integer(field uint64, v int64) {
	m.tag(field, wireVarint)
	*m = binary.AppendUvarint(*m, uint64(v))
}

func (m *message) text(field uint64, s string) { m.sub(field, message(s)) }

func (m *message) sub(field uint64, body message) {
	m.tag(field, wireBytes)
	*m = binary.AppendUvarint(*m, uint64(len(body)))
	*m = append(*m, body...)
}
