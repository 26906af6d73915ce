package roots

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"uredit/daemon/job"
)

// IDName is the file, directly in a root, that tells the root from the empty
// directory that is left when a share is not mounted. It holds the root's id and
// a newline.
const IDName = ".uredit-root"

var idPattern = regexp.MustCompile(`^[a-z0-9]{16}$`)

// Expect says which id a root shows. From then on a root that shows another one,
// or none, is refused whenever a path in it is opened: it is not mounted here.
func (s *Set) Expect(root, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids[root] = id
}

// expected returns the id of a root, "" where none is known.
func (s *Set) expected(root string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids[root]
}

// Unidentified returns the root that a path lies in, if it is not known yet
// which id that root shows.
func (s *Set) Unidentified(path string) (root string, ok bool) {
	in, _, found := s.find(path)
	return in.path, found && s.expected(in.path) == ""
}

// Identify returns the id that a root shows, and gives it one where it has none.
// Of several hosts that do so at once one makes the id. fs.ErrPermission, or
// EROFS, says that this process cannot.
func (s *Set) Identify(root string) (id string, err error) {
	handle, err := os.OpenRoot(root)
	if err != nil {
		return "", rootError(root, err)
	}
	defer handle.Close()
	if id, err = readID(handle); !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	if err := writeID(handle, strings.ToLower(rand.Text()[:16])); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("identify root %s: %w", root, err)
	}
	return readID(handle)
}

// Check looks whether the root that path lies in is there and is the one that is
// expected. The error is a *job.Error.
func (s *Set) Check(path string) error {
	handle, _, err := s.open("", path)
	if err != nil {
		return err
	}
	return handle.Close()
}

// Missing returns what is wrong with the roots whose ids are known, nil when
// all are there.
func (s *Set) Missing() error {
	var errs []error
	for _, r := range s.roots {
		if s.expected(r.path) != "" {
			errs = append(errs, s.Check(r.path))
		}
	}
	return errors.Join(errs...)
}

// verify refuses a root that does not show its id.
func (s *Set) verify(handle *os.Root, root string) error {
	want := s.expected(root)
	if want == "" {
		return nil
	}
	if got, err := readID(handle); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return rootError(root, err)
	} else if got == want {
		return nil
	}
	return &job.Error{Code: job.CodeRootMissing, Retryable: true,
		Message: fmt.Sprintf("root %s is another directory than before: its %s does not say %s", root, IDName, want),
		Hint:    fmt.Sprintf("mount the share on this host; where the directory is new on purpose: echo %s > %s", want, filepath.Join(root, IDName))}
}

// readID reads a root's id. Users may write in a root: what is no small regular
// file is not waited for.
func readID(handle *os.Root) (string, error) {
	f, err := handle.OpenFile(IDName, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no regular file", filepath.Join(handle.Name(), IDName))
	}
	data, err := io.ReadAll(io.LimitReader(f, 100))
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(data))
	if !idPattern.MatchString(id) {
		return "", fmt.Errorf("%s holds no id", filepath.Join(handle.Name(), IDName))
	}
	return id, nil
}

// writeID makes the file of a root's id, whole, unless there is one.
func writeID(handle *os.Root, id string) error {
	tmp := IDName + ".tmp-" + id
	f, err := handle.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer handle.Remove(tmp)
	_, err = io.WriteString(f, id+"\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return handle.Link(tmp, IDName)
}
