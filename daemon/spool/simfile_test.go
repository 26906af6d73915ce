package spool

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"syscall"
	"time"
)

// A simFile is a file or directory that a simClient opened.
type simFile struct {
	client *simClient
	node   *node
	name   string
	at     int  // where the next Read begins
	wrote  bool // something, so that an error may come as late as at Close
	dsync  bool
}

func (f *simFile) Fd() uintptr { return ^uintptr(0) }

func (f *simFile) Stat() (info fs.FileInfo, err error) {
	err = f.client.do("stat", f.name, func() error { info = f.node.info(path.Base(f.name)); return nil })
	return info, err
}

func (f *simFile) Read(p []byte) (n int, err error) {
	err = f.client.do("read", f.name, func() error {
		n = copy(p, f.node.data[min(f.at, len(f.node.data)):])
		f.at += n
		return nil
	})
	if err == nil && n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, err
}

func (f *simFile) Write(p []byte) (int, error) {
	return f.write(func() { f.node.data = append(f.node.data, p...) }, len(p))
}

func (f *simFile) WriteAt(p []byte, at int64) (int, error) {
	return f.write(func() {
		data := make([]byte, max(len(f.node.data), int(at)+len(p)))
		copy(data, f.node.data)
		copy(data[at:], p)
		f.node.data = data
	}, len(p))
}

func (f *simFile) write(put func(), n int) (int, error) {
	f.wrote = true
	err := f.client.do("write", f.name, func() error {
		put()
		if f.dsync {
			f.node.durable = bytes.Clone(f.node.data)
		}
		f.node.modTime = time.Now()
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Sync syncs a file's content, or a directory's names. A file that another host
// removed cannot be.
func (f *simFile) Sync() error {
	return f.client.do("sync", f.name, func() error {
		switch {
		case f.node.mode.IsDir():
			f.client.disk.sync(f.node)
		case f.node.links == 0 && f.client.memory != nil:
			return syscall.ESTALE
		default:
			f.node.durable = bytes.Clone(f.node.data)
		}
		return nil
	})
}

func (f *simFile) Close() error {
	if !f.wrote {
		return nil
	}
	return f.client.do("close", f.name, func() error { return nil })
}

// Readdirnames lists all names. A client of NFS version 3 overlooks what was made
// since its last listing within the same tick of the server's clock.
func (f *simFile) Readdirnames(int) (names []string, err error) {
	err = f.client.do("list", f.name, func() error {
		if !f.node.mode.IsDir() {
			return syscall.ENOTDIR
		}
		names = slices.Sorted(maps.Keys(f.node.kids))
		m := f.client.memory
		if m == nil || m.lists == nil {
			return nil
		}
		dir, tick := path.Join(f.client.base, f.name), f.node.modTime.Truncate(simTick)
		if was, known := m.lists[dir]; known && was.changed.Equal(tick) {
			names = was.names
			return nil
		}
		m.lists[dir] = listing{changed: tick, names: names}
		return nil
	})
	return slices.Clone(names), err
}

func (f *simFile) ReadDir(int) (entries []fs.DirEntry, err error) {
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if n := f.node.kids[name]; n != nil {
			entries = append(entries, fs.FileInfoToDirEntry(n.info(name)))
		}
	}
	return entries, nil
}

// simInfo is what a look at a node shows.
type simInfo struct {
	name string
	node node
}

func (n *node) info(name string) fs.FileInfo { return simInfo{name: name, node: *n} }

func (i simInfo) Name() string       { return i.name }
func (i simInfo) Size() int64        { return int64(len(i.node.data)) }
func (i simInfo) Mode() fs.FileMode  { return i.node.mode }
func (i simInfo) ModTime() time.Time { return i.node.modTime }
func (i simInfo) IsDir() bool        { return i.node.mode.IsDir() }
func (i simInfo) Sys() any {
	return &syscall.Stat_t{Ino: i.node.ino, Size: i.Size()}
}
