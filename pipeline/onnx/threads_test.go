package onnx

import (
	"os"
	"path/filepath"
	"testing"
)

// A graph may be small and its data large, in a file beside it.
func TestThreads(t *testing.T) {
	dir := t.TempDir()
	graph := filepath.Join(dir, "model.onnx")
	if err := os.WriteFile(graph, []byte("graph"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := &Device{options: Options{Threads: 4, SmallAlone: true}}
	if got := d.threads(graph); got != 1 {
		t.Errorf("a small folder takes %d threads, want 1", got)
	}
	data, err := os.Create(filepath.Join(dir, "model.onnx_data"))
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	if err := data.Truncate(smallFolder); err != nil {
		t.Fatal(err)
	}
	if got := d.threads(graph); got != 4 {
		t.Errorf("a folder of %d MB takes %d threads, want 4", smallFolder>>20, got)
	}
	d.options.SmallAlone = false
	os.Remove(data.Name())
	if got := d.threads(graph); got != 4 {
		t.Errorf("it takes %d threads, want those that were asked for", got)
	}
}
