package starter

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"uredit/models"
	"uredit/models/fetch"
	"uredit/pipeline/fault"
)

// script writes a program.
func script(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "client")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestFailedInstallLeavesNothing(t *testing.T) {
	// pip's and npm's way to say where to: --dest DIR, --pack-destination DIR.
	deliver := `while [ $# -gt 1 ]; do case $1 in --dest|--pack-destination) echo junk > "$2/package.whl";; esac; shift; done`
	for name, c := range map[string]struct{ client, code string }{
		"wrong content": {script(t, deliver), fault.ModelInvalid},
		"offline":       {script(t, "echo 'ERROR: no route to host' >&2; exit 1"), fault.ToolFailed},
		"no client":     {filepath.Join(t.TempDir(), "missing"), fault.ToolMissing},
	} {
		t.Run(name, func(t *testing.T) {
			parent, downloads := t.TempDir(), t.TempDir()
			t.Setenv("TMPDIR", downloads)
			err := Install(t.Context(), filepath.Join(parent, "starter"), fetch.Clients{Python: c.client, NPM: c.client})
			if fault.Of(err).Code != c.code {
				t.Errorf("got %v, want code %s", err, c.code)
			}
			for _, dir := range []string{parent, downloads} {
				if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
					t.Errorf("left behind: %v, %v", left, err)
				}
			}
		})
	}
}

func TestInstallSparesOtherFolders(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "mine.txt")
	if err := os.WriteFile(mine, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := Install(t.Context(), dir, fetch.Clients{Python: script(t, "exit 1"), NPM: script(t, "exit 1")})
	if fault.Of(err).Code != fault.OutputUnwritable {
		t.Errorf("got %v, want code %s", err, fault.OutputUnwritable)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
}

// TestInstalled: only an intact bundle of this recipe needs nothing done.
func TestInstalled(t *testing.T) {
	b := bundle{files: map[string][]byte{"NOTICE": []byte("x"), "sam3/text_encoder.onnx": brightness()}}
	files := maps.Clone(b.files)
	files[models.ManifestName] = b.manifest()
	older := maps.Clone(files)
	older[models.ManifestName] = bytes.Replace(b.manifest(), []byte(`"recipe": `), []byte(`"recipe": 1000`), 1)
	damaged := func(dir string) error { return os.WriteFile(filepath.Join(dir, "NOTICE"), []byte("y"), 0o644) }
	for name, c := range map[string]struct {
		files map[string][]byte
		after func(dir string) error
		want  bool
	}{
		"intact":         {files, nil, true},
		"another recipe": {older, nil, false},
		"damaged":        {files, damaged, false},
		"absent":         {nil, nil, false},
	} {
		dir := filepath.Join(t.TempDir(), "starter")
		if c.files != nil {
			if err := models.Write(dir, c.files); err != nil {
				t.Fatal(err)
			}
		}
		if c.after != nil {
			if err := c.after(dir); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := Installed(t.Context(), dir); got != c.want || err != nil {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
}
