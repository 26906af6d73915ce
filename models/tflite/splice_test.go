package tflite_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"uredit/models/onnxfile"
	"uredit/models/tflite"
	"uredit/pipeline/onnx/onnxtest"
	"uredit/pipeline/tensor"
)

// tiny is a network of every operator; testdata/make.py wrote it and computed
// what it gives, its own way.
type tiny struct {
	Rows    int64     `json:"rows"`
	Columns int64     `json:"columns"`
	Input   []float32 `json:"input"`
	Shape   []int64   `json:"shape"`
	Output  []float32 `json:"output"`
}

func network(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/tiny.tflite")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSplice(t *testing.T) {
	var want tiny
	data, err := os.ReadFile("testdata/tiny.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	g := onnxfile.NewGraph("tiny")
	out, err := tflite.Splice(g, network(t), g.Input("x", onnxfile.Float32, "1 3 h w"))
	if err != nil {
		t.Fatal(err)
	}
	g.Output("y", onnxfile.Float32, "a b c", out[0])
	in := &tensor.Tensor{Name: "x", Shape: []int64{1, 3, want.Rows, want.Columns}, F32: want.Input}
	got := onnxtest.Run(t, g.Marshal(nil), []*tensor.Tensor{in}, "y")[0]
	if !slices.Equal(got.Shape, want.Shape) {
		t.Fatalf("shape %v, want %v", got.Shape, want.Shape)
	}
	for i, v := range got.F32 {
		if d := math.Abs(float64(v - want.Output[i])); !(d < 2e-5) {
			t.Fatalf("element %d is %v, want %v", i, v, want.Output[i])
		}
	}
}

func TestSpliceRefuses(t *testing.T) {
	whole := network(t)
	for name, data := range map[string][]byte{
		"nothing": nil, "text": []byte("<html>not found</html>"), "cut off": whole[:len(whole)/2],
	} {
		g := onnxfile.NewGraph("g")
		if _, err := tflite.Splice(g, data, g.Input("x", onnxfile.Float32, "1 3 h w")); !errors.Is(err, tflite.ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
}

func FuzzSplice(f *testing.F) {
	f.Add(network(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		g := onnxfile.NewGraph("g")
		// It must not panic or run away, whatever it says.
		_, _ = tflite.Splice(g, data, g.Input("x", onnxfile.Float32, "1 3 h w"))
	})
}
