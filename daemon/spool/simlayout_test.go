package spool

import (
	"io/fs"
	"path"
	"strings"
)

// dropRequest lays a request into the inbox of a disk, synced.
func dropRequest(d *simDisk, w *simWatch, text string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.create(path.Join("spool", InboxDir, strings.ReplaceAll(text, " ", "-")+".yaml"), 0o644)
	if err != nil {
		return err
	}
	n.data = []byte(text)
	if _, err := d.create("out-"+text, fs.ModeDir|0o775); err != nil {
		return err
	}
	d.settle()
	w.requests[text] = true
	return nil
}

// newSimSpool makes a disk with an empty spool, and a file of somebody in each of
// its directories.
func newSimSpool() (*simDisk, error) {
	d := newSimDisk()
	for _, dir := range []string{"spool", "spool/spool", "spool/" + InboxDir, "spool/" + ControlDir, "spool/" + RejectedDir,
		"spool/" + FailedDir, "spool/" + DoneDir, "spool/" + QueueDir, "spool/" + HeldDir, "spool/" + ActiveDir,
		"spool/" + RequestsDir, "spool/" + IDsDir, "spool/" + HostsDir} {
		if _, err := d.create(dir, fs.ModeDir|0o755); err != nil {
			return nil, err
		}
		if n, err := d.create(path.Join(dir, "junk.txt"), 0o644); err != nil {
			return nil, err
		} else {
			n.data = []byte("somebody's")
		}
	}
	n, err := d.create("spool/"+formatName, 0o644)
	if err != nil {
		return nil, err
	}
	n.data = simFormat.Bytes()
	d.settle()
	return d, nil
}
