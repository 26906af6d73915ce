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

// Card opens the first CUDA device until the test ends; a test without one is
// skipped.
func Card(t testing.TB) *onnx.Device {
	t.Helper()
	r := runtime(t)
	t.Cleanup(func() { closeRuntime(t, r) })
	d, err := r.Device("cuda:0", onnx.Options{})
	if err != nil {
		t.Skipf("no CUDA device: %v", err)
	}
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
	r := runtime(t)
	end = func() { closeRuntime(t, r) }
	d, err := r.Device("cpu", onnx.Options{Threads: 1})
	if err != nil {
		end()
		t.Fatal(err)
	}
	return d, end
}

func runtime(t testing.TB) *onnx.Runtime {
	t.Helper()
	r, err := onnx.Open(library(t))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func closeRuntime(t testing.TB, r *onnx.Runtime) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
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
