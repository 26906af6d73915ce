package daemon

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"uredit/daemon/atomicfile"
	"uredit/daemon/roots"
	"uredit/daemon/spool"
)

// prepare seals the results of an attempt, from a file of its working directory
// to a public name each, and writes down what is to be published.
func (a *attempt) prepare(c commit, files map[string]string) (commit, error) {
	for from, to := range files {
		f, err := a.seal(from)
		if err != nil {
			return commit{}, fmt.Errorf("seal %s: %w", to, err)
		}
		f.To = to
		c.Files = append(c.Files, f)
	}
	slices.SortFunc(c.Files, func(x, y commitFile) int { return strings.Compare(x.To, y.To) })
	return c, a.writeCommit(c)
}

// syncNames makes the names in a directory durable, where the file system can.
func syncNames(dir *os.Root) error {
	f, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// describe tells what a published result is, all but that it is finished.
func (a *attempt) describe(c commit) {
	if c.FromCache != nil {
		a.rep.FromCache(c.FromCache)
	}
	if c.Mask != "" {
		a.rep.MaskReady(c.Mask)
	}
	for _, text := range c.Warnings {
		a.rep.Warn("pipeline", text)
	}
}

// seal makes one result durable, readable by others, and known by its hash.
func (a *attempt) seal(from string) (commitFile, error) {
	f, err := a.work.Open(from)
	if err != nil {
		return commitFile{}, err
	}
	defer f.Close()
	if err := errors.Join(f.Chmod(0o664), f.Sync()); err != nil {
		return commitFile{}, err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return commitFile{From: from, Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

// rollForward publishes a committed job that its owner did not live to publish.
func (d *Daemon) rollForward(w *work) error {
	err := d.forward(w)
	switch {
	case err == nil:
		return d.recordDone(w)
	case errors.Is(err, spool.ErrLost):
		return err
	case passing(err):
		// The next try is another owner's: it has a directory of its own.
		if next, failed := d.spool.Adopt(w.claim.ActiveName); failed == nil {
			*w.claim = *next
		}
		return err
	}
	return d.fail(w, explain(err)) // its results, or the place for them, are gone
}

func (d *Daemon) forward(w *work) error {
	out, err := d.roots.OpenDir(w.request.OutputDir)
	if err != nil {
		return err
	}
	j := w.claim.Job
	c, dirs, err := readCommit(out, j)
	_, done, doubt := finishedStatus(out, j)
	if err != nil && !done {
		return errors.Join(cmp.Or(doubt, err), out.Close())
	}
	a, err := openAttempt(out, w.claim.JobName, func() error { return d.mine(w.claim) })
	if err != nil {
		return err
	}
	if !done {
		// The record moves on before the directory that held it goes: whoever comes
		// after this process finds it, or finds the job finished.
		err = errors.Join(a.writeCommit(c), publishCommitted(out, dirs, c))
	}
	if err == nil {
		err = d.clear(out, j, w.claim.Epoch) // the dead owner is shut out from here on
	}
	if err == nil {
		err = d.tellFinished(a, w, c)
	}
	a.keep = passing(err)
	return errors.Join(err, a.close())
}

// tellFinished says that a job is finished, if its last owner did not get so far.
func (d *Daemon) tellFinished(a *attempt, w *work, c commit) error {
	status, done, err := finishedStatus(a.out, w.claim.Job)
	if err != nil {
		return err
	}
	if done {
		return replaceStatus(a.out, a.dir, status)
	}
	if err := d.startReport(a, w, ""); err != nil {
		return err
	}
	a.describe(c)
	return a.rep.Finish(c.Result)
}

// publishCommitted gives the files of a commit their public names. One that has
// its name already is left. Each is compared with its hash: an instance that was
// shut out may still write in a file that it holds open.
func publishCommitted(out *roots.Dir, dirs []string, c commit) error {
	for _, f := range c.Files {
		if err := publishOne(out, dirs, f); err != nil {
			return fmt.Errorf("publish %s: %w", f.To, err)
		}
	}
	return nil
}

func publishOne(out *roots.Dir, dirs []string, f commitFile) error {
	for _, dir := range dirs {
		from := path.Join(dir, workName, f.From)
		is, err := sameContent(out, from, f)
		if err != nil {
			return err
		}
		if !is {
			continue
		}
		if err := atomicfile.Rename(out.Root, from, f.To); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		break // its owner lives, and was faster
	}
	is, err := sameContent(out, f.To, f)
	if err == nil && !is {
		err = &goneError{name: f.To}
	}
	return err
}

func sameContent(out *roots.Dir, name string, want commitFile) (bool, error) {
	info, err := out.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (!info.Mode().IsRegular() || info.Size() != want.Bytes) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	f, err := out.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)) == want.SHA256, err
}

// encode returns v as JSON; the pipeline's records always encode.
func encode(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err))
	}
	return data
}
