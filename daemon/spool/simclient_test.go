package spool

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"
	"time"
)

const (
	simLatency = time.Millisecond      // of each operation
	simTick    = 10 * time.Millisecond // of the server's clock of changes
)

// A simProcess is one process that uses a simDisk. It can be ended in the middle
// of an operation, and after that does nothing more.
type simProcess struct {
	ops    int
	dead   bool
	frozen time.Time // until then it stands still
	// plan decides what goes wrong with an operation; nil for nothing.
	plan func(op simOp) fault
}

// A simOp is an operation that a process is about to do, the first being number 1.
type simOp struct {
	number int
	kind   string // "open", "create", "read", "write", "sync", "list", "close", "stat", "mkdir", "rename", "link", "remove", "chmod"
	name   string
}

// changes reports whether the operation changes something on the disk.
func (o simOp) changes() bool {
	return slices.Contains([]string{"create", "write", "mkdir", "rename", "link", "remove"}, o.kind)
}

// A fault is what goes wrong with one operation.
type fault struct {
	answer error         // instead of the operation, or of its answer
	done   bool          // the operation is done all the same
	hang   time.Duration // before it is done
	die    bool          // the process ends after it, or with answer set before it
}

// died is how a simulated process ends in the middle of an operation.
type died struct{}

// A simClient is one host's view of a directory of a simDisk. With memory it is
// the client of a network file system: it answers what it was asked before
// without asking the server.
type simClient struct {
	disk    *simDisk
	base    string
	process *simProcess
	memory  *simMemories // nil on a local disk
}

// simMemories is what a client remembers.
type simMemories struct {
	lasting time.Duration // of a name; the default of Linux is 30 s
	names   map[string]memory
	lists   map[string]listing // nil: each listing is fresh, as with version 4.2
}

// memory is a name and what it leads to, nil for nothing.
type memory struct {
	node  *node
	until time.Time
}

// listing is a directory as it was at a tick of the server.
type listing struct {
	changed time.Time
	names   []string
}

func newMemories(lasting time.Duration, version3 bool) *simMemories {
	m := &simMemories{lasting: lasting, names: map[string]memory{}}
	if version3 {
		m.lists = map[string]listing{}
	}
	return m
}

// do runs one operation of the client's process, with what goes wrong.
func (c *simClient) do(kind, name string, run func() error) error {
	p := c.process
	<-time.After(max(simLatency, time.Until(p.frozen)))
	if p.dead {
		return os.ErrClosed
	}
	p.ops++
	op := simOp{number: p.ops, kind: kind, name: path.Join(c.base, name)}
	var f fault
	if p.plan != nil {
		f = p.plan(op)
	}
	if f.hang > 0 {
		<-time.After(f.hang)
	}
	err := f.answer
	if err == nil || f.done {
		c.disk.mu.Lock()
		err = run()
		if err == nil && op.changes() {
			c.disk.changed()
		}
		c.disk.mu.Unlock()
	}
	if f.die {
		p.dead = true
		panic(died{})
	}
	switch {
	case f.answer != nil && (err == nil || !f.done):
		return &fs.PathError{Op: kind, Path: op.name, Err: f.answer}
	case err != nil:
		return &fs.PathError{Op: kind, Path: op.name, Err: err}
	}
	if op.changes() {
		c.forget(op.name)
	}
	return nil
}

// forget makes the client ask anew about the names beside one that it changed.
func (c *simClient) forget(name string) {
	if c.memory == nil {
		return
	}
	for known := range c.memory.names {
		if path.Dir(known) == path.Dir(name) {
			delete(c.memory.names, known)
		}
	}
	delete(c.memory.lists, path.Dir(name))
}

// lookup finds a node as the client believes it, nil for nothing.
func (c *simClient) lookup(name string) *node {
	full := path.Join(c.base, name)
	if c.memory == nil {
		return c.disk.walk(full)
	}
	// A file that is gone altogether makes the client ask.
	if m, known := c.memory.names[full]; known && time.Now().Before(m.until) && (m.node == nil || m.node.links > 0) {
		return m.node
	}
	n := c.disk.walk(full)
	c.memory.names[full] = memory{node: n, until: time.Now().Add(c.memory.lasting)}
	return n
}

func (c *simClient) Name() string { return c.base }
func (c *simClient) Close() error { return nil }

func (c *simClient) Open(name string) (file, error) { return c.OpenFile(name, os.O_RDONLY, 0) }

func (c *simClient) OpenFile(name string, flag int, perm fs.FileMode) (file, error) {
	f := &simFile{client: c, name: name, dsync: flag&syscall.O_DSYNC != 0}
	kind := "open"
	if flag&os.O_CREATE != 0 {
		kind = "create"
	}
	err := c.do(kind, name, func() (err error) {
		if kind == "create" {
			f.node, err = c.disk.create(path.Join(c.base, name), perm)
			if errors.Is(err, syscall.EEXIST) && flag&os.O_EXCL == 0 {
				f.node, err = c.disk.walk(path.Join(c.base, name)), nil
			}
			return err
		}
		if f.node = c.lookup(name); f.node == nil {
			return syscall.ENOENT
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (c *simClient) ReadFile(name string) (data []byte, err error) {
	err = c.do("read", name, func() error {
		n := c.lookup(name)
		if n == nil {
			return syscall.ENOENT
		}
		data = bytes.Clone(n.data)
		return nil
	})
	return data, err
}

func (c *simClient) Stat(name string) (fs.FileInfo, error) { return c.Lstat(name) }

func (c *simClient) Lstat(name string) (info fs.FileInfo, err error) {
	err = c.do("stat", name, func() error {
		n := c.lookup(name)
		if n == nil {
			return syscall.ENOENT
		}
		info = n.info(path.Base(name))
		return nil
	})
	return info, err
}

func (c *simClient) Mkdir(name string, perm fs.FileMode) error {
	return c.do("mkdir", name, func() error {
		_, err := c.disk.create(path.Join(c.base, name), fs.ModeDir|perm)
		return err
	})
}

func (c *simClient) Chmod(name string, mode fs.FileMode) error {
	return c.do("chmod", name, func() error { return nil })
}

// known says that a name is there, unless the client believes that it is not.
func (c *simClient) known(name string) error {
	if c.memory == nil {
		return nil
	}
	m, known := c.memory.names[path.Join(c.base, name)]
	if known && m.node == nil && time.Now().Before(m.until) {
		return syscall.ENOENT
	}
	return nil
}

func (c *simClient) Rename(oldName, newName string) error {
	err := c.do("rename", newName, func() error {
		if err := c.known(oldName); err != nil {
			return err
		}
		return c.disk.rename(path.Join(c.base, oldName), path.Join(c.base, newName))
	})
	if err == nil {
		c.forget(path.Join(c.base, oldName))
	}
	return err
}

func (c *simClient) RenameRequest(name, newName string) error {
	return c.Rename(path.Join(InboxDir, name), newName)
}

func (c *simClient) Link(oldName, newName string) error {
	return c.do("link", newName, func() error {
		if err := c.known(oldName); err != nil {
			return err
		}
		return c.disk.link(path.Join(c.base, oldName), path.Join(c.base, newName))
	})
}

func (c *simClient) Remove(name string) error {
	return c.do("remove", name, func() error {
		if err := c.known(name); err != nil {
			return err
		}
		return c.disk.remove(path.Join(c.base, name))
	})
}
