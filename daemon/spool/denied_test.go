package spool

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

// denier is a file system whose answers get lost: a file server says that a file
// is there when it has just made it, and that none is when it has removed it.
type denier struct {
	fileSystem
	made *int
}

func (d denier) OpenFile(name string, flag int, perm fs.FileMode) (file, error) {
	f, err := d.fileSystem.OpenFile(name, flag, perm)
	if err != nil || flag&os.O_EXCL == 0 {
		return f, err
	}
	if *d.made++; *d.made%2 == 0 { // asked again it answers
		return f, nil
	}
	return nil, errors.Join(&fs.PathError{Op: "openat", Path: name, Err: syscall.EEXIST}, f.Close())
}

func (d denier) Remove(name string) error {
	if err := d.fileSystem.Remove(name); err != nil {
		return err
	}
	return &fs.PathError{Op: "unlinkat", Path: name, Err: syscall.ENOENT}
}

// TestDenied: a file that was made, or removed, and denied is no trouble.
func TestDenied(t *testing.T) {
	s := newSpool(t)
	s.root = denier{s.root, new(int)}
	const j = "260101T000000-aaaaaa"
	if err := s.ReserveID("test_001", j); err != nil {
		t.Error(err)
	}
	if err := s.ReleaseID("test_001", j); err != nil {
		t.Error(err)
	}
	if err := s.stir(ActiveDir); err != nil {
		t.Error(err)
	}
	c := claimed(t, s, "x.yaml", "r")
	if err := s.giveBack(c.file(), "x.yaml"); err != nil {
		t.Error(err)
	}
}
