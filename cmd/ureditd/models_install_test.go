package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInstallWithoutRegistry(t *testing.T) {
	python := filepath.Join(t.TempDir(), "python3")
	if err := os.WriteFile(python, []byte("#!/bin/sh\necho 'ERROR: no route to host' >&2; exit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "starter")
	var out, errs bytes.Buffer
	code := run(t.Context(), console{&out, &errs}, []string{"models", "install", "starter", "--python", python, dir})
	if code != exitFailed || out.Len() > 0 || !strings.Contains(errs.String(), "no route to host") || !strings.Contains(errs.String(), "hint: ") {
		t.Errorf("status %d, printed %q and %q", code, out.String(), errs.String())
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a folder is left behind")
	}
}
