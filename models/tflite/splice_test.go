package tflite_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"uredit/models/onnxfile"
	"uredit/models/tflite"
	"uredit/pipeline/onnx"
	"uredit/pipeline/tensor"
)

// run runs a graph on the processor and returns the outputs asked for, in order.
func run(t *testing.T, graph []byte, in []*tensor.Tensor, names ...string) []*tensor.Tensor {
	t.Helper()
	library := os.Getenv("UREDIT_ORT_LIBRARY")
	if library == "" {
		library = "../../build/onnxruntime/libonnxruntime.so" // where make deps puts it
	}
	r, err := onnx.Open(library)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	d, err := r.Device("cpu", onnx.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "graph.onnx")
	if err := os.WriteFile(file, graph, 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := d.Load(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	var out []*tensor.Tensor
	for _, n := range names {
		out = append(out, &tensor.Tensor{Name: n})
	}
	if err := m.Run(t.Context(), in, out); err != nil {
		t.Fatal(err)
	}
	return out
}

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
	got := run(t, g.Marshal(nil), []*tensor.Tensor{in}, "y")[0]
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
