package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"uredit/daemon/cache"
	"uredit/daemon/config"
	"uredit/daemon/spool"
)

// How far the clocks of this host and of the file server may be apart.
// Completeness of a request and the age of a marker are judged by both.
const (
	skewWarning = 2 * time.Second
	skewError   = 5 * time.Minute
)

// Free space, in bytes, below which jobs are likely to fail.
const (
	spaceWarning = 1 << 30
	spaceError   = 64 << 20
	spaceShare   = 50 // but not more than one part in so many of a small disk is asked for
)

// spool looks at the spool's directory, and tries out what claims rely on.
func (h *Host) spool(r *Report, root string) {
	info, err := os.Stat(root)
	if errors.Is(err, fs.ErrNotExist) {
		parent := filepath.Dir(root)
		if h.Access(parent, unix.W_OK|unix.X_OK) != nil {
			r.Error("spool", "mount the share that it lies on, or: install -d -o uredit -g uredit "+root,
				"%s is not there, and the daemon may not make it in %s", root, parent)
			return
		}
		r.OK("spool", "%s will be made", root)
		return
	}
	if err != nil {
		r.Error("spool", "is the share mounted, and may the daemon's user enter it?", "%v", err)
		return
	}
	if !info.IsDir() {
		r.Error("spool", "remove it, or name a directory as root", "%s is not a directory", root)
		return
	}
	before := len(r.Findings)
	h.format(r, root)
	h.oneFileSystem(r, root, info)
	h.directory(r, "spool", root)
	if len(r.Findings) == before {
		r.OK("spool", "%s", root)
	}
}

// cache looks whether results can be kept. Jobs do not depend on it.
func (h *Host) cache(r *Report, c *config.Config) {
	usual := filepath.Join(c.Root, cache.DirName)
	if _, err := os.Lstat(usual); c.Cache.Size == 0 || c.Cache.Dir == usual && err != nil {
		return // off, or to be made in the spool, which is looked at
	}
	dir, hint := c.Cache.Dir, "install -d -m 700 -o uredit -g uredit "+c.Cache.Dir+", or cache: {size: 0} for none"
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		dir = filepath.Dir(dir) // it is made, its parents are not
		info, err = os.Stat(dir)
	}
	switch {
	case err != nil:
		r.Warn("cache", hint, "no result will be kept: %v", err)
	case !info.IsDir() || h.Access(dir, unix.W_OK|unix.X_OK) != nil:
		r.Warn("cache", hint, "no result will be kept: the daemon may not write in %s", dir)
	default:
		r.OK("cache", "%s, %d MB at most", c.Cache.Dir, c.Cache.Size)
	}
}

// root looks at a directory of inputs and outputs. One that is missing may be a
// share that comes later: jobs there wait for it. One that cannot be written may
// hold inputs alone, or directories of users that can be.
func (h *Host) root(r *Report, dir string) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		r.Warn("roots", "mount the share, or correct the path", "%s is no directory: jobs there wait", dir)
		return
	}
	var found Report
	h.directory(&found, "roots", dir)
	if len(found.Findings) == 0 {
		r.OK("roots", "%s", dir)
	}
	for _, f := range found.Findings {
		if f.Level == Error {
			// It ends the jobs that write there; those that read, and the others, run.
			f.Level, f.Hint = Warning, "for results there: "+f.Hint
		}
		r.Findings = append(r.Findings, f)
	}
}

// directory looks at the mount, the space and the abilities of a directory.
func (h *Host) directory(r *Report, check, dir string) {
	if h.mount(r, check, dir) {
		h.space(r, check, dir)
		h.tryOut(r, check, dir)
	}
}

// format compares the spool's owner and version with this daemon.
func (h *Host) format(r *Report, root string) {
	data, err := os.ReadFile(filepath.Join(root, "FORMAT"))
	if errors.Is(err, fs.ErrNotExist) {
		return // a new spool
	}
	if err != nil {
		r.Error("spool", "make it readable for the daemon's user", "%v", err)
		return
	}
	f, err := spool.ParseFormat(data)
	switch {
	case err != nil:
		r.Error("spool", "restore the file from a backup; if the spool is empty, remove the file", "%s/FORMAT: %v", root, err)
	case f.Version > spool.FormatVersion:
		r.Error("spool", "install the newer uredit on this host too", "its layout is version %d, this program knows %d", f.Version, spool.FormatVersion)
	case os.Geteuid() == 0 && f.UID != 0:
		r.Warn("spool", fmt.Sprintf("setpriv --reuid %d --regid %d --clear-groups ureditd check", f.UID, f.GID),
			"this runs as root, who may more than the spool's user %d", f.UID)
	case f.UID != os.Geteuid() || f.GID != os.Getegid():
		r.Error("spool", fmt.Sprintf("run the daemon as uid %d and gid %d, on every host", f.UID, f.GID),
			"it belongs to uid %d and gid %d, this is %d and %d", f.UID, f.GID, os.Geteuid(), os.Getegid())
	}
}

// oneFileSystem looks whether a rename between the spool's parts is one.
func (h *Host) oneFileSystem(r *Report, root string, top fs.FileInfo) {
	for _, name := range []string{spool.InboxDir, spool.ControlDir, spool.RejectedDir, spool.FailedDir, spool.DoneDir, spool.QueueDir, spool.ActiveDir} {
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil {
			continue // it is made
		}
		if !info.IsDir() {
			r.Error("spool", "move it away: the daemon makes the directory", "%s/%s is not a directory", root, name)
			continue
		}
		if device(info) != device(top) {
			r.Error("spool", "unmount it: a spool lies on one file system", "%s/%s is another file system than %s", root, name, root)
		}
		if mode := info.Mode(); name == spool.InboxDir && mode.Perm()&0o002 != 0 && mode&fs.ModeSticky == 0 {
			r.Warn("spool", "chmod +t "+filepath.Join(root, name), "users may remove each other's requests in %s", name)
		}
	}
}

// space looks at what is free.
func (h *Host) space(r *Report, check, dir string) {
	st, err := h.Statfs(dir)
	if err != nil {
		r.Error(check, "is the share mounted, and does its server answer?", "%s: %v", dir, err)
		return
	}
	free, all := st.Bavail*uint64(st.Bsize), st.Blocks*uint64(st.Bsize)
	switch {
	case st.Blocks == 0: // a file system that does not count
	case free < min(spaceError, all/spaceShare):
		r.Error(check, "free some space", "%s has %d MB left", dir, free>>20)
	case free < spaceWarning:
		r.Warn(check, "free some space: a result has about the size of its input, twice while it is made", "%s has %d MB left", dir, free>>20)
	}
	if st.Files > 0 && st.Ffree < 1000 {
		r.Warn(check, "remove files: many small ones use up the file system's inodes", "%s has room for %d more files", dir, st.Ffree)
	}
}
