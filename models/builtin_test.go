package models_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"uredit/models"
	"uredit/pipeline/fault"
)

// checkBuiltin opens and verifies what Builtin returned, and sees that nothing
// but it is left in the cache.
func checkBuiltin(t *testing.T, cache, dir string) {
	t.Helper()
	b, warnings, err := models.Open(dir)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("Open: %q, %v", warnings, err)
	}
	if err := b.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(cache)
	if err != nil || len(entries) != 1 || entries[0].Name() != filepath.Base(dir) {
		t.Errorf("the cache holds %v (%v), want %s alone", entries, err, filepath.Base(dir))
	}
}

func TestBuiltin(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "new", "cache")
	dir, err := models.Builtin(cache)
	if err != nil {
		t.Fatal(err)
	}
	checkBuiltin(t, cache, dir)

	before, err := os.Stat(filepath.Join(dir, models.ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := models.Builtin(cache); err != nil || again != dir {
		t.Fatalf("second call: %q, %v", again, err)
	}
	after, err := os.Stat(filepath.Join(dir, models.ManifestName))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("an intact bundle was written again (%v)", err)
	}
}

func TestBuiltinReplacesDamage(t *testing.T) {
	tests := map[string]func(dir string) error{
		"a changed graph": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "sam3/detector.onnx"), []byte("changed"), 0o644)
		},
		"a changed manifest": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, models.ManifestName), []byte(manifest), 0o644)
		},
		"a missing file": func(dir string) error { return os.Remove(filepath.Join(dir, "sam3/vocab.json")) },
		"a foreign file": func(dir string) error { return os.WriteFile(filepath.Join(dir, "x"), nil, 0o644) },
		"no folder": func(dir string) error {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			return os.WriteFile(dir, nil, 0o644)
		},
		"a link elsewhere": func(dir string) error {
			if err := os.Rename(dir, dir+"-moved"); err != nil {
				return err
			}
			if err := os.Symlink(dir+"-moved", dir); err != nil {
				return err
			}
			return nil
		},
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			cache := t.TempDir()
			dir, err := models.Builtin(cache)
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := models.Builtin(cache); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(dir + "-moved"); err != nil {
				t.Fatal(err)
			}
			checkBuiltin(t, cache, dir)
			if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
				t.Errorf("%s is still no folder (%v)", dir, err)
			}
		})
	}
}

// TestBuiltinSweeps: what a process left that was killed while it unpacked goes;
// what may be another's at work stays.
func TestBuiltinSweeps(t *testing.T) {
	cache := t.TempDir()
	left, working := filepath.Join(cache, ".builtin-1"), filepath.Join(cache, ".builtin-2")
	for _, dir := range []string{left, working} {
		if err := os.MkdirAll(filepath.Join(dir, "new"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(left, old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := models.Builtin(cache); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v", left, err)
	}
	if _, err := os.Stat(working); err != nil {
		t.Error(err)
	}
}

func TestBuiltinAtOnce(t *testing.T) {
	cache := t.TempDir()
	var all sync.WaitGroup
	dirs := make([]string, 8)
	for i := range dirs {
		all.Go(func() {
			var err error
			if dirs[i], err = models.Builtin(cache); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	checkBuiltin(t, cache, dirs[0])
}

func TestBuiltinWithoutPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := models.Builtin(filepath.Join(file, "cache"))
	if f := fault.Of(err); err == nil || f.Code != fault.OutputUnwritable || f.Hint == "" {
		t.Errorf("error %v, code %s", err, f.Code)
	}
}
