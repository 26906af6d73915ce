package onnx

import (
	"context"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/fault"
	"uredit/pipeline/tensor"
)

func load(t testing.TB, d *Device, path string) tensor.Model {
	t.Helper()
	m, err := d.Load(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func floatTensor(name string, shape []int64, data ...float32) *tensor.Tensor {
	return &tensor.Tensor{Name: name, Shape: shape, F32: data}
}

func intTensor(name string, shape []int64, data ...int64) *tensor.Tensor {
	return &tensor.Tensor{Name: name, Shape: shape, I64: data}
}

type tensors = []*tensor.Tensor

// TestRun adds two tensors of each type, with sizes that the graph fixes, names
// and leaves unsaid.
func TestRun(t *testing.T) {
	for _, c := range []struct {
		name    string
		element int64
		dims    []dim
		shape   []int64
	}{
		{"float32 fixed", float32Type, []dim{2, 2}, []int64{2, 2}},
		{"float32 open", float32Type, []dim{"n", 2}, []int64{2, 2}},
		{"float32 scalar", float32Type, nil, nil},
		{"float16 fixed", float16Type, []dim{4}, []int64{4}},
		{"float16 named", float16Type, []dim{"n", "m"}, []int64{1, 4}},
		{"int64 open", int64Type, []dim{"n"}, []int64{4}},
		{"int64 scalar", int64Type, nil, nil},
		{"int32 fixed", int32Type, []dim{4}, []int64{4}},
		{"int32 open", int32Type, []dim{"n"}, []int64{4}},
		{"int32 scalar", int32Type, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := load(t, cpu(t), addition(c.element, c.dims...).save(t, "add.onnx"))
			n := tensor.Len(c.shape)
			var x, y *tensor.Tensor
			integer := c.element == int32Type || c.element == int64Type
			if integer {
				x = intTensor("x", c.shape, []int64{1, -2, 3, 4}[:n]...)
				y = intTensor("y", c.shape, []int64{10, 20, 30, 40}[:n]...)
			} else {
				x = floatTensor("x", c.shape, []float32{1, -2, 3, 4}[:n]...)
				y = floatTensor("y", c.shape, []float32{10, 20, 30, 0.5}[:n]...)
			}
			check := func(z *tensor.Tensor) {
				t.Helper()
				if !slices.Equal(z.Shape, c.shape) {
					t.Errorf("shape %v, want %v", z.Shape, c.shape)
				}
				if want := []int64{11, 18, 33, 44}[:n]; integer && !slices.Equal(z.I64, want) {
					t.Errorf("got %v, want %v", z.I64, want)
				}
				if want := []float32{11, 18, 33, 4.5}[:n]; !integer && !slices.Equal(z.F32, want) {
					t.Errorf("got %v, want %v", z.F32, want)
				}
			}
			made := &tensor.Tensor{Name: "z"}
			if err := m.Run(t.Context(), tensors{x, y}, tensors{made}); err != nil {
				t.Fatal(err)
			}
			check(made)

			own := &tensor.Tensor{Name: "z", Shape: c.shape}
			if integer {
				own.I64 = make([]int64, n)
			} else {
				own.F32 = make([]float32, n)
			}
			first := *own
			if err := m.Run(t.Context(), tensors{y, x}, tensors{own}); err != nil {
				t.Fatal(err)
			}
			check(own)
			if integer && &own.I64[0] != &first.I64[0] || !integer && &own.F32[0] != &first.F32[0] {
				t.Error("the result is not in the caller's memory")
			}
		})
	}
}

func TestRunBool(t *testing.T) {
	g := graph{
		nodes:   [][]byte{node("Not", []string{"x"}, []string{"y"})},
		inputs:  [][]byte{describeValue("x", boolType, "n")},
		outputs: [][]byte{describeValue("y", boolType, "n")},
	}
	m := load(t, cpu(t), g.save(t, "not.onnx"))
	y := &tensor.Tensor{Name: "y"}
	x := &tensor.Tensor{Name: "x", Shape: []int64{2}, Bool: []bool{true, false}}
	if err := m.Run(t.Context(), tensors{x}, tensors{y}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(y.Bool, []bool{false, true}) {
		t.Errorf("got %v", y.Bool)
	}
}

// TestRunSeesNewContents is about remembered values: the buffer is the old one,
// what is in it is not.
func TestRunSeesNewContents(t *testing.T) {
	for _, element := range []int64{float32Type, float16Type} {
		m := load(t, cpu(t), addition(element, "n").save(t, "add.onnx"))
		x, y := floatTensor("x", []int64{1}, 1), floatTensor("y", []int64{1}, 1)
		z := floatTensor("z", []int64{1}, 0)
		for i := range 20 {
			x.F32[0] = float32(i)
			if i%7 == 0 { // push old values out
				y = floatTensor("y", []int64{1}, float32(i))
			}
			if err := m.Run(t.Context(), tensors{y, x}, tensors{z}); err != nil {
				t.Fatal(err)
			}
			if want := x.F32[0] + y.F32[0]; z.F32[0] != want {
				t.Fatalf("type %d, run %d: got %v, want %v", element, i, z.F32[0], want)
			}
		}
	}
}

// TestRunReshapes uses one buffer in two shapes.
func TestRunReshapes(t *testing.T) {
	m := load(t, cpu(t), addition(float32Type, "n", "m").save(t, "add.onnx"))
	data, sum := []float32{1, 2, 3, 4}, make([]float32, 4)
	for _, shape := range [][]int64{{4, 1}, {2, 2}, {1, 4}} {
		in := tensors{floatTensor("x", shape, data...), floatTensor("y", []int64{1, 1}, 1)}
		in[0].F32 = data
		z := &tensor.Tensor{Name: "z"}
		if err := m.Run(t.Context(), in, tensors{z}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(z.Shape, shape) {
			t.Errorf("shape %v, want %v", z.Shape, shape)
		}
		if err := m.Run(t.Context(), in, tensors{floatTensor("z", shape, sum...)}); err != nil {
			t.Errorf("into a buffer of shape %v: %v", shape, err)
		}
	}
}

func TestRunSomeOutputs(t *testing.T) {
	g := addition(float32Type, "n")
	for _, op := range []string{"Neg", "Abs", "Exp"} {
		g.nodes = append(g.nodes, node(op, []string{"z"}, []string{op}))
	}
	g.nodes = append(g.nodes, node("ReduceSum", []string{"z"}, []string{"Sum"}, intAttribute("keepdims", 0)))
	g.outputs = append(g.outputs,
		describeValue("Neg", float32Type, "n"), describeValue("Abs", float32Type, 2),
		describeValue("Exp", float32Type, "other"), describeValue("Sum", float32Type))
	m := load(t, cpu(t), g.save(t, "several.onnx"))
	x, y := floatTensor("x", []int64{2}, 1, 2), floatTensor("y", []int64{2}, 3, 4)
	for _, name := range []string{"Neg", "Abs", "z", "Sum", "Neg"} {
		out := &tensor.Tensor{Name: name}
		if err := m.Run(t.Context(), tensors{x, y}, tensors{out}); err != nil {
			t.Fatal(err)
		}
		want := map[string][]float32{"Neg": {-4, -6}, "Abs": {4, 6}, "z": {4, 6}, "Sum": {10}}[name]
		if !slices.Equal(out.F32, want) {
			t.Errorf("%s: got %v, want %v", name, out.F32, want)
		}
	}
}

// TestRunFloat16Size shows what the binding cannot do, and how a caller helps.
func TestRunFloat16Size(t *testing.T) {
	g := addition(float16Type, "n")
	g.outputs = [][]byte{describeValue("z", float16Type, "unrelated")}
	m := load(t, cpu(t), g.save(t, "half.onnx"))
	in := tensors{floatTensor("x", []int64{1}, 1), floatTensor("y", []int64{1}, 2)}
	if err := m.Run(t.Context(), in, tensors{{Name: "z"}}); err == nil || !strings.Contains(err.Error(), "pass a buffer or a shape") {
		t.Errorf("without a size: %v", err)
	}
	z := &tensor.Tensor{Name: "z", Shape: []int64{1}}
	if err := m.Run(t.Context(), in, tensors{z}); err != nil || !slices.Equal(z.F32, []float32{3}) {
		t.Errorf("with a shape: %v, %v", z.F32, err)
	}
}

func TestRunRefuses(t *testing.T) {
	m := load(t, cpu(t), addition(float32Type, "n", 2).save(t, "add.onnx"))
	x, y := floatTensor("x", []int64{1, 2}, 1, 2), floatTensor("y", []int64{1, 2}, 3, 4)
	z := &tensor.Tensor{Name: "z"}
	for _, c := range []struct {
		name    string
		in, out tensors
		want    string
	}{
		{"missing input", tensors{x}, tensors{z}, "inputs x[1 2] given, the graph takes x[-1 2], y[-1 2]"},
		{"unknown input", tensors{x, y, floatTensor("w", nil, 1)}, tensors{z}, "w[] given, the graph takes"},
		{"same input twice", tensors{x, x}, tensors{z}, "inputs x[1 2], x[1 2] given"},
		{"unknown output", tensors{x, y}, tensors{{Name: "q"}}, "outputs q[] asked for, the graph has z[-1 2]"},
		{"rank", tensors{x, floatTensor("y", []int64{2}, 1, 2)}, tensors{z}, `input "y": shape [2] given, the graph has [-1 2]`},
		{"size", tensors{x, floatTensor("y", []int64{1, 3}, 1, 2, 3)}, tensors{z}, `input "y": shape [1 3] given`},
		{"negative", tensors{x, floatTensor("y", []int64{-1, 2})}, tensors{z}, `input "y": shape [-1 2] given`},
		{"length", tensors{x, floatTensor("y", []int64{1, 2}, 1)}, tensors{z}, "1 float elements given, shape [1 2] has 2"},
		{"type", tensors{x, intTensor("y", []int64{1, 2}, 1, 2)}, tensors{z}, "0 float elements given"},
		{"output size", tensors{x, y}, tensors{floatTensor("z", []int64{1, 3}, 1, 2, 3)}, `output "z": shape [1 3] given`},
		{"output type", tensors{x, y}, tensors{intTensor("z", []int64{1, 2}, 1, 2)}, `output "z": 0 float elements given`},
		{"broadcast", tensors{x, floatTensor("y", []int64{3, 2}, 1, 2, 3, 4, 5, 6)}, tensors{floatTensor("z", []int64{1, 2}, 0, 0)}, "add.onnx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := m.Run(t.Context(), c.in, c.out)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got error %v, want one with %q", err, c.want)
			}
			if f := fault.Of(err); f.Code != fault.ModelInvalid || f.Hint == "" {
				t.Errorf("code %q, hint %q", f.Code, f.Hint)
			}
		})
	}
	if err := m.Run(t.Context(), tensors{x, y}, tensors{z}); err != nil {
		t.Errorf("the model does not work afterwards: %v", err)
	}
}

// TestAllocations holds the steady state to what the binding itself allocates:
// nothing grows with the tensors.
func TestAllocations(t *testing.T) {
	m := load(t, cpu(t), addition(float32Type, "n").save(t, "add.onnx"))
	const n = 1 << 16
	in := tensors{floatTensor("x", []int64{n}, make([]float32, n)...), floatTensor("y", []int64{n}, make([]float32, n)...)}
	out := tensors{floatTensor("z", []int64{n}, make([]float32, n)...)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := testing.AllocsPerRun(100, func() {
		if err := m.Run(ctx, in, out); err != nil {
			t.Fatal(err)
		}
	})
	if got > 20 {
		t.Errorf("%v allocations a run", got)
	}
}

func BenchmarkRun(b *testing.B) {
	for _, c := range []struct {
		name    string
		element int64
	}{{"float32", float32Type}, {"float16", float16Type}} {
		b.Run(c.name, func(b *testing.B) {
			m := load(b, cpu(b), addition(c.element, "n").save(b, "add.onnx"))
			const n = 1 << 16
			in := tensors{floatTensor("x", []int64{n}, make([]float32, n)...), floatTensor("y", []int64{n}, make([]float32, n)...)}
			out := tensors{floatTensor("z", []int64{n}, make([]float32, n)...)}
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Run(b.Context(), in, out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
