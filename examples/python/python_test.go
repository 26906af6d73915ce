// Package python holds the Python client; this test runs its own tests.
package python

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// interpreter finds python3, and looks at every file that it will read, so that
// go test knows when a cached result is out of date.
func interpreter(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("*/*.py")
	if err != nil || len(files) < 10 {
		t.Fatalf("found the files %q: %v", files, err)
	}
	for _, name := range files {
		if _, err := os.Stat(name); err != nil {
			t.Fatal(err)
		}
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on this machine")
	}
	return python
}

// TestPython runs the unittest suite with the interpreter that is there.
func TestPython(t *testing.T) {
	python := interpreter(t)
	cmd := exec.CommandContext(t.Context(), python, "-B", "-W", "error", "-m", "unittest", "discover", "-s", "tests", "-t", ".")
	cmd.Env = append(os.Environ(), "PYTHONPATH=", "UREDIT_SPOOL=", "UREDIT_CONFIG=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// TestOldestPython keeps out syntax that Python 3.8 does not know.
func TestOldestPython(t *testing.T) {
	python := interpreter(t)
	const check = `
import ast, pathlib, sys
files = sorted(pathlib.Path(".").rglob("*.py"))
assert len(files) > 10, files
for file in files:
    ast.parse(file.read_text(encoding="utf-8"), str(file), feature_version=(3, 8))
`
	if out, err := exec.CommandContext(t.Context(), python, "-c", check).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
