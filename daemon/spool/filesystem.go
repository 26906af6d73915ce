package spool

import (
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// A fileSystem is a directory and what is beneath it, as far as the spool uses
// it. Names are relative to the directory and never lead out of it. Its methods
// are those of os.Root; errors match the errors of package fs and of syscall.
//
// Everything that the spool does to its files goes through here: tests put file
// systems in its place that forget what was not synced, answer from memory and
// lose replies.
type fileSystem interface {
	Name() string
	Open(name string) (file, error)
	OpenFile(name string, flag int, perm fs.FileMode) (file, error)
	ReadFile(name string) ([]byte, error)
	Stat(name string) (fs.FileInfo, error)
	Lstat(name string) (fs.FileInfo, error)
	Mkdir(name string, perm fs.FileMode) error
	Chmod(name string, mode fs.FileMode) error
	Rename(oldName, newName string) error
	Link(oldName, newName string) error
	Remove(name string) error
	Close() error
	// RenameRequest renames a request, whose name is relative to the inbox. It
	// follows no link that a user put in the way.
	RenameRequest(name, newName string) error
}

// A file is an open file or directory of a fileSystem.
type file interface {
	io.Reader
	io.Writer
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error
	Readdirnames(n int) ([]string, error)
	ReadDir(n int) ([]fs.DirEntry, error)
	Fd() uintptr
}

// disk is the fileSystem of the kernel.
type disk struct{ *os.Root }

func (d disk) Open(name string) (file, error) { return d.OpenFile(name, os.O_RDONLY, 0) }

func (d disk) OpenFile(name string, flag int, perm fs.FileMode) (file, error) {
	f, err := d.Root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err // a nil *os.File would be a file that is not nil
	}
	return f, nil
}

func (d disk) RenameRequest(name, newName string) error {
	from, base, err := inboxParent(d, name)
	if err != nil {
		return err
	}
	defer unix.Close(from)
	to, err := d.Open(path.Dir(newName))
	if err != nil {
		return err
	}
	defer to.Close()
	if err := unix.Renameat(from, base, int(to.Fd()), path.Base(newName)); err != nil {
		return &os.LinkError{Op: "rename", Old: path.Join(InboxDir, name), New: newName, Err: err}
	}
	return nil
}

// createFile writes a new file that is not synced.
func createFile(root fileSystem, name string, perm fs.FileMode) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	return f.Close()
}
