package onnx

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uredit/pipeline/fault"
)

// shared is the library of this test process, which can hold one.
var shared *Runtime

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if library := os.Getenv(childVariable); library != "" {
		_, err := Open(strings.TrimPrefix(library, anywhere))
		if err == nil {
			return 0
		}
		fmt.Fprintf(os.Stderr, "%v\nhint: %s\n", err, fault.Of(err).Hint)
		return 1
	}
	library := os.Getenv(libraryVariable)
	if library == "" {
		library = builtLibrary()
	}
	r, err := Open(library)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared = r
	code := m.Run()
	if err := r.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// builtLibrary returns where `make deps` puts the library, or "".
func builtLibrary() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "build", "onnxruntime", libraryName)
		}
	}
	return ""
}

// cpu opens a device with one thread for the length of a test.
func cpu(t testing.TB) *Device {
	t.Helper()
	d, err := shared.Device("cpu", Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}
