package daemon

import (
	"errors"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"

	"uredit/daemon/document"
	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// expectRoots takes over what FORMAT says about the roots of this host. A root
// that another host used first is known from then on.
func (d *Daemon) expectRoots() error {
	ids, err := d.spool.Roots()
	if err != nil {
		return err
	}
	for _, dir := range d.roots.Dirs() {
		if id := ids[dir]; id != "" {
			d.roots.Expect(dir, id)
		}
	}
	return nil
}

// reachable looks, before anything is opened, whether the roots that a request
// needs are mounted here.
func (d *Daemon) reachable(r *job.Request) error {
	for _, path := range []string{r.InputVideoPath, r.OutputDir} {
		if _, unknown := d.roots.Unidentified(path); unknown {
			d.note.trouble("FORMAT", d.expectRoots())
			break
		}
	}
	for _, path := range []string{r.InputVideoPath, r.OutputDir} {
		if err := d.roots.Check(path); passing(err) {
			return err
		}
	}
	return nil
}

// identifyRoots gives the roots of a request an id at their first use. A root in
// which this daemon cannot write goes without, and so does one in memory. An error says that the root is
// not the one that FORMAT knows by now.
func (d *Daemon) identifyRoots(r *job.Request) error {
	for _, path := range []string{r.InputVideoPath, r.OutputDir} {
		root, unknown := d.roots.Unidentified(path)
		if !unknown || d.note.trouble("root "+root, d.identify(root)) {
			continue // the next use of the root tries again
		}
		if err := d.roots.Check(path); err != nil {
			return err
		}
	}
	return nil
}

func (d *Daemon) identify(root string) error {
	if d.inMemory(root) {
		return nil // a reboot empties it, and would leave it a stranger for ever
	}
	id, err := d.roots.Identify(root)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return err
	}
	if id, err = d.spool.RecordRoot(root, id); err != nil {
		return err
	}
	d.roots.Expect(root, id)
	return nil
}

// inMemory reports whether a directory lies on a file system without a disk.
func inMemory(dir string) bool {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return false
	}
	return st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC
}

// claimable drops the requests that need a root which is not mounted here: they
// are for the hosts that have it, or for later.
func (d *Daemon) claimable(entries []spool.Entry) []spool.Entry {
	if len(entries) == 0 {
		return nil // nothing that is worth waiting for a share that hangs
	}
	missing := d.roots.Missing()
	if !d.note.trouble("roots", missing) {
		return entries
	}
	var left []spool.Entry
	for _, e := range entries {
		data, err := d.spool.Peek(e, job.MaxRequestBytes)
		if err == nil && d.away(data) {
			continue
		}
		left = append(left, e)
	}
	return left
}

// away reports whether a request, that may be none, needs a root that is not
// mounted here.
func (d *Daemon) away(data []byte) bool {
	m, fault := document.Parse("request.yaml", data, job.MaxRequestBytes)
	if fault != nil {
		return false
	}
	var r job.Request
	m.String("input_video_path", &r.InputVideoPath)
	m.String("output_dir", &r.OutputDir)
	return d.reachable(&r) != nil
}

// mayTake reports whether this host could go on with an accepted job of a dead
// one.
func (d *Daemon) mayTake(j string) bool {
	w, err := d.source.read(j)
	return err != nil || d.reachable(&w.request) == nil
}
