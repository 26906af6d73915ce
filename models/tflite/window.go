package tflite

import (
	"fmt"

	"uredit/models/onnxfile"
)

// window is how an operator moves over a picture.
type window struct {
	rows, columns       int // of the kernel
	strideY, strideX    int
	dilationY, dilation int
	same                bool // as many samples out as in, by the stride
}

// attributes returns ONNX's way to say w for a picture of the given shape
// [1,rows,columns,channels]. Where the border is odd, the network's format has
// the larger half at the bottom and right.
func (w window) attributes(shape []int) []onnxfile.Attr {
	border := func(in, kernel, stride, dilation int) (before, after int64) {
		if !w.same {
			return 0, 0
		}
		reach := dilation*(kernel-1) + 1
		out := (in + stride - 1) / stride
		total := max((out-1)*stride+reach-in, 0)
		return int64(total / 2), int64(total - total/2)
	}
	top, bottom := border(shape[1], w.rows, w.strideY, w.dilationY)
	left, right := border(shape[2], w.columns, w.strideX, w.dilation)
	list := []onnxfile.Attr{
		onnxfile.IntsAttr("kernel_shape", int64(w.rows), int64(w.columns)),
		onnxfile.IntsAttr("strides", int64(w.strideY), int64(w.strideX)),
		onnxfile.IntsAttr("pads", top, left, bottom, right),
	}
	if w.dilation > 1 || w.dilationY > 1 { // which not every operator has
		list = append(list, onnxfile.IntsAttr("dilations", int64(w.dilationY), int64(w.dilation)))
	}
	return list
}

// check refuses what would divide by nothing.
func (w window) check(shape []int) error {
	if len(shape) != 4 || min(w.rows, w.columns, w.strideY, w.strideX, w.dilationY, w.dilation) < 1 {
		return fmt.Errorf("%w: a window of %dx%d over %v", ErrFormat, w.columns, w.rows, shape)
	}
	return nil
}

// convolution writes both kinds. Weights are [out,rows,columns,in], of a
// depthwise one [1,rows,columns,channels].
func (s *splicer) convolution(o operator, x string) (string, error) {
	if len(o.in) < 2 || o.in[1] < 0 {
		return "", fmt.Errorf("a convolution without weights")
	}
	picture, kernel := s.model.tensors[o.in[0]].shape, s.model.tensors[o.in[1]]
	weights, err := kernel.floats()
	if err != nil {
		return "", err
	}
	if len(kernel.shape) != 4 {
		return "", fmt.Errorf("weights of shape %v", kernel.shape)
	}
	// Depthwise options have one number more, before the activation.
	depthwise, activation, dilation := o.code == opDepthwise, 3, 4
	if depthwise {
		activation, dilation = 4, 5
	}
	w := window{
		rows: kernel.shape[1], columns: kernel.shape[2], same: s.option(o, 0) == 0,
		strideX: s.number(o, 1, 0), strideY: s.number(o, 2, 0),
		dilation: s.number(o, dilation, 1), dilationY: s.number(o, dilation+1, 1),
	}
	if err := w.check(picture); err != nil {
		return "", err
	}
	out, in, groups := kernel.shape[0], kernel.shape[3], 1
	if depthwise && kernel.shape[0] != 1 {
		return "", fmt.Errorf("depthwise weights of shape %v", kernel.shape)
	}
	if depthwise {
		out, in, groups = kernel.shape[3], 1, picture[3]
	}
	inputs := []string{x, s.Floats(
		[]int64{int64(out), int64(in), int64(w.rows), int64(w.columns)},
		channelsFirst(weights, out, in, w.rows*w.columns, depthwise)...)}
	if len(o.in) > 2 && o.in[2] >= 0 {
		bias, err := s.model.tensors[o.in[2]].floats()
		if err != nil {
			return "", err
		}
		inputs = append(inputs, s.Floats([]int64{int64(len(bias))}, bias...))
	}
	attributes := append(w.attributes(picture), onnxfile.IntAttr("group", int64(groups)))
	return s.activation(s.OpAttr("Conv", attributes, inputs...), s.option(o, activation))
}

// channelsFirst brings weights into ONNX's order [out,in,rows,columns].
func channelsFirst(weights []float32, out, in, area int, depthwise bool) []float32 {
	list := make([]float32, len(weights))
	for o := range out {
		for i := range in {
			for k := range area {
				from := (o*area+k)*in + i
				if depthwise {
					from = k*out + o
				}
				list[(o*in+i)*area+k] = weights[from]
			}
		}
	}
	return list
}

// pool writes MaxPool and AveragePool.
func (s *splicer) pool(kind string, o operator, x string) (string, error) {
	w := window{
		same: s.option(o, 0) == 0, strideX: s.number(o, 1, 0), strideY: s.number(o, 2, 0),
		columns: s.number(o, 3, 0), rows: s.number(o, 4, 0), dilation: 1, dilationY: 1,
	}
	shape := s.model.tensors[o.in[0]].shape
	if err := w.check(shape); err != nil {
		return "", err
	}
	return s.activation(s.OpAttr(kind, w.attributes(shape), x), s.option(o, 5))
}
