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
