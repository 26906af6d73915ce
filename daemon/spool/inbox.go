package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// An Entry is a request that lies in the inbox, as one look at it found it.
type Entry struct {
	Name    string // below inbox: "x.yaml" or "x/request.yaml"
	Size    int64
	ModTime time.Time
	Inode   uint64
	UID     int // its owner
}

// Base returns the name that a person gave the request, without its ending.
func (e Entry) Base() string {
	if dir, _, nested := strings.Cut(e.Name, "/"); nested {
		return dir
	}
	return strings.TrimSuffix(e.Name, path.Ext(e.Name))
}

// same reports whether two looks found the same file with the same content,
// as far as a look can tell.
func (e Entry) same(o Entry) bool {
	return e.Inode == o.Inode && e.Size == o.Size && e.ModTime.Equal(o.ModTime)
}

// nestedName is the request in a directory of the inbox.
const nestedName = "request.yaml"

func requestName(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json":
		return !junk(name)
	}
	return false
}

// Scan lists the requests in the inbox. Files that are no requests are passed
// over. A directory that this daemon may not write in cannot be claimed from:
// it gets a note beside it that says what to do.
func (s *Spool) Scan() ([]Entry, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	entries, err := s.listShared(InboxDir)
	if err != nil {
		return nil, fmt.Errorf("read inbox: %w", err)
	}
	var found []Entry
	for _, e := range entries {
		name := e.Name()
		switch {
		case e.Type().IsRegular() && requestName(name):
		case e.IsDir() && !junk(name):
			name += "/" + nestedName
		default:
			continue
		}
		entry, err := s.look(name)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			continue // gone meanwhile, or a directory without a request
		case errors.Is(err, fs.ErrPermission): // not ours to enter: the note is due
		case err != nil:
			return found, fmt.Errorf("read inbox: %w", err)
		}
		if e.IsDir() && !s.mayClaimIn(e.Name()) || entry.Inode == 0 {
			continue
		}
		found = append(found, entry)
	}
	return found, nil
}

// listShared lists a directory that users write in, and makes it again when
// somebody removed it.
func (s *Spool) listShared(dir string) ([]fs.DirEntry, error) {
	entries, err := list(s.root, dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return entries, err
	}
	if err := makeTree(s.root); err != nil {
		return nil, err
	}
	return list(s.root, dir)
}

// look returns the entry of a regular file; the inode of anything else is 0.
func (s *Spool) look(name string) (Entry, error) {
	fd, base, err := inboxParent(s.root, name)
	if err != nil {
		return Entry{}, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstatat(fd, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return Entry{}, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return Entry{}, nil
	}
	return entryOf(name, &st), nil
}

func entryOf(name string, st *unix.Stat_t) Entry {
	return Entry{Name: name, Size: st.Size, ModTime: time.Unix(st.Mtim.Unix()), Inode: st.Ino, UID: int(st.Uid)}
}

// inboxParent opens the directory of a request. A directory in the inbox is
// its user's, who may put a link in its place at any time: it is opened
// without following one, and used by that handle only.
func inboxParent(root fileSystem, name string) (fd int, base string, err error) {
	inbox, err := root.Open(InboxDir)
	if err != nil {
		return -1, "", err
	}
	defer inbox.Close()
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	dir, base, nested := strings.Cut(name, "/")
	if !nested {
		dir, base = ".", name
	}
	fd, err = unix.Openat(int(inbox.Fd()), dir, flags, 0)
	if err != nil {
		return -1, "", &fs.PathError{Op: "open", Path: path.Join(InboxDir, dir), Err: err}
	}
	return fd, base, nil
}

// Peek reads up to limit bytes from the end of a request in the inbox, and
// nothing when it changed since the look.
func (s *Spool) Peek(e Entry, limit int64) ([]byte, error) {
	fd, base, err := inboxParent(s.root, e.Name)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	file, err := unix.Openat(fd, base, flags, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: e.Name, Err: err}
	}
	f := os.NewFile(uintptr(file), e.Name)
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(file, &st); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: e.Name, Err: err}
	}
	if !entryOf(e.Name, &st).same(e) {
		return nil, ErrLost
	}
	return io.ReadAll(io.NewSectionReader(f, max(0, e.Size-limit), limit))
}

// mayClaimIn reports whether a request can be moved out of a directory of the
// inbox, and keeps the note beside the directory in step.
func (s *Spool) mayClaimIn(dir string) bool {
	note := path.Join(InboxDir, dir+".reason.txt")
	fd, _, err := inboxParent(s.root, dir+"/"+nestedName)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	err = unix.Faccessat(fd, ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	var st unix.Stat_t
	if err == nil && unix.Fstat(fd, &st) == nil && st.Mode&unix.S_ISVTX != 0 && int(st.Uid) != s.format.UID && s.format.UID != 0 {
		err = syscall.EPERM // sticky and not ours: files of others cannot be moved
	}
	if err == nil {
		s.root.Remove(note)
		return true
	}
	text := fmt.Sprintf("the daemon may not move inbox/%s/%s: run chmod g+w,-t on inbox/%s (its group must be the daemon's, gid %d)\n",
		dir, nestedName, dir, s.format.GID)
	// The note is a courtesy; a full disk must not stop the intake.
	_ = s.write.putAbsent(s.root, note, []byte(text))
	return false
}
