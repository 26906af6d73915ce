package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"syscall"

	"uredit/daemon/roots"
	"uredit/daemon/spool"
)

// clearAttempts removes what attempts of a job left whose epoch is below the
// given one. Removing a directory, not only what is in it, is what keeps an
// attempt out that still lives somewhere: nothing can be made in it again, nor
// renamed out of it. What such an attempt makes meanwhile is removed as well.
func clearAttempts(out *roots.Dir, j string, below int) error {
	work, err := out.Open(spool.WorkDir + "/.") // a pipe in its place would be waited for
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil // there is nothing of this job
	}
	if err != nil {
		return err
	}
	defer work.Close()
	entries, err := work.ReadDir(-1)
	for _, e := range entries {
		if epoch, is := attemptEpoch(e.Name(), j); is && epoch < below {
			err = errors.Join(err, removeFirmly(out, path.Join(spool.WorkDir, e.Name())))
		}
	}
	return err
}

// allEpochs is above every epoch.
const allEpochs = 1 << 20

// attemptEpoch returns the epoch in the name of what an attempt of j left.
func attemptEpoch(name, j string) (epoch int, is bool) {
	rest, is := strings.CutPrefix(name, attemptPrefix(j))
	if !is {
		return 0, false
	}
	digits, _, _ := strings.Cut(rest, ".")
	epoch, err := strconv.Atoi(digits)
	return epoch, err == nil
}

// removeFirmly removes a directory in which another process may still write.
func removeFirmly(out *roots.Dir, name string) error {
	var err error
	for range 100 {
		if err = out.RemoveAll(name); !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
	}
	return err
}

// fenced runs f with a new directory of a claim, for files that reach their
// public name from there, and removes it. A claim that was taken over is
// ErrLost: it must not write any more.
func (d *Daemon) fenced(out *roots.Dir, c *spool.Claim, f func(dir string) error) error {
	dir := attemptDir(c.JobName)
	if err := out.MkdirAll(spool.WorkDir, 0o755); err != nil {
		return err
	}
	if err := makeAnew(out, dir); err != nil {
		return err
	}
	err := d.mine(c)
	if err == nil {
		err = f(dir)
	}
	err = errors.Join(err, out.RemoveAll(dir))
	if errors.Is(err, spool.ErrLost) {
		// The job may be over, and nobody left who would remove this one. That of a
		// live job holds its reservation.
		_ = out.Remove(spool.WorkDir)
	}
	return err
}

// makeAnew makes a claim's own directory, without what an earlier try of the
// claim may have left in it.
func makeAnew(out *roots.Dir, dir string) error {
	if err := out.RemoveAll(dir); err != nil {
		return err
	}
	err := out.MkdirShared(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil // made, and the answer was lost: nobody else makes this name
	}
	return err
}

// stillMine is an error when a claim is not this process's any more.
func (d *Daemon) stillMine(c *spool.Claim) error {
	held, err := d.spool.Holds(c)
	if err == nil && !held {
		err = fmt.Errorf("%s: %w", c.ActiveName, spool.ErrLost)
	}
	return err
}
