package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBuild: two programs of one source are one build, and a change of the code
// makes another, whose results do not answer for the first one's.
func TestBuild(t *testing.T) {
	dir := t.TempDir()
	source, err := os.ReadFile("build.go")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod": "module build\n\ngo 1.26\n", "build.go": string(source),
		"main.go": "package main\n\nfunc main() {\n\tid, err := build()\n\tif err != nil {\n\t\tpanic(err)\n\t}\n\tprint(id)\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(program string) string {
		t.Helper()
		c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		out, err := exec.Command(filepath.Join(dir, program)).CombinedOutput()
		if err != nil || len(out) != 16 {
			t.Fatalf("%v: %q", err, out)
		}
		return string(out)
	}
	first, same := run("a"), run("b")
	main := filepath.Join(dir, "main.go")
	text, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "print(id)", "print(id[:15] + id[15:])", 1)
	if err := os.WriteFile(main, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	if other := run("c"); first != same || other == first {
		t.Errorf("the builds are %s, %s and, changed, %s", first, same, other)
	}
}
