package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"uredit/daemon/roots"
	"uredit/daemon/spool"
)

// keptSuffix ends the name of the directory that holds what a dead attempt had
// sealed until the next one begins. It counts as the directory of the claim that
// made it.
const keptSuffix = ".kept"

// keepSealed saves what earlier attempts of a job sealed from being removed with
// their directories, for the next attempt.
func (d *Daemon) keepSealed(out *roots.Dir, c *spool.Claim) error {
	files, err := sealedFiles(out, c.Job, c.Epoch)
	if err != nil || len(files) == 0 {
		return err
	}
	dir := attemptDir(c.JobName) + keptSuffix
	if err := out.MkdirShared(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// As with every attempt's directory: whoever takes the job from here on finds
	// it.
	if err := d.mine(c); err != nil {
		err = errors.Join(err, out.RemoveAll(dir))
		_ = out.Remove(spool.WorkDir) // where the job is over, nobody else would
		return err
	}
	to := path.Join(dir, workName)
	if err := out.Mkdir(to, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return moveSealed(out, files, to)
}

// adopt brings what earlier attempts of a job sealed into a's working directory.
func (a *attempt) adopt(c *spool.Claim) error {
	files, err := sealedFiles(a.out, c.Job, c.Epoch)
	if err != nil {
		return err
	}
	return moveSealed(a.out, files, path.Join(a.dir, workName))
}

// sealedFiles returns what attempts of j with an epoch below the given one
// sealed, relative to out; of each name the latest file. A move of them that was
// not finished may have left a file and its seal in two directories.
func sealedFiles(out *roots.Dir, j string, below int) (files []string, err error) {
	names, err := namesIn(out, spool.WorkDir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	at := map[string]string{}
	for _, name := range names {
		if epoch, is := attemptEpoch(name, j); !is || epoch >= below {
			continue
		}
		dir := path.Join(spool.WorkDir, name, workName)
		found, err := namesIn(out, dir)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			at[f] = path.Join(dir, f)
		}
	}
	_, sealed := sealedOf(slices.Sorted(maps.Keys(at)))
	for _, f := range sealed {
		files = append(files, at[f])
	}
	return files, nil
}

// namesIn lists a directory; one that is not there is empty.
func namesIn(out *roots.Dir, dir string) ([]string, error) {
	f, err := out.Open(dir + "/.") // a pipe in its place would be waited for
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// moveSealed gives each file a place in another directory. What is there already
// is newer, and what is gone was somebody else's to move: the seals say in the
// end what can be used. Files are moved one by one, because who has their
// directory open could still make others in it.
func moveSealed(out *roots.Dir, files []string, to string) error {
	for _, f := range files {
		name := path.Join(to, path.Base(f))
		if _, err := out.Lstat(name); err == nil {
			continue
		}
		if err := out.Rename(f, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("keep %s: %w", path.Base(f), err)
		}
	}
	return nil
}

// clean removes what the pipeline left in the attempt's directory, but what is
// sealed when that is of use to another attempt. It says whether there is any.
func (a *attempt) clean(sealed bool) (kept bool, err error) {
	if !sealed {
		return false, a.files.RemoveAll(workName)
	}
	dir, err := a.work.Open(".")
	if err != nil {
		return false, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return false, err
	}
	_, keep := sealedOf(names)
	var errs []error
	for _, n := range names {
		if !slices.Contains(keep, n) {
			errs = append(errs, a.work.RemoveAll(n))
		}
	}
	return len(keep) > 0, errors.Join(errs...)
}

// modelIdentity tells one state of a model from another: by the hashes of a
// bundle's part, or by sizes and times of the files in a folder of its own. It is
// empty where that is not known.
func modelIdentity(part, folder string, hashes map[string]string) string {
	sum, known := sha256.New(), false
	if folder != "" {
		err := filepath.WalkDir(folder, func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			info, err := os.Stat(name)
			if err != nil {
				return err
			}
			known = true
			fmt.Fprintf(sum, "%s %d %d\n", name, info.Size(), info.ModTime().UnixNano())
			return nil
		})
		if err != nil || !known {
			return ""
		}
		return hex.EncodeToString(sum.Sum(nil))
	}
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		if !strings.HasPrefix(name, part) {
			continue
		}
		if hash, err := hex.DecodeString(hashes[name]); err != nil || len(hash) != sha256.Size {
			return "" // a sentence that says why there is no hash
		}
		known = true
		fmt.Fprintf(sum, "%s %s\n", name, hashes[name])
	}
	if !known {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// list writes a map as lines in order.
func list(m map[string]string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m)) {
		text.WriteString(name + " " + m[name] + "\n")
	}
	return text.String()
}

// continues tells what is used of earlier attempts, the last of which was number;
// 0 where nothing is. Left says why something that was there is not used.
func (a *attempt) continues(number, segments, frame, total int, left []string) {
	for _, why := range left {
		a.rep.Logger().Warn("a part of an earlier attempt is not used", "err", why)
	}
	if a.reuse.took(number > 0) {
		a.rep.FromCache(a.reuse.source())
		return
	}
	if number == 0 {
		a.rep.FromCache(nil)
		return
	}
	what := "masks"
	switch segments {
	case 0:
	case 1:
		what += " and 1 segment"
	default:
		what += fmt.Sprintf(" and %d segments", segments)
	}
	a.rep.Continue(frame)
	a.rep.Logger().Info(fmt.Sprintf("continues at frame %d of %d: %s of attempt %d verified", frame, total, what, number))
}
