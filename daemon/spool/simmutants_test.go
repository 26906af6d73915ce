package spool

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
)

// swapless is the mistake of moving a name by making the new one and removing the
// old one.
type swapless struct{ fileSystem }

func (m swapless) Rename(oldName, newName string) error {
	if path.Dir(newName) != ActiveDir {
		return m.fileSystem.Rename(oldName, newName)
	}
	if err := m.Link(oldName, newName); err != nil {
		return err
	}
	return m.Remove(oldName)
}

// TestStormCatches: several hosts that copy and remove are told that each of them
// has the job. Storms that do not find that prove nothing.
func TestStormCatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(100) {
			_, told := storm(t, seed, func(f fileSystem) fileSystem { return swapless{f} })
			if told != nil {
				t.Logf("caught with seed %d: %v", seed, told)
				return
			}
		}
		t.Error("nobody noticed")
	})
}

// statting is the mistake of asking stat whether a name is free, and whether a
// rename was done.
type statting struct {
	fileSystem
	doubted map[string]bool
}

func (m statting) Rename(oldName, newName string) error {
	if _, err := m.Lstat(newName); err == nil {
		return syscall.EEXIST
	}
	err := m.fileSystem.Rename(oldName, newName)
	if err != nil {
		m.doubted[newName] = true
	}
	return err
}

// Mkdir makes no probes, which would make the client ask its server.
func (m statting) Mkdir(name string, perm fs.FileMode) error {
	if strings.HasPrefix(path.Base(name), tempPrefix) {
		return nil
	}
	return m.fileSystem.Mkdir(name, perm)
}

func (m statting) Open(name string) (file, error) {
	f, err := m.fileSystem.Open(name)
	if err != nil {
		return nil, err
	}
	return stattingFile{f, m, path.Clean(name)}, nil
}

type stattingFile struct {
	file
	statting
	dir string
}

func (f stattingFile) Readdirnames(n int) ([]string, error) {
	names, err := f.file.Readdirnames(n)
	for name := range f.doubted {
		if path.Dir(name) != f.dir {
			continue
		}
		base := path.Base(name)
		names = slices.DeleteFunc(names, func(s string) bool { return s == base })
		if _, err := f.Lstat(name); err == nil {
			names = append(names, base)
		}
	}
	return names, err
}

func (f stattingFile) Close() error { return f.file.Close() }

// TestLostAnswerCatches: who asks stat is told by its memory that a rename did
// not happen which did.
func TestLostAnswerCatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var caught error
		stat := func(f fileSystem) fileSystem { return statting{f, map[string]bool{}} }
		loseAnswers(t, stat, func(op simOp, _, told error) bool {
			caught = told
			return caught == nil
		})
		if caught == nil {
			t.Error("nobody noticed")
		}
		t.Logf("caught: %v", caught)
	})
}
