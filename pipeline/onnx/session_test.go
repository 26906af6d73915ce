package onnx

import (
	"context"
	"slices"
	"testing"

	"uredit/pipeline/tensor"
)

func TestRun(t *testing.T) {
	m, err := cpu(t).Load(addition(float32Type, "n", 2).save(t, "add.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	x := &tensor.Tensor{Name: "x", Shape: []int64{2, 2}, F32: []float32{1, 2, 3, 4}}
	y := &tensor.Tensor{Name: "y", Shape: []int64{2, 2}, F32: []float32{10, 20, 30, 40}}
	z := &tensor.Tensor{Name: "z"}
	if err := m.Run(context.Background(), []*tensor.Tensor{x, y}, []*tensor.Tensor{z}); err != nil {
		t.Fatal(err)
	}
	if want := []float32{11, 22, 33, 44}; !slices.Equal(z.F32, want) || !slices.Equal(z.Shape, []int64{2, 2}) {
		t.Errorf("got %v %v, want %v", z.Shape, z.F32, want)
	}
}
