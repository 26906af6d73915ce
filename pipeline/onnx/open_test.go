package onnx

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The library is open in this process; what Open says when there is none needs
// another one.
const childVariable = "UREDIT_TEST_OPEN"

// anywhere makes the child look in the usual places.
const anywhere = "anywhere"

// TestOpenFindsNone: where there is no library at all, the places are named in
// one line.
func TestOpenFindsNone(t *testing.T) {
	for _, dir := range libraryFolders() {
		if mayLoad(filepath.Join(dir, libraryName)) {
			t.Skipf("there is a library in %s", dir)
		}
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+anywhere, libraryVariable+"=", "LD_LIBRARY_PATH=")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Skip("the linker knows a library")
	}
	const want = "open ONNX Runtime: there is no libonnxruntime.so beside the program, in /usr/local/lib, "
	if !strings.HasPrefix(string(out), want) || strings.Count(string(out), "\n") != 2 {
		t.Errorf("got %s", out)
	}
}

func TestOpenNamesPlaces(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.so")
	if err := os.WriteFile(broken, []byte("not a library"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		library string
		want    []string
	}{
		{filepath.Join(dir, "absent.so"), []string{"absent.so", "cannot open shared object file", "hint: run `make deps`"}},
		{broken, []string{"broken.so", "file too short", "hint: run `make deps`"}},
		{"libc.so.6", []string{"libc.so.6", "OrtGetApiBase", "hint: run `make deps`"}},
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+c.library)
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s was opened", c.library)
		}
		for _, want := range c.want {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: %q is not in:\n%s", c.library, want, out)
			}
		}
	}
}
