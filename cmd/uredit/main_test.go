package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"uredit/daemon/spool"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"uredit": main, "fakehost": fakeHost})
}

// TestScripts runs one script for each promise of the client. Each starts in an
// empty directory with a spool in $WORK/spool that no host serves.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			root := filepath.Join(env.WorkDir, "spool")
			env.Setenv("UREDIT_SPOOL", root)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // or each command line takes a second more
			s, err := spool.Open(root, spool.Options{HostDir: t.TempDir(), Host: "setup"})
			if err != nil {
				return err
			}
			if err := s.Close(); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(env.WorkDir, "in.mp4"), []byte("a video\n"), 0o644)
		},
	})
}
