package roots

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"uredit/daemon/job"
)

// inputError says why an input did not open.
func (s *Set) inputError(handle *os.Root, rel, path string, err error) error {
	if e := s.linkError(handle, rel, inputKey, path); e != nil {
		return e
	}
	e := &job.Error{Key: inputKey, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		e.Code, e.Message = job.CodeInputMissing, path+" does not exist"
		e.Hint = "check the path, as the daemon's host sees it"
	case errors.Is(err, fs.ErrPermission):
		e.Code = job.CodeInputUnreadable
		e.Message, e.Hint = denied(handle, rel, "read", "a+r")
	default:
		e.Code, e.Retryable = job.CodeInputUnreadable, passing(err)
		e.Message = fmt.Sprintf("%s: %v", path, cause(err))
	}
	return e
}

// outputError says why an output directory did not open or was not made.
func (s *Set) outputError(handle *os.Root, rel, path string, err error) error {
	if e := s.linkError(handle, rel, outputKey, path); e != nil {
		return e
	}
	e := &job.Error{Key: outputKey, Code: job.CodeUnwritable, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Code, e.Message = job.CodeOutputMissing, path+" does not exist"
		e.Hint = "make the directory first"
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		e.Message, e.Hint = path+" is not a directory", "name another output_dir"
	case errors.Is(err, fs.ErrPermission):
		e.Message, e.Hint = denied(handle, rel, "write in", "g+rwx")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e.Code, e.Retryable, e.Message = job.CodeDiskFull, true, path+": "+cause(err).Error()
	case errors.Is(err, syscall.EROFS):
		e.Message, e.Hint = path+" lies on a file system that is mounted read-only", "mount it for writing"
	default:
		e.Retryable, e.Message = passing(err), fmt.Sprintf("%s: %v", path, cause(err))
	}
	return e
}

// passing reports whether an error is the machine's: a share that is gone for
// now, a broken disk, no more descriptors. Everything else the path is to blame
// for, and will be tomorrow.
func passing(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains([]syscall.Errno{
		syscall.EIO, syscall.ESTALE, syscall.ETIMEDOUT, syscall.EHOSTDOWN, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN, syscall.EINTR,
	}, errno)
}

// denied names the part of a path that keeps this process out, and the command
// that lets it in.
func denied(handle *os.Root, rel, what, mode string) (message, hint string) {
	at, below := handle.Name(), ""
	for _, name := range strings.Split(rel, "/") {
		below = filepath.Join(below, name)
		if _, err := handle.Stat(below); errors.Is(err, fs.ErrPermission) {
			return fmt.Sprintf("user %d may not enter %s", os.Geteuid(), at), "chmod a+rx " + at
		} else if err != nil {
			break // at is the last part that is there
		}
		at = filepath.Join(handle.Name(), below)
	}
	return fmt.Sprintf("user %d may not %s %s", os.Geteuid(), what, at), "chmod " + mode + " " + at
}

// linkError explains a symbolic link on the way that a root's handle does not
// follow, or returns nil when none is to blame.
func (s *Set) linkError(handle *os.Root, rel, key, path string) error {
	// A link of a link is found by following by hand; names on the way are few.
	for left := 40; left > 0; left-- {
		link, target, found := firstLink(handle, rel)
		if !found {
			return nil
		}
		base := handle.Name()
		shown := filepath.Join(base, link)
		rest := strings.TrimPrefix(strings.TrimPrefix(rel, link), "/")
		if filepath.IsAbs(target) {
			whole := filepath.Join(target, rest)
			if _, _, inside := s.find(target); inside {
				return &job.Error{Code: job.CodePathOutside, Key: key,
					Message: fmt.Sprintf("%s: %s is a symbolic link with the absolute target %s, which is not followed", path, shown, target),
					Hint:    fmt.Sprintf("write %s instead, or make the link relative: ln -sfnr %s %s", whole, target, shown)}
			}
			return outside(key, path, shown, target)
		}
		next := filepath.Join(filepath.Dir(link), target)
		if !filepath.IsLocal(next) {
			return outside(key, path, shown, target)
		}
		rel = filepath.Join(next, rest)
	}
	return &job.Error{Code: job.CodePathOutside, Key: key,
		Message: path + ": symbolic links lead in a circle", Hint: "name the file itself"}
}

func outside(key, path, link, target string) error {
	return &job.Error{Code: job.CodePathOutside, Key: key,
		Message: fmt.Sprintf("%s: %s is a symbolic link to %s, outside the allowed directories", path, link, target),
		Hint:    "copy the file beneath an allowed directory, or have its place added to the daemon's roots"}
}

// firstLink returns the shortest prefix of rel that is a symbolic link.
func firstLink(handle *os.Root, rel string) (link, target string, found bool) {
	at := ""
	for _, name := range strings.Split(rel, "/") {
		at = filepath.Join(at, name)
		info, err := handle.Lstat(at)
		if err != nil {
			return "", "", false
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		target, err := handle.Readlink(at)
		return at, target, err == nil
	}
	return "", "", false
}
