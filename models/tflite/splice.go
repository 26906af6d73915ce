package tflite

import (
	"fmt"

	"uredit/models/onnxfile"
)

// Operators, numbered as the format's BuiltinOperator numbers them.
const (
	opAdd           = 0
	opAveragePool   = 1
	opConcatenation = 2
	opConv          = 3
	opDepthwise     = 4
	opDequantize    = 6
	opLogistic      = 14
	opMaxPool       = 17
	opReshape       = 22
	opResizeLinear  = 23
	opResizeNearest = 97
	opQuantize      = 114
)

// Splice appends the network in data to g and returns the values of its
// outputs, in the network's order and shapes. input is the value that the
// network's one input stands for: a picture [1,channels,rows,columns] where the
// network has [1,rows,columns,channels], in the numbers that 8-bit samples mean
// there; where the network's end is a picture, so is the output's. Several
// pictures may come at once as long as the network reshapes none. Weights are
// written as float32 and sums are exact, where the network
// itself would round each to 8 bits.
//
// Data that is no model gives ErrFormat; operators, element types and options
// that are not known are errors that name them.
func Splice(g *onnxfile.Graph, data []byte, input string) (outputs []string, err error) {
	defer func() {
		switch r := recover(); r {
		case nil:
		case errCut:
			outputs, err = nil, errCut
		default:
			panic(r)
		}
	}()
	m, err := parse(data)
	if err != nil {
		return nil, err
	}
	if len(m.inputs) != 1 {
		return nil, fmt.Errorf("the network has %d inputs, want 1", len(m.inputs))
	}
	s := splicer{Graph: g, model: m, values: map[int]string{m.inputs[0]: input}}
	for i, o := range m.operators {
		if err := s.operator(o); err != nil {
			return nil, fmt.Errorf("operator %d: %w", i, err)
		}
	}
	for _, t := range m.outputs {
		v, err := s.value(t)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, v)
	}
	return outputs, nil
}

// splicer writes one network. Pictures are kept with their channels first.
type splicer struct {
	*onnxfile.Graph
	model  *model
	values map[int]string // of computed tensors
}

func (s *splicer) value(t int) (string, error) {
	v, ok := s.values[t]
	if !ok {
		return "", fmt.Errorf("nothing computes tensor %q", s.model.tensors[t].name)
	}
	return v, nil
}

func (s *splicer) operator(o operator) error {
	if len(o.in) == 0 || len(o.out) != 1 || o.in[0] < 0 {
		return fmt.Errorf("code %d has %d inputs and %d outputs", o.code, len(o.in), len(o.out))
	}
	x, err := s.value(o.in[0])
	if err != nil {
		return err
	}
	switch o.code {
	case opQuantize, opDequantize:
	case opLogistic:
		x = s.Op("Sigmoid", x)
	case opAdd:
		x, err = s.add(o, x)
	case opConv, opDepthwise:
		x, err = s.convolution(o, x)
	case opMaxPool:
		x, err = s.pool("MaxPool", o, x)
	case opAveragePool:
		x, err = s.pool("AveragePool", o, x) // neither counts what lies outside
	case opResizeNearest, opResizeLinear:
		x, err = s.resize(o, x)
	case opReshape:
		x, err = s.reshape(o, x)
	case opConcatenation:
		x, err = s.concatenation(o)
	default:
		err = fmt.Errorf("code %d is not known", o.code)
	}
	s.values[o.out[0]] = x
	return err
}

func (s *splicer) add(o operator, x string) (string, error) {
	if len(o.in) != 2 || o.in[1] < 0 {
		return "", fmt.Errorf("addition of %d tensors", len(o.in))
	}
	y, err := s.value(o.in[1])
	if err != nil {
		return "", err
	}
	return s.activation(s.Op("Add", x, y), s.option(o, 0))
}

// option returns a byte of an operator's options.
func (s *splicer) option(o operator, number int) int {
	if o.options.file == nil {
		return 0
	}
	return o.options.byteAt(number)
}

// number returns an integer of an operator's options.
func (s *splicer) number(o operator, number, missing int) int {
	if o.options.file == nil {
		return missing
	}
	return o.options.intAt(number, missing)
}

// activation applies what is fused to an operator.
func (s *splicer) activation(x string, kind int) (string, error) {
	switch kind {
	case 0:
		return x, nil
	case 1:
		return s.Op("Relu", x), nil
	case 3:
		return s.Op("Clip", x, s.Float(0), s.Float(6)), nil
	}
	return "", fmt.Errorf("activation %d is not known", kind)
}

// resize stretches a picture to the shape of the output.
func (s *splicer) resize(o operator, x string) (string, error) {
	first := 2 // after two numbers that are no longer used
	attributes := []onnxfile.Attr{onnxfile.StringAttr("mode", "linear")}
	if o.code == opResizeNearest {
		first = 0
	}
	corners, centres := s.option(o, first) != 0, s.option(o, first+1) != 0
	if o.code == opResizeNearest {
		if corners {
			return "", fmt.Errorf("resizing to the nearest sample with aligned corners is not known")
		}
		attributes = []onnxfile.Attr{onnxfile.StringAttr("mode", "nearest"), onnxfile.StringAttr("nearest_mode", "floor")}
	}
	coordinates := "asymmetric"
	switch {
	case corners:
		coordinates = "align_corners"
	case centres:
		coordinates = "half_pixel"
	}
	shape := s.model.tensors[o.out[0]].shape
	if len(shape) != 4 {
		return "", fmt.Errorf("resizing to %v", shape)
	}
	kept := s.Op("Slice", s.Op("Shape", x), s.Ints(0), s.Ints(2), s.Ints(0)) // pictures and channels
	sizes := s.OpAttr("Concat", []onnxfile.Attr{onnxfile.IntAttr("axis", 0)}, kept, s.Ints(int64(shape[1]), int64(shape[2])))
	attributes = append(attributes, onnxfile.StringAttr("coordinate_transformation_mode", coordinates))
	return s.OpAttr("Resize", attributes, x, "", "", sizes), nil
}

// reshape takes a picture's samples in the network's order, channels last.
func (s *splicer) reshape(o operator, x string) (string, error) {
	from, to := s.model.tensors[o.in[0]].shape, s.model.tensors[o.out[0]].shape
	if len(to) == 4 {
		return "", fmt.Errorf("reshaping %v to %v is not known", from, to)
	}
	if len(from) == 4 {
		x = s.OpAttr("Transpose", []onnxfile.Attr{onnxfile.IntsAttr("perm", 0, 2, 3, 1)}, x)
	}
	var shape []int64
	for _, d := range to {
		shape = append(shape, int64(d))
	}
	return s.Op("Reshape", x, s.Ints(shape...)), nil
}

func (s *splicer) concatenation(o operator) (string, error) {
	var in []string
	for _, t := range o.in {
		if t < 0 {
			return "", fmt.Errorf("a tensor to join is left out")
		}
		v, err := s.value(t)
		if err != nil {
			return "", err
		}
		in = append(in, v)
	}
	axis, rank := s.number(o, 0, 0), len(s.model.tensors[o.out[0]].shape)
	if axis < 0 {
		axis += rank
	}
	if rank == 4 {
		axis = []int{0, 2, 3, 1}[axis&3]
	}
	x := s.OpAttr("Concat", []onnxfile.Attr{onnxfile.IntAttr("axis", int64(axis))}, in...)
	return s.activation(x, s.option(o, 1))
}
