package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds beside the store's own limit.
const (
	share    = 20      // the store takes one part in so many of its disk at most
	spare    = 1 << 30 // bytes of the disk that stay free for jobs
	spareOf  = 25      // but not more than one part in so many
	recount  = 10 * time.Minute
	leftover = 24 * time.Hour // after which what is in tmp belongs to nobody
)

// held is an entry with what decides whether it stays.
type held struct {
	key  Key
	size int64
	used time.Time // last
}

// space asks the file system of a directory.
func space(root *os.Root) (all, free int64, err error) {
	f, err := root.Open(".")
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return 0, 0, fmt.Errorf("look for room: %w", err)
	}
	return int64(st.Blocks) * st.Bsize, int64(st.Bavail) * st.Bsize, nil
}

// bound returns how many bytes may be used at present, of which some are.
func (s *Store) bound(used int64) (int64, error) {
	all, free, err := s.space()
	if err != nil {
		return 0, err
	}
	if all <= 0 { // a file system that does not tell
		return s.limit, nil
	}
	keep := min(spare, all/spareOf)
	return max(0, min(s.limit, all/share, used+free-keep)), nil
}

// makeRoom removes entries until so many bytes more fit, the one that was used
// longest ago first. It reports whether they fit.
func (s *Store) makeRoom(more int64) (fits bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bound, err := s.bound(s.used)
	if err != nil || more > bound {
		return false, err
	}
	if s.used+more <= bound && time.Since(s.counted) < recount {
		return true, nil
	}
	entries, err := s.count()
	if err != nil {
		return false, err
	}
	if bound, err = s.bound(s.used); err != nil || more > bound {
		return false, err
	}
	if s.used+more <= bound {
		return true, nil
	}
	// A tenth more than is needed: counting is what costs.
	want := max(0, bound-bound/10-more)
	slices.SortFunc(entries, func(a, b held) int { return a.used.Compare(b.used) })
	for _, e := range entries {
		if s.used <= want {
			break
		}
		if err := s.remove(e.key); err != nil {
			return false, fmt.Errorf("make room in the cache: %w", err)
		}
		s.used -= e.size
	}
	return s.used+more <= bound, nil
}

// count looks at all entries, and removes what nobody is making any more. The
// caller holds mu.
func (s *Store) count() ([]held, error) {
	if err := s.sweep(time.Now()); err != nil {
		return nil, fmt.Errorf("sweep the cache: %w", err)
	}
	entries, err := list(s.root)
	if err != nil {
		return nil, fmt.Errorf("count the cache: %w", err)
	}
	s.used, s.counted = 0, time.Now()
	for _, e := range entries {
		s.used += e.size
	}
	return entries, nil
}

// Used returns the bytes that the store holds, as far as this process knows.
func (s *Store) Used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// Count brings what Used returns up to date, which is done from time to time by
// Put as well.
func (s *Store) Count() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.count()
	return err
}

func (s *Store) sweep(now time.Time) error {
	left, err := fs.ReadDir(s.root.FS(), tmpDir)
	if err != nil {
		return err
	}
	for _, e := range left {
		info, err := e.Info()
		if err != nil || now.Sub(info.ModTime()) < leftover {
			continue // gone meanwhile, or at work
		}
		if err := s.root.RemoveAll(path.Join(tmpDir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// list returns the entries of a store. One that goes meanwhile is left out.
func list(root *os.Root) ([]held, error) {
	var entries []held
	for _, kind := range []string{results, masks} {
		dirs, err := fs.ReadDir(root.FS(), kind)
		if err != nil {
			return nil, err
		}
		for _, d := range dirs {
			e := held{key: Key(path.Join(kind, d.Name()))}
			if err := e.look(root); err != nil {
				return nil, err
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// look fills in an entry's size and time. Without a file named entry it was
// never used.
func (e *held) look(root *os.Root) error {
	files, err := fs.ReadDir(root.FS(), string(e.key))
	if err != nil {
		if gone(err) {
			return nil
		}
		return err
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			continue // gone meanwhile
		}
		e.size += info.Size()
		if f.Name() == entryName {
			e.used = info.ModTime()
		}
	}
	return nil
}

// Retire removes the entries of the store in dir that were last used before a
// time, and what a crash left there. It returns their keys, or those that it would
// remove when dry. Where there is no store nothing is to be removed. No daemon
// need run, and one that does is not disturbed.
func Retire(dir string, before time.Time, dry bool) (removed []Key, err error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open cache: %w", err)
	}
	defer root.Close()
	s := &Store{root: root}
	entries, err := list(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look into cache %s: %w", dir, err)
	}
	for _, e := range entries {
		if !e.used.Before(before) {
			continue
		}
		if !dry {
			if err := s.remove(e.key); err != nil {
				return removed, fmt.Errorf("remove from cache %s: %w", dir, err)
			}
		}
		removed = append(removed, e.key)
	}
	if !dry {
		err = s.sweep(time.Now())
	}
	return removed, err
}
