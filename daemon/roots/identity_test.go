package roots_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"uredit/daemon/job"
	"uredit/daemon/roots"
)

// A root shows the id that it got at its first use. The directory beneath its
// mount does not, and nothing is opened or made in it.
func TestIdentity(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "share")
	must(t, os.MkdirAll(filepath.Join(dir, "a"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "a", "v.mp4"), nil, 0o644))
	set, err := roots.Open([]string{dir})
	must(t, err)
	if root, ok := set.Unidentified(dir + "/a"); !ok || root != dir {
		t.Fatalf("Unidentified = %q, %t", root, ok)
	}
	id, err := set.Identify(dir)
	must(t, err)
	if again, err := set.Identify(dir); err != nil || again != id {
		t.Errorf("identified as %q, then as %q, %v", id, again, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the root holds %v, %v", entries, err)
	}
	set.Expect(dir, id)
	if _, ok := set.Unidentified(dir + "/a"); ok {
		t.Error("an identified root is still unidentified")
	}
	must(t, set.Missing())

	must(t, os.Rename(dir, dir+".away"))
	must(t, os.Mkdir(dir, 0o755))
	for what, open := range map[string]func() error{
		"OpenInput": func() error { _, err := set.OpenInput(dir + "/a/v.mp4"); return err },
		"OpenDir":   func() error { _, err := set.OpenDir(dir + "/a"); return err },
		"MakeDir":   func() error { _, err := set.MakeDir(dir + "/b"); return err },
		"Check":     func() error { return set.Check(dir + "/b") },
		"Missing":   set.Missing,
	} {
		e, ok := errors.AsType[*job.Error](open())
		if !ok || e.Code != job.CodeRootMissing || !e.Retryable || !strings.Contains(e.Hint, "echo "+id+" > "+dir) {
			t.Errorf("%s in an unmounted root: %v", what, e)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("the unmounted root holds %v, %v", entries, err)
	}
	must(t, os.Remove(dir))
	must(t, os.Rename(dir+".away", dir))
	must(t, set.Missing())
}

// What users put in the place of the id is neither waited for nor believed.
func TestIdentityOfUsers(t *testing.T) {
	for what, put := range map[string]func(name string) error{
		"a pipe": func(name string) error { return syscall.Mkfifo(name, 0o644) },
		"a link": func(name string) error { return os.Symlink("/etc/hostname", name) },
		"words":  func(name string) error { return os.WriteFile(name, []byte("my root\n"), 0o644) },
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			must(t, put(filepath.Join(dir, roots.IDName)))
			set, err := roots.Open([]string{dir})
			must(t, err)
			if id, err := set.Identify(dir); err == nil {
				t.Errorf("identified as %q", id)
			}
		})
	}
}
