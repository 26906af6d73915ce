package models_test

import (
	"os"
	"path/filepath"
	"testing"

	"uredit/models"
	"uredit/pipeline/fault"
)

func TestWriteReplacesWhole(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "bundle")
	for _, files := range []map[string][]byte{{"a/old": []byte("1"), "b": []byte("2")}, {"b": []byte("3")}} {
		if err := models.Write(dir, files); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := os.ReadFile(filepath.Join(dir, "b")); err != nil || string(data) != "3" {
		t.Errorf("b is %q, %v, want the new one", data, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); err == nil {
		t.Error("a file of the earlier bundle stayed")
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) != 1 {
		t.Errorf("beside the bundle: %v, %v", left, err)
	}
}

func TestWriteFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	err := models.Write(filepath.Join(file, "bundle"), map[string][]byte{"a": nil})
	if fault.Of(err).Code != fault.OutputUnwritable {
		t.Errorf("got %v, want code %s", err, fault.OutputUnwritable)
	}
}
