package roots

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"uredit/daemon/job"
)

const outputKey = "output_dir"

// dirMode is what a directory that is made gets: its group, which it takes
// from its parent, may write, and passes itself on.
const dirMode = fs.ModeSetgid | 0o775

// Dir is an open output directory. What is done in it goes through Root, by
// names that Root does not let out of it.
type Dir struct {
	*os.Root
	Path string // the absolute path that was asked for, cleaned
}

// OpenDir opens an output directory that exists.
func (s *Set) OpenDir(path string) (*Dir, error) {
	handle, rel, err := s.open(outputKey, path)
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	dir, err := openIn(handle, rel)
	if err != nil {
		return nil, s.outputError(handle, rel, path, err)
	}
	return s.admit(dir, path)
}

// MakeDir opens an output directory and makes the end of its path where it is
// missing; never a root.
func (s *Set) MakeDir(path string) (*Dir, error) {
	if reserved, is := s.reservedBy(RealPath(filepath.Clean(path))); is {
		return nil, reservedError(path, reserved)
	}
	handle, rel, err := s.open(outputKey, path)
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	dir, err := openTail(handle, rel)
	if err != nil {
		return nil, s.outputError(handle, rel, path, err)
	}
	return s.admit(dir, path)
}

// openIn opens a directory beneath handle. The "." at the end of the name makes
// the system look for a directory first: OpenRoot alone opens whatever is there,
// and waits for ever at a named pipe.
func openIn(handle *os.Root, name string) (*os.Root, error) { return handle.OpenRoot(name + "/.") }

// openTail opens rel and makes what is missing of it. From the first directory
// that is made on it steps from handle to handle: a name that is swapped for a
// link meanwhile is an error.
func openTail(handle *os.Root, rel string) (*os.Root, error) {
	names := strings.Split(rel, "/")
	there := len(names)
	var dir *os.Root
	for {
		prefix := filepath.Join(append([]string{"."}, names[:there]...)...)
		var err error
		if dir, err = openIn(handle, prefix); err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || there == 0 {
			return nil, err
		}
		if info, err := handle.Lstat(prefix); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return nil, fmt.Errorf("follow %s: %w", prefix, fs.ErrNotExist)
		}
		there--
	}
	for _, name := range names[there:] {
		next, err := makeIn(dir, name)
		dir.Close()
		if err != nil {
			return nil, err
		}
		dir = next
	}
	return dir, nil
}

// makeIn makes the directory name in dir, unless another host was faster, and
// opens it.
func makeIn(dir *os.Root, name string) (*os.Root, error) {
	made := true
	if err := dir.Mkdir(name, 0o775); errors.Is(err, fs.ErrExist) {
		made = false
	} else if err != nil {
		return nil, err
	}
	next, err := openIn(dir, name)
	if err != nil || !made {
		return next, err
	}
	// File systems without modes refuse this, and need it not.
	if err := setMode(next); err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, errors.ErrUnsupported) {
		next.Close()
		return nil, err
	}
	return next, nil
}

// setMode sets the mode of what is open, not of what its name means by now.
func setMode(dir *os.Root) error {
	f, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Chmod(dirMode)
}

// MkdirShared makes a directory in d that has d's group and passes it on, also
// where d, made by a user, does not: what is made in it is for that group. A
// process that may not give the group away leaves its own.
func (d *Dir) MkdirShared(name string, perm fs.FileMode) error {
	if err := d.Mkdir(name, perm); err != nil {
		return err
	}
	made, err := d.Open(name + "/.")
	if err != nil {
		return err
	}
	defer made.Close()
	info, err := d.Stat(".")
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	err = made.Chown(-1, int(st.Gid))
	if err == nil {
		err = made.Chmod(perm | fs.ModeSetgid)
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// admit refuses an opened directory that is reserved, by whatever links its
// path came there.
func (s *Set) admit(dir *os.Root, path string) (*Dir, error) {
	if len(s.reserved)+len(s.private) > 0 {
		real, err := openedPath(dir)
		if err != nil {
			dir.Close()
			return nil, fmt.Errorf("open output directory %s: %w", path, err)
		}
		if reserved, is := s.reservedBy(real); is {
			dir.Close()
			return nil, reservedError(path, reserved)
		}
	}
	return &Dir{Root: dir, Path: filepath.Clean(path)}, nil
}

func reservedError(path, reserved string) error {
	return &job.Error{Code: job.CodePathOutside, Key: outputKey,
		Message: fmt.Sprintf("%s takes no results: %s belongs to the daemon", path, reserved),
		Hint:    "name a directory of your own"}
}

// openedPath returns where an open directory lies now.
func openedPath(dir *os.Root) (string, error) {
	f, err := dir.Open(".")
	if err != nil {
		return "", err
	}
	defer f.Close()
	return os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
}

// SameFile reports whether name in d is the file that is open as f: an output
// that would replace its input. A symbolic link is not: a rename replaces the
// link and leaves its target.
func (d *Dir) SameFile(name string, f *os.File) (bool, error) {
	there, err := d.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("compare %s with the input: %w", filepath.Join(d.Path, name), err)
	}
	open, err := f.Stat()
	if err != nil {
		return false, fmt.Errorf("compare %s with the input: %w", filepath.Join(d.Path, name), err)
	}
	return os.SameFile(there, open), nil
}

// regularLimit is more than any file of a job's records takes, in bytes.
const regularLimit = 16 << 20

// ReadRegular reads a small regular file whose place belongs to users, as
// OpenRegular opens it; one of over 16 MiB is an error.
func (d *Dir) ReadRegular(name string) ([]byte, error) {
	f, err := d.OpenRegular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > regularLimit {
		return nil, fmt.Errorf("read %s: it is no small file", name)
	}
	return io.ReadAll(io.LimitReader(f, regularLimit))
}

// OpenRegular opens a regular file whose place belongs to users: a pipe, a device
// or a link there is an error, not something to wait for or to follow.
func (d *Dir) OpenRegular(name string) (*os.File, error) {
	f, err := d.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: it is no regular file", name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
