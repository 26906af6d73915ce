package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"sync"
	"syscall"
	"time"

	"uredit/daemon/atomicfile"
)

// DirName is the name of a store's directory in a spool's root, where it lies
// unless the configuration says otherwise.
const DirName = "cache"

const (
	tmpDir    = "tmp"
	entryName = "entry"
	// maxEntryBytes bounds the file that describes an entry.
	maxEntryBytes = 8 << 20
)

var (
	// ErrMiss says that there is no entry.
	ErrMiss = errors.New("not in the cache")
	// ErrSpoilt says that there was an entry whose files are not what was put in.
	// It is removed.
	ErrSpoilt = errors.New("the entry of the cache is spoilt")
)

// A Store is a cache in one directory. Its methods may be called from several
// goroutines, and other processes may use the directory at the same time.
type Store struct {
	root  *os.Root
	limit int64 // bytes
	// space asks how many bytes the file system has, and how many of them are free.
	space func() (all, free int64, err error)

	mu      sync.Mutex
	used    int64     // bytes, as far as this process knows
	counted time.Time // when used was the truth; zero before
}

// Open opens the store in a directory, which it makes, but not its parents: they
// may be a share that is not mounted. It holds at most limit bytes, and less on
// a small or a full disk. The directory is closed to all but its owner; one that
// holds something else is left alone.
func Open(dir string, limit int64) (*Store, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("open cache: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open cache: %w", err)
	}
	s := &Store{root: root, limit: limit, space: func() (all, free int64, err error) { return space(root) }}
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("open cache %s: %w", dir, errors.Join(err, root.Close()))
	}
	return s, nil
}

func (s *Store) prepare() error {
	there, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return err
	}
	if len(there) > 0 && !slices.ContainsFunc(there, func(e fs.DirEntry) bool { return e.Name() == results }) {
		return fmt.Errorf("it holds %s, which no cache does", there[0].Name())
	}
	info, err := s.root.Stat(".")
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := s.root.Chmod(".", 0o700); err != nil {
			return err
		}
	}
	for _, name := range []string{results, masks, tmpDir} {
		if err := s.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// Close gives the directory back.
func (s *Store) Close() error { return s.root.Close() }

// Get copies the files of an entry into dst, where none of their names may be
// taken, and verifies the copies. After an error none is there. The error is
// ErrMiss where there is no entry, or wraps ErrSpoilt.
func (s *Store) Get(ctx context.Context, k Key, dst *os.Root) (Entry, error) {
	e, err := s.read(k)
	if err == nil {
		err = s.copyOut(ctx, k, e, dst)
	}
	switch {
	case errors.Is(err, ErrSpoilt):
		err = fmt.Errorf("%s: %w", k, err)
		if failed := s.remove(k); failed != nil {
			err = fmt.Errorf("%w; remove it: %w", err, failed)
		}
		return Entry{}, err
	case gone(err):
		return Entry{}, ErrMiss
	case err != nil:
		return Entry{}, fmt.Errorf("copy %s from the cache: %w", k, err)
	}
	// The time of the last use, which is what decides who stays. Where it cannot
	// be set the entry goes by its age.
	now := time.Now()
	_ = s.root.Chtimes(path.Join(string(k), entryName), now, now)
	return e, nil
}

// gone reports whether an error says that a file is not there, or no longer.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESTALE)
}

// read returns what an entry says of itself.
func (s *Store) read(k Key) (Entry, error) {
	f, err := s.root.Open(path.Join(string(k), entryName))
	if err != nil {
		return Entry{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxEntryBytes))
	if err != nil {
		return Entry{}, err
	}
	return parseEntry(data)
}

func (s *Store) copyOut(ctx context.Context, k Key, e Entry, dst *os.Root) error {
	for i, f := range e.Files {
		err := s.copyFile(ctx, path.Join(string(k), f.Name), f, dst)
		if err == nil {
			continue
		}
		for _, made := range e.Files[:i] {
			err = errors.Join(err, dst.Remove(made.Name))
		}
		return err
	}
	return nil
}

func (s *Store) copyFile(ctx context.Context, from string, f File, dst *os.Root) error {
	in, err := s.root.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return copyVerified(ctx, dst, f, in)
}

// Put makes an entry, in the place of one that is there. Open returns each of its
// files for reading; a file that is not what e says of it is an error, and
// nothing is put. One for which there is no room is not put, which is no error.
func (s *Store) Put(ctx context.Context, k Key, e Entry, open func(File) (*os.File, error)) error {
	if !e.valid() {
		return fmt.Errorf("put %s into the cache: a file has a name that it cannot have", k)
	}
	fits, err := s.makeRoom(e.size())
	if err != nil || !fits {
		return err
	}
	tmp := path.Join(tmpDir, rand.Text())
	if err := s.fill(ctx, tmp, e, open); err != nil {
		return fmt.Errorf("put %s into the cache: %w", k, errors.Join(err, s.root.RemoveAll(tmp)))
	}
	if err := s.place(tmp, k); err != nil {
		return fmt.Errorf("put %s into the cache: %w", k, errors.Join(err, s.root.RemoveAll(tmp)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used += e.size()
	return nil
}

// place gives what was made in tmp its name, and takes away what had it. Where
// another process is as fast, either's entry is as good.
func (s *Store) place(tmp string, k Key) error {
	taken := func(err error) bool { return errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) }
	err := atomicfile.Rename(s.root, tmp, string(k))
	if !taken(err) {
		return err
	}
	if err := s.remove(k); err != nil {
		return err
	}
	if err = atomicfile.Rename(s.root, tmp, string(k)); taken(err) {
		return s.root.RemoveAll(tmp)
	}
	return err
}

func (s *Store) fill(ctx context.Context, tmp string, e Entry, open func(File) (*os.File, error)) error {
	if err := s.root.Mkdir(tmp, 0o700); err != nil {
		return err
	}
	dir, err := s.root.OpenRoot(tmp)
	if err != nil {
		return err
	}
	defer dir.Close()
	for _, f := range e.Files {
		in, err := open(f)
		if err != nil {
			return err
		}
		err = copyVerified(ctx, dir, f, in)
		if err = errors.Join(err, in.Close()); err != nil {
			return err
		}
	}
	data, err := formatEntry(&e)
	if err != nil {
		return err
	}
	return dir.WriteFile(entryName, data, 0o600)
}

// remove takes an entry away. Another process that is doing the same is no error.
func (s *Store) remove(k Key) error {
	tmp := path.Join(tmpDir, rand.Text())
	if err := s.root.Rename(string(k), tmp); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return s.root.RemoveAll(tmp)
}
