package onnxfile

import "fmt"

// parseModel reads the nodes and constants of a ModelProto's graph. Their names
// are the file's.
func parseModel(data []byte) (*Graph, error) {
	g := NewGraph("")
	found := false
	err := fields(data, func(number uint64, value []byte, _ uint64) error {
		if number != 7 || value == nil {
			return nil
		}
		found = true
		return g.parse(value)
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: it holds no graph", ErrFormat)
	}
	return g, err
}

// parse reads a GraphProto.
func (g *Graph) parse(data []byte) error {
	return fields(data, func(number uint64, value []byte, _ uint64) error {
		switch number {
		case 1:
			n, err := parseNode(value)
			g.nodes = append(g.nodes, n)
			return err
		case 5:
			t, err := parseTensor(value)
			g.constants = append(g.constants, t)
			return err
		}
		return nil
	})
}

// parseNode reads a NodeProto. Attributes keep their encoding.
func parseNode(data []byte) (n node, err error) {
	err = fields(data, func(number uint64, value []byte, _ uint64) error {
		switch number {
		case 1:
			n.in = append(n.in, string(value))
		case 2:
			n.out = append(n.out, string(value))
		case 4:
			n.op = string(value)
		case 5:
			a, err := parseAttr(value)
			n.attributes = append(n.attributes, a)
			return err
		case 7:
			if len(value) > 0 {
				return fmt.Errorf("operators of domain %q are not read", value)
			}
		}
		return nil
	})
	return n, err
}

// parseAttr reads an AttributeProto as far as its name.
func parseAttr(data []byte) (a Attr, err error) {
	err = fields(data, func(number uint64, value []byte, n uint64) error {
		switch {
		case number == 1:
			a.name = string(value)
		case number == 6, number == 11:
			return fmt.Errorf("a graph inside a graph is not read")
		case number == 2:
			a.body.tag(number, wireFixed32)
			a.body = append(a.body, value...)
		case number == 7 && len(value) == 4: // a list of floats that is not packed
			a.body.tag(number, wireFixed32)
			a.body = append(a.body, value...)
		case value == nil:
			a.body.integer(number, int64(n))
		default:
			a.body.sub(number, value)
		}
		return nil
	})
	return a, err
}

// parseTensor reads a TensorProto that is stored raw.
func parseTensor(data []byte) (t tensor, err error) {
	err = fields(data, func(number uint64, value []byte, n uint64) (err error) {
		switch number {
		case 1:
			if value == nil {
				t.shape = append(t.shape, int64(n))
			} else {
				t.shape, err = appendPacked(t.shape, value)
			}
		case 2:
			t.typ = DataType(n)
		case 8:
			t.name = string(value)
		case 9:
			t.raw = value
		case 13:
			t.location = "external"
		}
		return err
	})
	return t, err
}
