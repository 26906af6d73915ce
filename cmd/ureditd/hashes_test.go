package main

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// A file that was replaced after it was hashed has no hash in job.json.
func TestHashesOfReplacedFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".new", []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	sums := map[string]string{"sam3/a.onnx": "1", "sam3/b.onnx": "2", "pix2pix/unet/model.onnx": "3"}
	for name := range sums {
		write(name, "old")
	}
	h := noted(dir, sums)
	check := func(want map[string]string) {
		t.Helper()
		got := map[string]string{}
		h.below("sam3/", got)
		if !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	check(map[string]string{"sam3/a.onnx": "1", "sam3/b.onnx": "2"})
	write("sam3/a.onnx", "new")
	check(map[string]string{"sam3/a.onnx": replaced, "sam3/b.onnx": "2"})
}
