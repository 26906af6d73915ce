package starter

import (
	"os"
	"path/filepath"
	"testing"

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
