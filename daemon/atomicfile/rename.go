// Package atomicfile gives files their names on file systems whose answers get
// lost: a network file system may say that a rename failed which it has done.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// Rename renames oldName to newName in root. When the answer is an error that a
// rename may bring which was done, the file that has the new name decides: it is
// the one that was to be renamed, or the rename failed.
func Rename(root *os.Root, oldName, newName string) error {
	return settle(root, oldName, newName, root.Rename)
}

func settle(root *os.Root, oldName, newName string, rename func(oldName, newName string) error) error {
	file, err := root.Lstat(oldName)
	if err != nil {
		return err
	}
	answer := rename(oldName, newName)
	if answer == nil || !doubtful(answer) {
		return answer
	}
	// A client that was told that a name is not there believes it for a while. A
	// change of the directory makes it ask again.
	stir := path.Join(path.Dir(newName), ".uredit-"+rand.Text()[:8])
	if root.Mkdir(stir, 0o700) == nil {
		_ = root.Remove(stir) // an empty directory that stays harms nobody
	}
	if there, err := root.Lstat(newName); err == nil && os.SameFile(file, there) {
		return nil
	}
	return answer
}

// doubtful reports whether a rename that was done may be answered with err.
func doubtful(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ESTALE) ||
		errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, syscall.EINTR)
}
