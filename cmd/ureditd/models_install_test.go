package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStateDir(t *testing.T) {
	for _, c := range []struct {
		uid  int
		env  map[string]string
		want string
	}{
		{0, map[string]string{"HOME": "/root"}, "/var/lib/uredit"},
		{994, map[string]string{"STATE_DIRECTORY": "/var/lib/other"}, "/var/lib/other"},
		{1000, map[string]string{"HOME": "/home/a"}, "/home/a/.local/share/uredit"},
		{1000, map[string]string{"HOME": "/home/a", "XDG_DATA_HOME": "/data/a"}, "/data/a/uredit"},
		{1000, nil, ""},
	} {
		got, err := stateDir(c.uid, func(key string) string { return c.env[key] })
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("user %d with %v: %q, %v, want %q", c.uid, c.env, got, err, c.want)
		}
	}
}

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
