package onnx

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"uredit/pipeline/tensor"
)

// scaling is y = x * t + w: t is a float16 scalar, as a UNet's timestep may be, and
// w lies in a file beside the graph.
func scaling() graph {
	entry := func(key, value string) []byte { return message{}.text(1, key).text(2, value) }
	const external = 1
	w := message{}.number(1, 2).number(2, float16Type).text(8, "w").
		bytes(13, entry("location", "weights")).number(14, external)
	return graph{
		nodes: [][]byte{
			node("Mul", []string{"x", "t"}, []string{"xt"}),
			node("Add", []string{"xt", "w"}, []string{"y"}),
		},
		constants: [][]byte{w},
		inputs:    [][]byte{describeValue("x", float16Type, "n"), describeValue("t", float16Type)},
		outputs:   [][]byte{describeValue("y", float16Type, "n")},
	}
}

func TestFloat16Scalar(t *testing.T) {
	path := scaling().save(t, "scaling.onnx")
	var weights []byte
	for _, v := range []float32{100, 200} {
		weights = binary.LittleEndian.AppendUint16(weights, toHalf(v))
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "weights"), weights, 0o644); err != nil {
		t.Fatal(err)
	}
	m := load(t, cpu(t), path)
	want := []tensor.Info{{Name: "x", Type: tensor.Float16, Shape: []int64{-1}}, {Name: "t", Type: tensor.Float32, Shape: []int64{}}}
	if got := m.Inputs(); !slices.EqualFunc(got, want, func(a, b tensor.Info) bool {
		return a.Name == b.Name && a.Type == b.Type && slices.Equal(a.Shape, b.Shape) && a.Shape != nil
	}) {
		t.Errorf("inputs %v, want %v", got, want)
	}
	for _, by := range []float32{1, 0.5, 2.75, float32(math.Pi)} {
		in := tensors{floatTensor("x", []int64{2}, 4, -8), floatTensor("t", nil, by)}
		y := &tensor.Tensor{Name: "y"}
		if err := m.Run(t.Context(), in, tensors{y}); err != nil {
			t.Fatal(err)
		}
		half := fromHalf(toHalf(by))
		round := func(v float32) float32 { return fromHalf(toHalf(v)) }
		if want := []float32{round(round(4*half) + 100), round(round(-8*half) + 200)}; !slices.Equal(y.F32, want) {
			t.Errorf("by %v: %v, want %v", by, y.F32, want)
		}
	}
}

// TestUnusedName: the name is as long as the old one and nowhere in the model.
func TestUnusedName(t *testing.T) {
	if got, err := unusedName([]byte(`timestep timeste! timeste"`), "timestep"); got != "timeste#" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	var all []byte
	for c := byte('!'); c <= '~'; c++ {
		all = append(all, c)
	}
	if got, err := unusedName(all, "t"); err == nil {
		t.Errorf("got %q where none is free", got)
	}
}
