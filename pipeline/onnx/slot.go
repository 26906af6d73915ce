package onnx

import (
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"uredit/pipeline/tensor"
)

// remembered is how many values an input or output keeps: a stage that
// alternates between buffers still makes nothing new.
const remembered = 4

// slot is one input or output of a session: the values of the library that
// point at the buffers it was last used with.
type slot struct {
	graphValue
	values []value // the most recent first

	// Memory for what the graph has in another type than the caller.
	half   []byte  // float16
	narrow []int32 // int32

	unasked room // where an output goes that nobody wants
}

func slots(values []graphValue) []slot {
	list := make([]slot, len(values))
	for i, v := range values {
		list[i].graphValue = v
	}
	return list
}

// fixed reports whether the graph leaves no dimension to the run.
func (s *slot) fixed() bool {
	return s.Shape != nil && !slices.ContainsFunc(s.Shape, func(d int64) bool { return d < 0 })
}

// check compares a tensor with what the graph says.
func (s *slot) check(t *tensor.Tensor) error {
	if s.Shape != nil && !fits(s.Shape, t.Shape) {
		return fmt.Errorf("shape %v given, the graph has %v", t.Shape, s.Shape)
	}
	n, kind := len(t.F32), "float"
	switch s.Type {
	case tensor.Int64, tensor.Int32:
		n, kind = len(t.I64), "integer"
	case tensor.Bool:
		n, kind = len(t.Bool), "bool"
	}
	if want := tensor.Len(t.Shape); n != want {
		return fmt.Errorf("%d %s elements given, shape %v has %d", n, kind, t.Shape, want)
	}
	return nil
}

func fits(want, shape []int64) bool {
	if len(want) != len(shape) {
		return false
	}
	for i, d := range want {
		if shape[i] < 0 || d >= 0 && shape[i] != d {
			return false
		}
	}
	return true
}

// room is a tensor with memory for one output.
type room struct{ tensor.Tensor }

// allot makes the room large enough for a shape; a larger one is used again.
func (r *room) allot(t tensor.Type, shape []int64) *tensor.Tensor {
	r.Shape = shape
	switch n := tensor.Len(shape); t {
	case tensor.Float32, tensor.Float16:
		r.F32 = grow(r.F32, n)
	case tensor.Int64, tensor.Int32:
		r.I64 = grow(r.I64, n)
	case tensor.Bool:
		r.Bool = grow(r.Bool, n)
	}
	return &r.Tensor
}

// value is a tensor of the library over memory of Go.
type value struct {
	memory unsafe.Pointer
	shape  []int64
	ort    ort.Value
}

// bind returns the library's tensor over t's data, in the graph's type. The
// data of an input is converted; that of an output is, after the run, by
// widen. Memory that the library will touch is pinned by p.
func (s *slot) bind(t *tensor.Tensor, p *runtime.Pinner, input bool) (ort.Value, error) {
	n := tensor.Len(t.Shape)
	switch s.Type {
	case tensor.Float32:
		return bound(s, t.Shape, t.F32[:n], p, ort.NewTensor[float32])
	case tensor.Int64:
		return bound(s, t.Shape, t.I64[:n], p, ort.NewTensor[int64])
	case tensor.Bool:
		return bound(s, t.Shape, t.Bool[:n], p, ort.NewTensor[bool])
	case tensor.Int32:
		s.narrow = grow(s.narrow, n)
		if input {
			for i, v := range t.I64[:n] {
				if s.narrow[i] = int32(v); int64(s.narrow[i]) != v {
					return nil, fmt.Errorf("%d is too large for int32", v)
				}
			}
		}
		return bound(s, t.Shape, s.narrow, p, ort.NewTensor[int32])
	case tensor.Float16:
		s.half = grow(s.half, 2*n)
		if input {
			halves(s.half, t.F32[:n])
		}
		return bound(s, t.Shape, s.half, p, newHalfTensor)
	}
	return nil, fmt.Errorf("element type %d", s.Type)
}

func newHalfTensor(shape ort.Shape, data []byte) (*ort.CustomDataTensor, error) {
	return ort.NewCustomDataTensor(shape, data, ort.TensorElementDataTypeFloat16)
}

// grow returns memory of n elements, b's own where it is large enough. Its
// contents are undefined.
func grow[T any](b []T, n int) []T {
	if cap(b) < n {
		return make([]T, n)
	}
	return b[:n]
}

// bound returns the value over data, an old one where there is one. Go's memory
// does not move, so a value stays good between runs; the library looks at the
// memory during a run only, and then it is pinned.
func bound[T any, V ort.Value](s *slot, shape []int64, data []T, p *runtime.Pinner, make func(ort.Shape, []T) (V, error)) (ort.Value, error) {
	var memory unsafe.Pointer
	if len(data) > 0 {
		memory = unsafe.Pointer(&data[0])
		p.Pin(memory)
	}
	for i, v := range s.values {
		if v.memory == memory && slices.Equal(v.shape, shape) {
			copy(s.values[1:i+1], s.values[:i])
			s.values[0] = v
			return v.ort, nil
		}
	}
	made, err := make(shape, data)
	if err != nil {
		return nil, err
	}
	if len(s.values) == remembered {
		s.values[remembered-1].ort.Destroy()
		s.values = s.values[:remembered-1]
	}
	s.values = slices.Insert(s.values, 0, value{memory: memory, shape: slices.Clone(shape), ort: made})
	return made, nil
}

// scalar returns a new scalar with t's one element; the caller destroys it.
func (s *slot) scalar(t *tensor.Tensor) (ort.Value, error) {
	switch s.Type {
	case tensor.Float32:
		return ort.NewScalar(t.F32[0])
	case tensor.Int64:
		return ort.NewScalar(t.I64[0])
	case tensor.Int32:
		return ort.NewScalar(int32(t.I64[0]))
	case tensor.Bool:
		return ort.NewScalar(t.Bool[0])
	}
	return nil, fmt.Errorf("%q is a float16 scalar, which cannot be received: export the graph with a float32 one", s.Name)
}

// release destroys the slot's values.
func (s *slot) release() {
	for _, v := range s.values {
		v.ort.Destroy()
	}
	s.values = nil
}

// widen brings an output into the caller's type, where the library did not
// write it in place.
func (s *slot) widen(t *tensor.Tensor, v ort.Value) {
	switch v := v.(type) {
	case *ort.Scalar[float32]:
		t.F32[0] = v.GetData()
	case *ort.Scalar[int64]:
		t.I64[0] = v.GetData()
	case *ort.Scalar[int32]:
		t.I64[0] = int64(v.GetData())
	case *ort.Scalar[bool]:
		t.Bool[0] = v.GetData()
	case *ort.Tensor[int32]:
		for i, n := range s.narrow {
			t.I64[i] = int64(n)
		}
	case *ort.CustomDataTensor:
		floats(t.F32, s.half)
	}
}

// adopt gives t the memory of a value that the library made; it is Go's, and
// outlives the value.
func adopt(t *tensor.Tensor, v ort.Value) error {
	t.F32, t.I64, t.Bool = nil, nil, nil
	switch v := v.(type) {
	case *ort.Tensor[float32]:
		t.F32 = v.GetData()
	case *ort.Tensor[int64]:
		t.I64 = v.GetData()
	case *ort.Tensor[bool]:
		t.Bool = v.GetData()
	case *ort.Tensor[int32]:
		t.I64 = make([]int64, len(v.GetData()))
		for i, n := range v.GetData() {
			t.I64[i] = int64(n)
		}
	default:
		return fmt.Errorf("it came as %T", v)
	}
	t.Shape = v.GetShape()
	return nil
}
