package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"uredit/daemon/config"
	"uredit/daemon/spool"
)

// What a killed call was working on goes with the next call, its log stays for a
// week, and a call that lives keeps all it has.
func TestRunDirSweeps(t *testing.T) {
	cfg := config.Config{RuntimeDir: t.TempDir()}
	call := func() (dir string, lock *os.File) {
		t.Helper()
		dir, lock, err := runDir(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, spool.WorkDir, "attempt"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "log.txt"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		return dir, lock
	}
	old, lock := call()
	lock.Close()
	killed, lock := call()
	lock.Close()
	alive, lock := call()
	defer lock.Close()
	long := time.Now().Add(-keepRuns - time.Hour)
	for _, dir := range []string{old, alive} {
		if err := os.Chtimes(dir, long, long); err != nil {
			t.Fatal(err)
		}
	}
	_, lock = call()
	lock.Close()
	for path, want := range map[string]bool{
		old:                                  false,
		filepath.Join(killed, "log.txt"):     true,
		filepath.Join(killed, spool.WorkDir): false,
		filepath.Join(alive, spool.WorkDir, "attempt"): true,
	} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %t", path, err, want)
		}
	}
}
