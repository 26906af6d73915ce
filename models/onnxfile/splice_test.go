package onnxfile_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"uredit/models/onnxfile"
	"uredit/pipeline/onnx/onnxtest"
	"uredit/pipeline/tensor"
)

func TestSpliceTwice(t *testing.T) {
	file := double().Marshal(nil) // y = 2x + 1/2
	g := onnxfile.NewGraph("twice")
	v := g.Input("x", onnxfile.Float32, "1 3 h w")
	for _, prefix := range []string{"first.", "second."} {
		out, err := g.Splice(file, prefix, map[string]string{"x": v}, "y")
		if err != nil {
			t.Fatal(err)
		}
		v = out[0]
	}
	g.Output("y", onnxfile.Float32, "1 3 h w", v)
	in := &tensor.Tensor{Name: "x", Shape: []int64{1, 3, 1, 1}, F32: []float32{0, 1, -2}}
	got := onnxtest.Run(t, g.Marshal(nil), []*tensor.Tensor{in}, "y")[0].F32
	if want := []float32{1.5, 5.5, -6.5}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSpliceTakesWhatIsNeeded(t *testing.T) {
	g := onnxfile.NewGraph("two")
	x, y := g.Input("x", onnxfile.Float32, "2"), g.Input("y", onnxfile.Float32, "2")
	g.Output("sum", onnxfile.Float32, "2", g.Op("Add", x, x))
	g.Output("other", onnxfile.Float32, "2", g.Op("Add", y, y))
	whole := onnxfile.NewGraph("whole")
	in := whole.Input("in", onnxfile.Float32, "2")
	// Nothing feeds y: the way to other must not come along.
	if _, err := whole.Splice(g.Marshal(nil), "a.", map[string]string{"x": in}, "sum"); err != nil {
		t.Error(err)
	}
	if _, err := whole.Splice(g.Marshal(nil), "b.", map[string]string{"x": in}, "other"); err == nil || !strings.Contains(err.Error(), `nothing gives "y"`) {
		t.Errorf("got %v, want an error that names y", err)
	}
}

func TestSpliceMovesAxes(t *testing.T) {
	old := onnxfile.NewGraph("old") // as before opset 13
	x := old.Input("x", onnxfile.Float32, "2")
	old.Output("y", onnxfile.Float32, "1 2 1", old.OpAttr("Unsqueeze", []onnxfile.Attr{onnxfile.IntsAttr("axes", 0, 2)}, x))
	g := onnxfile.NewGraph("new")
	out, err := g.Splice(old.Marshal(nil), "old.", map[string]string{"x": g.Input("x", onnxfile.Float32, "2")}, "y")
	if err != nil {
		t.Fatal(err)
	}
	g.Output("y", onnxfile.Float32, "a b c", out[0])
	in := &tensor.Tensor{Name: "x", Shape: []int64{2}, F32: []float32{3, 4}}
	if got := onnxtest.Run(t, g.Marshal(nil), []*tensor.Tensor{in}, "y")[0].Shape; !slices.Equal(got, []int64{1, 2, 1}) {
		t.Errorf("shape %v, want [1 2 1]", got)
	}
}

func TestSpliceRefuses(t *testing.T) {
	file := double().Marshal(nil)
	external := onnxfile.NewGraph("external")
	external.Output("y", onnxfile.Float32, "1", external.Op("Neg", external.External([]int64{1}, "data.bin")))
	for name, data := range map[string][]byte{
		"nothing": nil, "text": []byte("<html>not found</html>"), "cut off": file[:len(file)/2], "external data": external.Marshal(nil),
	} {
		g := onnxfile.NewGraph("g")
		x := g.Input("in", onnxfile.Float32, "1")
		_, err := g.Splice(data, "p.", map[string]string{"x": x}, "y")
		if err == nil || name != "external data" && !errors.Is(err, onnxfile.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBranches(t *testing.T) {
	g := onnxfile.NewGraph("choice")
	x := g.Input("x", onnxfile.Float32, "1")
	branch := func(name string, factor float32) *onnxfile.Graph {
		b := onnxfile.NewBranch(name)
		b.Output(name+"_y", onnxfile.Float32, "1", b.Op("Mul", x, b.Float(factor)))
		return b
	}
	positive := g.Op("Greater", x, g.Float(0))
	g.Output("y", onnxfile.Float32, "1", g.OpAttr("If", []onnxfile.Attr{
		onnxfile.BranchAttr("then_branch", branch("then", 10)), onnxfile.BranchAttr("else_branch", branch("else", 2)),
	}, positive))
	graph := g.Marshal(nil)
	for x, want := range map[float32]float32{3: 30, -3: -6} {
		in := &tensor.Tensor{Name: "x", Shape: []int64{1}, F32: []float32{x}}
		if got := onnxtest.Run(t, graph, []*tensor.Tensor{in}, "y")[0].F32[0]; got != want {
			t.Errorf("of %v: %v, want %v", x, got, want)
		}
	}
}

func FuzzSplice(f *testing.F) {
	f.Add(double().Marshal(map[string]string{"a": "b"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		g := onnxfile.NewGraph("g")
		// It must not panic or run away, whatever it says.
		_, _ = g.Splice(data, "p.", map[string]string{"x": g.Input("in", onnxfile.Float32, "1")}, "y")
	})
}
