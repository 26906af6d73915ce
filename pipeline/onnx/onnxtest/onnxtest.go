// Package onnxtest runs graphs on the processor in tests of other packages.
package onnxtest

import (
	"os"
	"path/filepath"
	"testing"

	"uredit/pipeline/onnx"
	"uredit/pipeline/tensor"
)

// Device opens the processor, with one thread for an operation, until the test
// ends.
func Device(t testing.TB) *onnx.Device {
	t.Helper()
	d, end := open(t)
	t.Cleanup(end)
	return d
}

// Run runs a graph and returns the outputs asked for, in order.
func Run(t testing.TB, graph []byte, in []*tensor.Tensor, names ...string) []*tensor.Tensor {
	t.Helper()
	d, end := open(t)
	defer end() // a test may run several
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

func open(t testing.TB) (d *onnx.Device, end func()) {
	t.Helper()
	r, err := onnx.Open(library(t))
	if err != nil {
		t.Fatal(err)
	}
	end = func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if d, err = r.Device("cpu", onnx.Options{Threads: 1}); err != nil {
		end()
		t.Fatal(err)
	}
	return d, end
}

// library returns the file that UREDIT_ORT_LIBRARY names, else the one that make
// deps puts below the module's root.
func library(t testing.TB) string {
	t.Helper()
	if name := os.Getenv("UREDIT_ORT_LIBRARY"); name != "" {
		return name
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "build/onnxruntime/libonnxruntime.so")
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}
