package onnxfile

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Splice appends the nodes and constants of the ONNX file data to g, as far as
// the wanted outputs need them, and returns those outputs' new names in the
// order of wanted. inputs gives the value of g for each input of the file; the
// names of all other edges get the prefix, which no other Splice into g may
// have. Metadata and the shapes that the file declares are left behind.
//
// The file may be of any opset whose operators mean the same in ours; the axes
// of Unsqueeze, an attribute before opset 13, become an input. A file that is
// not ONNX gives ErrFormat. Custom operators, graphs inside graphs, constants
// that are not stored raw and inputs that nobody feeds are errors as well.
func (g *Graph) Splice(data []byte, prefix string, inputs map[string]string, wanted ...string) ([]string, error) {
	file, err := parseModel(data)
	if err != nil {
		return nil, fmt.Errorf("splice %s: %w", prefix, err)
	}
	s := splicer{graph: g, prefix: prefix, inputs: inputs, constants: map[string]tensor{}, known: map[string]string{}}
	for _, c := range file.constants {
		s.constants[c.name] = c
	}
	needed, err := file.needed(wanted)
	if err != nil {
		return nil, fmt.Errorf("splice %s: %w", prefix, err)
	}
	for _, n := range needed {
		if err := s.node(n); err != nil {
			return nil, fmt.Errorf("splice %s: operator %s that makes %q: %w", prefix, n.op, n.out, err)
		}
	}
	var out []string
	for _, name := range wanted {
		v, err := s.value(name)
		if err != nil {
			return nil, fmt.Errorf("splice %s: %w", prefix, err)
		}
		out = append(out, v)
	}
	return out, nil
}

// splicer carries one file's graph over into another graph.
type splicer struct {
	graph     *Graph
	prefix    string
	inputs    map[string]string
	constants map[string]tensor
	known     map[string]string // name in the file → name in graph
}

// value returns the new name of an edge that was made already.
func (s *splicer) value(name string) (string, error) {
	if v, ok := s.known[name]; ok || name == "" {
		return v, nil
	}
	if v, ok := s.inputs[name]; ok {
		return v, nil
	}
	c, ok := s.constants[name]
	if !ok {
		return "", fmt.Errorf("nothing gives %q", name)
	}
	if c.location != "" {
		return "", fmt.Errorf("constant %q lies in another file", name)
	}
	size := c.typ.size()
	if size == 0 {
		return "", fmt.Errorf("constant %q has element %v", name, c.typ)
	}
	n := len(c.raw) / size
	if want := product(c.shape); want != int64(n) || slices.ContainsFunc(c.shape, func(d int64) bool { return d < 0 }) {
		return "", fmt.Errorf("constant %q has %d raw values for shape %v", name, n, c.shape)
	}
	s.known[name] = s.graph.constant(c.typ, c.shape, n, c.raw)
	return s.known[name], nil
}

func (s *splicer) node(n node) error {
	n.in, n.out = slices.Clone(n.in), slices.Clone(n.out)
	for i, name := range n.in {
		v, err := s.value(name)
		if err != nil {
			return err
		}
		n.in[i] = v
	}
	for i, name := range n.out {
		if _, twice := s.known[name]; twice {
			return fmt.Errorf("%q is made twice", name)
		}
		if name != "" {
			n.out[i] = s.prefix + name
			s.graph.claim(n.out[i])
			s.known[name] = n.out[i]
		}
	}
	if n.op == "Unsqueeze" && len(n.in) == 1 {
		axes, err := axesOf(n.attributes)
		if err != nil {
			return err
		}
		n.attributes, n.in = nil, append(n.in, s.graph.Ints(axes...))
	}
	s.graph.nodes = append(s.graph.nodes, n)
	return nil
}

// axesOf returns the integers of the attribute axes.
func axesOf(attributes []Attr) (axes []int64, err error) {
	for _, a := range attributes {
		if a.name != "axes" {
			continue
		}
		err = fields(a.body, func(number uint64, value []byte, n uint64) error {
			if number != 8 {
				return nil
			}
			if value == nil {
				axes = append(axes, int64(n))
				return nil
			}
			axes, err = appendPacked(axes, value)
			return err
		})
	}
	return axes, err
}

// needed returns the nodes that the wanted edges depend on, in their order.
func (g *Graph) needed(wanted []string) ([]node, error) {
	open := map[string]bool{}
	for _, name := range wanted {
		open[name] = true
	}
	var nodes []node
	for _, n := range slices.Backward(g.nodes) {
		if !slices.ContainsFunc(n.out, func(name string) bool { return name != "" && open[name] }) {
			continue
		}
		for _, name := range n.in {
			open[name] = true
		}
		nodes = append(nodes, n)
	}
	if len(nodes) == 0 {
		return nil, fmt.Errorf("no operator makes %q", wanted)
	}
	slices.Reverse(nodes)
	return nodes, nil
}

// size returns the bytes of one element, 0 for a type that is not known.
func (t DataType) size() int {
	switch t {
	case Uint8, Bool:
		return 1
	case Float16:
		return 2
	case Float32, Int32:
		return 4
	case Int64:
		return 8
	}
	return 0
}

func product(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	return n
}

// fields calls visit for each field of a message: value is nil and n the number
// for a varint; fixed-size fields give their bytes.
func fields(m []byte, visit func(number uint64, value []byte, n uint64) error) error {
	for len(m) > 0 {
		tag, size := binary.Uvarint(m)
		if size <= 0 {
			return fmt.Errorf("%w: a field without a tag", ErrFormat)
		}
		m = m[size:]
		var value []byte
		n, length := uint64(0), 0
		switch tag & 7 {
		case wireVarint:
			if n, length = binary.Uvarint(m); length <= 0 {
				return fmt.Errorf("%w: field %d is cut off", ErrFormat, tag>>3)
			}
		case wireFixed64, wireFixed32:
			if length = 8; tag&7 == wireFixed32 {
				length = 4
			}
			if length > len(m) {
				return fmt.Errorf("%w: field %d is cut off", ErrFormat, tag>>3)
			}
			value = m[:length]
		case wireBytes:
			bytes, head := binary.Uvarint(m)
			if head <= 0 || bytes > uint64(len(m)-head) {
				return fmt.Errorf("%w: field %d is cut off", ErrFormat, tag>>3)
			}
			length = head + int(bytes)
			value = m[head:length:length]
		default:
			return fmt.Errorf("%w: field %d has wire type %d", ErrFormat, tag>>3, tag&7)
		}
		if err := visit(tag>>3, value, n); err != nil {
			return err
		}
		m = m[length:]
	}
	return nil
}

// appendPacked appends the varints of a packed field.
func appendPacked(list []int64, packed []byte) ([]int64, error) {
	for len(packed) > 0 {
		n, size := binary.Uvarint(packed)
		if size <= 0 {
			return nil, fmt.Errorf("%w: a list is cut off", ErrFormat)
		}
		list, packed = append(list, int64(n)), packed[size:]
	}
	return list, nil
}
