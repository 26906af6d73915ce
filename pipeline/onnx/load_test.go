package onnx

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uredit/pipeline/fault"
	"uredit/pipeline/tensor"
)

func TestLoadKeepsAndReplaces(t *testing.T) {
	d := cpu(t)
	path := addition(float32Type, "n").save(t, "m.onnx")
	first := load(t, d, path)
	if again := load(t, d, filepath.Dir(path)+"/../"+filepath.Base(filepath.Dir(path))+"/m.onnx"); again != first {
		t.Error("the same file was loaded twice")
	}
	if err := os.Rename(addition(int64Type, "n").save(t, "new.onnx"), path); err != nil {
		t.Fatal(err)
	}
	second := load(t, d, path)
	if second.Inputs()[0].Type != tensor.Int64 {
		t.Error("the replaced file was not loaded anew")
	}
	err := first.Run(t.Context(), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("the old model: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := addition(float32Type, 1).model()
	unknownOp := graph{
		nodes:   [][]byte{node("NoSuchOperator", []string{"x"}, []string{"y"})},
		inputs:  [][]byte{describeValue("x", float32Type, 1)},
		outputs: [][]byte{describeValue("y", float32Type, 1)},
	}
	const double = 11
	for _, c := range []struct{ path, code, want string }{
		{filepath.Join(dir, "absent.onnx"), fault.ModelMissing, "absent.onnx"},
		{dir, fault.ModelInvalid, "is a directory"},
		{write("empty.onnx", nil), fault.ModelInvalid, "empty.onnx: no ONNX graph"},
		{write("html.onnx", []byte("<html>not found</html>")), fault.ModelInvalid, "html.onnx"},
		{write("cut.onnx", good[:len(good)-20]), fault.ModelInvalid, "cut.onnx"},
		{write("operator.onnx", unknownOp.model()), fault.ModelInvalid, "NoSuchOperator"},
		{write("double.onnx", addition(double, 1).model()), fault.ModelInvalid, `"x" is no tensor of`},
	} {
		_, err := cpu(t).Load(c.path)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.path, err, c.want)
			continue
		}
		if f := fault.Of(err); f.Code != c.code || f.Hint == "" {
			t.Errorf("%s: code %q, hint %q", c.path, f.Code, f.Hint)
		}
	}
}

func TestClosedDevice(t *testing.T) {
	d := cpu(t)
	path := addition(float32Type, 1).save(t, "add.onnx")
	m := load(t, d, path)
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	if err := m.Run(t.Context(), nil, nil); err == nil {
		t.Error("a model of a closed device ran")
	}
	if _, err := d.Load(path); err == nil {
		t.Error("a closed device loaded a model")
	}
}
