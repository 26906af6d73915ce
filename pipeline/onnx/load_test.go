package onnx

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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

// TestLoadEnds ends a load that the library does not finish: here, because the
// file is a pipe that nobody writes to.
func TestLoadEnds(t *testing.T) {
	d := cpu(t)
	pipe := filepath.Join(t.TempDir(), "m.onnx")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	ended := make(chan error, 2)
	ctx, cancel := context.WithCancelCause(t.Context())
	for range 2 { // one loads, the other waits
		go func() {
			_, err := d.Load(ctx, pipe)
			ended <- err
		}()
	}
	cancel(errStopped)
	for range 2 {
		if err := <-ended; err != errStopped {
			t.Errorf("got error %v, want the cause", err)
		}
	}
	out, err := os.OpenFile(pipe, os.O_RDWR, 0) // does not wait for a reader
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	load(t, d, addition(float32Type, 1).save(t, "add.onnx"))
}

// TestCloseModel gives one graph back; the device loads it anew.
func TestCloseModel(t *testing.T) {
	d := cpu(t)
	path := addition(float32Type, 1).save(t, "add.onnx")
	first := load(t, d, path)
	for range 2 {
		if err := first.(io.Closer).Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Run(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a closed model: %v", err)
	}
	if second := load(t, d, path); second == first {
		t.Error("a closed model came back")
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
		_, err := cpu(t).Load(t.Context(), c.path)
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
	if _, err := d.Load(t.Context(), path); err == nil {
		t.Error("a closed device loaded a model")
	}
}
