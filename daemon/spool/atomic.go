package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"uredit/daemon/atomicfile"
)

// ErrLost says that a name was no longer there: another process, or the user,
// was faster. It is an ordinary event.
var ErrLost = errors.New("taken by somebody else")

// list reads a directory that is opened for this call: a kept handle may show
// an old listing on a network file system.
func list(root fileSystem, dir string) ([]fs.DirEntry, error) {
	f, err := root.Open(dir + "/.") // a pipe in its place would be waited for
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// names reads a directory as list does, its names alone. That costs no look at
// each of the files, which list takes.
func names(root fileSystem, dir string) ([]string, error) {
	f, err := root.Open(dir + "/.")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	found, err := f.Readdirnames(-1)
	slices.Sort(found)
	return found, err
}

// contains says whether a fresh listing of name's directory shows it.
func contains(root fileSystem, name string) (bool, error) {
	there, err := names(root, path.Dir(name))
	if err != nil {
		return false, err
	}
	return slices.Contains(there, path.Base(name)), nil
}

// errUnsure says that nobody knows whether a rename happened: its answer was an
// error, and the directory that would tell cannot be listed.
var errUnsure = errors.New("it may have happened all the same")

// move renames oldName to newName, which never existed, and makes the move
// durable. After an error of the rename the listing decides; after the rename
// nothing does. A directory that cannot be synced is no error: at worst a power
// cut brings the old name back, and recovery starts from there.
func (s *Spool) move(oldName, newName string) error {
	ended := s.trace(oldName, newName)
	err := s.settleRename(s.root.Rename(oldName, newName), newName)
	if err != nil {
		ended(err)
		return err
	}
	s.letGo(oldName)
	if path.Dir(newName) == QueueDir {
		s.arrivals.Add(1)
	}
	s.syncMove(oldName, newName)
	ended(nil)
	return nil
}

// settleRename turns the answer of a rename into what happened.
func (s *Spool) settleRename(answer error, newName string) error {
	if answer == nil {
		return nil
	}
	there, err := s.shows(newName)
	for try := 0; err != nil && transient(err) && try < 3; try++ {
		there, err = s.shows(newName)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w; %w: %w", answer, errUnsure, err)
	case there:
		return nil
	case errors.Is(answer, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", ErrLost, answer)
	}
	return answer
}

// shows is contains by a listing that is certainly fresh, if the directory can be
// changed: a client of NFS version 3 that did not see the rename happen goes on
// showing what it listed within the same tick of the server's clock.
func (s *Spool) shows(name string) (bool, error) {
	if err := s.stir(path.Dir(name)); err != nil && transient(err) {
		return false, err
	}
	return contains(s.root, name)
}

func transient(err error) bool {
	return errors.Is(err, syscall.ESTALE) || errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EINTR)
}

func (s *Spool) syncMove(oldName, newName string) {
	_ = syncDir(s.root, path.Dir(newName)) // see move
	if path.Dir(oldName) != path.Dir(newName) {
		_ = syncDir(s.root, path.Dir(oldName))
	}
}

// syncDir makes the names in a directory durable. A directory that may be
// written but not read cannot be opened and is left to the file system; so is
// one that its user took away meanwhile.
func syncDir(root fileSystem, dir string) error {
	f, err := root.Open(dir + "/.") // a pipe in its place would be waited for
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// A writer makes whole files. Its temporary files carry the host's id, so that
// the host can sweep up what a dead process of its own left.
type writer struct{ host string }

// putAbsent makes name with data, unless there is one: then it returns an
// error that is fs.ErrExist. The file appears whole.
func (w writer) putAbsent(root fileSystem, name string, data []byte) error {
	tmp, err := w.writeTemp(root, path.Dir(name), data)
	if err != nil {
		return err
	}
	defer root.Remove(tmp)
	if err := root.Link(tmp, name); err != nil {
		return err
	}
	return syncDir(root, path.Dir(name))
}

// replace gives name the content data, whole.
func (w writer) replace(root fileSystem, name string, data []byte) error {
	tmp, err := w.writeTemp(root, path.Dir(name), data)
	if err != nil {
		return err
	}
	if err := atomicfile.Rename(root, tmp, name); err != nil {
		root.Remove(tmp)
		return err
	}
	return syncDir(root, path.Dir(name))
}

// temp returns a new hidden name in dir.
func (w writer) temp(dir string) string {
	return path.Join(dir, tempPrefix+w.host+"-"+random36(8))
}

const tempPrefix = ".tmp-"

// writeTemp writes data to a new hidden file in dir and syncs it.
func (w writer) writeTemp(root fileSystem, dir string, data []byte) (name string, err error) {
	name = w.temp(dir)
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	for try := 0; errors.Is(err, fs.ErrExist) && try < 3; try++ {
		// No other has made this name: it was made here, and the answer got lost.
		_ = root.Remove(name)
		name = w.temp(dir)
		f, err = root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	}
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		root.Remove(name)
		return "", err
	}
	return name, nil
}

// remove removes a name. One that is gone was removed, and the answer was lost.
func remove(root fileSystem, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sweep removes the temporary files of this host in dir, and the directories that
// anybody made to have a fresh look and could not remove.
func (w writer) sweep(root fileSystem, dir string) error {
	entries, err := names(root, dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e, tempPrefix+w.host+"-") && !atomicfile.IsProbe(e) {
			continue
		}
		if err := remove(root, path.Join(dir, e)); err != nil {
			return err
		}
	}
	return nil
}
