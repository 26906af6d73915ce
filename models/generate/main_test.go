package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uredit/models"
)

func TestRun(t *testing.T) {
	palette := filepath.Join(t.TempDir(), "palette.json")
	text := `{"colours": [{"name": "mauve", "srgb": "#a080c0"}]}`
	if err := os.WriteFile(palette, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "new")
	if err := run([]string{"-out", dir, "-palette", palette}, io.Discard); err != nil {
		t.Fatal(err)
	}
	b, warnings, err := models.Open(dir)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("Open: %q, %v", warnings, err)
	}
	if err := b.Verify(t.Context()); err != nil {
		t.Error(err)
	}

	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no folder", nil, "want -out"},
		{"too many arguments", []string{"-out", dir, "x"}, "want -out"},
		{"a folder in use", []string{"-out", dir}, "is not empty"},
		{"no such palette", []string{"-out", t.TempDir(), "-palette", "none"}, "open none"},
	}
	for _, test := range tests {
		if err := run(test.args, io.Discard); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q in it", test.name, err, test.want)
		}
	}
}
