// Package tensor is the vocabulary between stages and networks: named arrays
// and the one method a network has. It is a leaf; the onnx package implements
// Model, tests script it.
package tensor

import "context"

// Type is the element type of a tensor.
type Type uint8

// The element types that graphs of the two contracts use.
const (
	Float32 Type = iota
	Float16
	Int64
	Int32
	Bool
)

// Info describes one input or output of a graph.
type Info struct {
	Name  string
	Type  Type
	Shape []int64 // -1 where the graph leaves a dimension open
}

// Tensor is a named array in host memory, row-major. Exactly one of the data
// slices is in use; a Float16 graph input or output is converted from and to
// F32 by the Model.
type Tensor struct {
	Name  string
	Shape []int64
	F32   []float32
	I64   []int64 // also for Int32 graphs
	Bool  []bool
}

// Len returns the number of elements that shape holds.
func Len(shape []int64) int {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	return int(n)
}

// Model is one loaded graph.
type Model interface {
	Inputs() []Info
	Outputs() []Info
	// Run computes the outputs that are asked for by name. An output whose
	// data slice is set is written in place and its shape must be the
	// result's; one without data gets memory of its own and its shape. Run
	// returns only when the network no longer touches any of the tensors,
	// also when ctx ends it early.
	Run(ctx context.Context, in, out []*Tensor) error
}

// Loader opens the graph in a file, or returns the open one. A ctx that ends
// makes it return context.Cause(ctx) at once. A Model that is an io.Closer may be
// closed by who loaded it, and runs no more.
type Loader func(ctx context.Context, path string) (Model, error)
