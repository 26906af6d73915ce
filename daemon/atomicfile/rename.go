// Package atomicfile makes files whole, on file systems whose answers get
// lost: a network file system may say that a rename failed which it has done.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// A Dir is the part of os.Root that is needed here.
type Dir[F fs.File] interface {
	Lstat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (F, error)
	Mkdir(name string, perm fs.FileMode) error
	Rename(oldName, newName string) error
	Remove(name string) error
}

// Rename renames oldName to newName in root. When the answer is an error that a
// rename may bring which was done, the file that has the new name decides: it is
// the one that was to be renamed, or the rename failed.
func Rename[F fs.File](root Dir[F], oldName, newName string) error {
	return settle(root, oldName, newName, root.Rename, func(file fs.FileInfo) bool { return has(root, newName, file) })
}

// RenameOwn does the same for a file in a directory that the caller alone moves
// files out of. A file that is gone from there, while the directory is not, has
// its new name: that can be told where the new name itself is still remembered
// as another file's.
func RenameOwn[F fs.File](root Dir[F], oldName, newName string) error {
	return settle(root, oldName, newName, root.Rename, func(file fs.FileInfo) bool {
		err := root.Rename(oldName, newName) // a rename that was not done is done now
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err == nil
		}
		return Stir(root, path.Dir(oldName)) == nil || has(root, newName, file)
	})
}

// Replace gives data the name newName in root, by way of the file tmp in a
// directory that RenameOwn may be used on. What lies at tmp goes. The data is
// durable before it has the name: the other way round a loss of power leaves the
// name with an empty file. That the name is durable too is for the caller to see to.
func Replace(root *os.Root, tmp, newName string, data []byte, mode fs.FileMode) (err error) {
	defer func() {
		if err != nil {
			_ = root.Remove(tmp) // there or not: the error that counts is err
		}
	}()
	f, err := Create(root, tmp, 0, mode)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	// NFS and quotas report a full disk at the end.
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return RenameOwn(root, tmp, newName)
}

// Create makes a new file, for writing and with the further flags, in a directory
// that the caller alone makes files in. What lies there under its name goes: a
// crash left it, or it was made and the answer was lost.
func Create[F fs.File](root Dir[F], name string, flags int, mode fs.FileMode) (f F, err error) {
	for try := 0; ; try++ {
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		f, err = root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|flags, mode)
		if !errors.Is(err, fs.ErrExist) || try == 3 {
			return f, err
		}
		_ = Stir(root, path.Dir(name)) // or the removal may be answered from memory
	}
}

func settle[F fs.File](root Dir[F], oldName, newName string, rename func(oldName, newName string) error, done func(fs.FileInfo) bool) error {
	file, err := root.Lstat(oldName)
	if err != nil {
		return err
	}
	answer := rename(oldName, newName)
	if answer == nil || !doubtful(answer) || !done(file) {
		return answer
	}
	return nil
}

// has reports whether name is a file. It is opened: a network file system answers
// that by asking its server, and other questions from memory.
func has[F fs.File](root Dir[F], name string, file fs.FileInfo) bool {
	_ = Stir(root, path.Dir(name)) // without it the open may be answered from memory too
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	there, err := f.Stat()
	return err == nil && Same(file, there)
}

// Same reports whether two looks, at an open file or at a name, found the same
// file.
func Same(a, b fs.FileInfo) bool {
	x, isX := a.Sys().(*syscall.Stat_t)
	y, isY := b.Sys().(*syscall.Stat_t)
	return isX && isY && x.Dev == y.Dev && x.Ino == y.Ino
}

// Probes are empty directories that are made and removed at once, so that a client
// has to look again.
const (
	probePrefix = ".uredit-"
	probeRandom = 8
)

// IsProbe reports whether a name is that of a probe. One that is still there could
// not be removed, or is about to be.
func IsProbe(name string) bool {
	return len(name) == len(probePrefix)+probeRandom && strings.HasPrefix(name, probePrefix)
}

// Stir changes a directory, after which a network client asks its server what is
// in it. An error says that the directory is gone, or cannot be written in.
func Stir[F fs.File](root Dir[F], dir string) error {
	name := path.Join(dir, probePrefix+rand.Text()[:probeRandom])
	if err := root.Mkdir(name, 0o700); err != nil {
		return err
	}
	_ = root.Remove(name) // one that stays is empty, and harms nobody
	return nil
}

// doubtful reports whether a rename that was done may be answered with err.
func doubtful(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ESTALE) ||
		errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, syscall.EINTR)
}
