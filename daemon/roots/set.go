package roots

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"uredit/daemon/job"
)

// Set is the directories in which inputs and outputs may lie.
type Set struct {
	roots    []root
	reserved []string // real paths of directories that take no outputs
	private  []string // real paths of directories that take no outputs and give no inputs

	mu  sync.Mutex
	ids map[string]string // what each root shows in IDName, by its path
}

// root is one allowed directory. Users may name it by the configured path or
// by what that path resolves to.
type root struct {
	path, real string
}

// Open returns the set of the given directories: absolute paths. One that does
// not exist may be a share that is mounted later: until then what needs it meets
// job.CodeRootMissing. Outputs may not lie in the reserved ones (those of the
// spool), nor directly in a parent of one.
func Open(dirs []string, reserved ...string) (*Set, error) {
	s := &Set{ids: map[string]string{}}
	for _, dir := range dirs {
		if !filepath.IsAbs(dir) {
			return nil, fmt.Errorf("root %s: the path is not absolute", dir)
		}
		handle, err := os.OpenRoot(dir)
		if err == nil {
			err = handle.Close()
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, rootError(dir, err)
		}
		s.roots = append(s.roots, root{path: filepath.Clean(dir), real: RealPath(filepath.Clean(dir))})
	}
	for _, dir := range reserved {
		s.reserved = append(s.reserved, RealPath(filepath.Clean(dir)))
	}
	return s, nil
}

// Reserve keeps inputs and outputs out of a directory of the daemon's own: an
// absolute path. It is to be called before the set is used.
func (s *Set) Reserve(dir string) { s.private = append(s.private, RealPath(filepath.Clean(dir))) }

// privateTo returns the directory of Reserve that a real path lies in.
func (s *Set) privateTo(path string) (string, bool) {
	i := slices.IndexFunc(s.private, func(dir string) bool { _, inside := beneath(dir, path); return inside })
	if i < 0 {
		return "", false
	}
	return s.private[i], true
}

// Dirs returns the roots as they were given.
func (s *Set) Dirs() []string {
	dirs := make([]string, len(s.roots))
	for i, r := range s.roots {
		dirs[i] = r.path
	}
	return dirs
}

// find returns the root that path lies in and the rest of the path. The path
// is cleaned by its text: "a/link/.." is "a", whatever link is.
func (s *Set) find(path string) (in root, rel string, ok bool) {
	if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
		return root{}, "", false
	}
	path = filepath.Clean(path)
	longest := -1
	for _, r := range s.roots {
		for _, prefix := range []string{r.path, r.real} {
			if rest, inside := beneath(prefix, path); inside && len(prefix) > longest {
				in, rel, ok, longest = r, rest, true, len(prefix)
			}
		}
	}
	return in, rel, ok
}

// beneath returns path relative to dir, "." for dir itself. Both are clean.
func beneath(dir, path string) (string, bool) {
	if path == dir {
		return ".", true
	}
	if dir != "/" {
		dir += "/"
	}
	rel, ok := strings.CutPrefix(path, dir)
	return rel, ok
}

// open opens the root that path lies in. The caller closes the handle.
func (s *Set) open(key, path string) (handle *os.Root, rel string, err error) {
	in, rel, ok := s.find(path)
	if !ok {
		return nil, "", &job.Error{Code: job.CodePathOutside, Key: key,
			Message: path + " lies outside the allowed directories",
			Hint:    "allowed are " + strings.Join(s.Dirs(), ", ") + " and what is beneath; the daemon's configuration lists them as roots"}
	}
	handle, err = os.OpenRoot(in.path)
	if err != nil {
		return nil, "", rootError(in.path, err)
	}
	if err := s.verify(handle, in.path); err != nil {
		handle.Close()
		return nil, "", err
	}
	return handle, rel, nil
}

func rootError(dir string, err error) error {
	return &job.Error{Code: job.CodeRootMissing, Retryable: true, Err: err,
		Message: fmt.Sprintf("root %s: %v", dir, cause(err)),
		Hint:    "is the share mounted, and may the daemon enter it?"}
}

// reservedBy returns the reserved directory that keeps outputs out of dir.
func (s *Set) reservedBy(dir string) (string, bool) {
	i := slices.IndexFunc(s.reserved, func(r string) bool {
		_, inside := beneath(r, dir)
		return inside || dir == filepath.Dir(r)
	})
	if i < 0 {
		return s.privateTo(dir)
	}
	return s.reserved[i], true
}

// RealPath resolves the symbolic links in what of path is there.
func RealPath(path string) string {
	for rest := ""; ; {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Join(real, rest)
		}
		rest = filepath.Join(filepath.Base(path), rest)
		if path = filepath.Dir(path); path == "/" || path == "." {
			return filepath.Join(path, rest)
		}
	}
}

// cause returns what went wrong without the operation and the path.
func cause(err error) error {
	for {
		switch e := err.(type) {
		case *fs.PathError:
			err = e.Err
		case *os.SyscallError:
			err = e.Err
		default:
			return err
		}
	}
}
