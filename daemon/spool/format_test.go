package spool

import (
	"os"
	"path/filepath"
	"testing"
)

// A daemon that was killed in its first moment leaves a file beside FORMAT that
// the next one removes.
func TestFirstMomentIsSweptUp(t *testing.T) {
	root := t.TempDir()
	open := func() {
		t.Helper()
		s, err := Open(root, Options{HostDir: t.TempDir(), Host: "gpu-1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	open()
	left := filepath.Join(root, tempPrefix+"new-0a1b2c3d")
	if err := os.WriteFile(left, []byte("uredit-spool 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	open()
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}
