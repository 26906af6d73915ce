package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"uredit/daemon/config"
	"uredit/daemon/spool"
)

// keepRuns is how long the log and job.json of a call stay for its user.
const keepRuns = 7 * 24 * time.Hour

// runDir makes a directory of one call's own below the runtime directory, and
// removes what earlier calls left there: what a killed one was working on, and
// all of the old ones. The directory stays when the call ends; its lock, which
// the caller closes, says that the call lives.
func runDir(cfg config.Config) (dir string, lock *os.File, err error) {
	parent := filepath.Join(cfg.RuntimeDir, "edit")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", nil, fmt.Errorf("%w (hint: set runtime_dir in the configuration to a directory that you may write in)", err)
	}
	if err := sweepRuns(parent, time.Now().Add(-keepRuns)); err != nil {
		return "", nil, fmt.Errorf("remove what earlier calls left: %w", err)
	}
	if dir, err = os.MkdirTemp(parent, ""); err != nil {
		return "", nil, err
	}
	if lock, err = lockRun(dir); err != nil {
		return "", nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return dir, lock, nil
}

// sweepRuns removes what calls that are over left in parent, save for what
// users may still want to read.
func sweepRuns(parent string, before time.Time) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		dir := filepath.Join(parent, e.Name())
		lock, err := lockRun(dir)
		if err != nil {
			continue // it lives, is another user's, or gone meanwhile
		}
		what := filepath.Join(dir, spool.WorkDir)
		if info, err := lock.Stat(); err == nil && info.ModTime().Before(before) {
			what = dir
		}
		errs = append(errs, os.RemoveAll(what), lock.Close())
	}
	return errors.Join(errs...)
}

// lockRun locks the directory of a call, if the call is over.
func lockRun(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
