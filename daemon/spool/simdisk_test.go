package spool

import (
	"bytes"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A simDisk is a file system in memory that a power cut can be done to.
//
// It promises what a journal promises, and no more. A file's content survives
// once the file was synced; until then any part of it may be there. A change of
// names is atomic. It survives once one of its directories was synced; until
// then it may be there or not, and later changes of the same directories only
// with it. Changes of different directories survive in any order, and a
// directory's own name is a name in its parent.
type simDisk struct {
	mu      sync.Mutex
	root    *node
	pending []change
	inodes  uint64
	// changed is called after each change, with mu held.
	changed func()
}

// A node is a file or a directory.
type node struct {
	ino     uint64
	mode    fs.FileMode
	data    []byte
	durable []byte           // of a file: what was synced
	kids    map[string]*node // of a directory
	saved   map[string]*node // of a directory: what survives
	links   int
	modTime time.Time
}

// A change is what one operation does to names: all of it or nothing.
type change []edit

type edit struct {
	dir  *node
	name string
	to   *node // nil when the name goes
}

func newSimDisk() *simDisk {
	d := &simDisk{changed: func() {}}
	d.root = d.node(fs.ModeDir | 0o755)
	return d
}

func (d *simDisk) node(mode fs.FileMode) *node {
	d.inodes++
	n := &node{ino: d.inodes, mode: mode, modTime: time.Now()}
	if mode.IsDir() {
		n.kids, n.saved = map[string]*node{}, map[string]*node{}
	}
	return n
}

// walk finds a node by its path; nil when there is none.
func (d *simDisk) walk(name string) *node {
	n := d.root
	for part := range strings.SplitSeq(path.Clean(name), "/") {
		if n == nil {
			return nil
		}
		if part != "." {
			n = n.kids[part]
		}
	}
	return n
}

// dir finds the directory of a name.
func (d *simDisk) dir(name string) (*node, error) {
	switch n := d.walk(path.Dir(name)); {
	case n == nil:
		return nil, syscall.ENOENT
	case !n.mode.IsDir():
		return nil, syscall.ENOTDIR
	default:
		return n, nil
	}
}

// apply makes a change.
func (d *simDisk) apply(c change) {
	for _, e := range c {
		if old := e.dir.kids[e.name]; old != nil {
			old.links--
		}
		if e.to == nil {
			delete(e.dir.kids, e.name)
		} else {
			e.dir.kids[e.name] = e.to
			e.to.links++
		}
		e.dir.modTime = time.Now()
	}
	d.pending = append(d.pending, c)
}

// create makes a file or a directory.
func (d *simDisk) create(name string, mode fs.FileMode) (*node, error) {
	dir, err := d.dir(name)
	if err != nil {
		return nil, err
	}
	if dir.kids[path.Base(name)] != nil {
		return nil, syscall.EEXIST
	}
	n := d.node(mode)
	d.apply(change{{dir, path.Base(name), n}})
	return n, nil
}

func (d *simDisk) rename(oldName, newName string) error {
	from, err := d.dir(oldName)
	if err != nil {
		return err
	}
	to, err := d.dir(newName)
	if err != nil {
		return err
	}
	n, there := from.kids[path.Base(oldName)], to.kids[path.Base(newName)]
	switch {
	case n == nil:
		return syscall.ENOENT
	case n == there:
		return nil // two names of one file: POSIX does nothing
	case there != nil && there.mode.IsDir() && !n.mode.IsDir():
		return syscall.EISDIR
	case there != nil && !there.mode.IsDir() && n.mode.IsDir():
		return syscall.ENOTDIR
	case there != nil && len(there.kids) > 0:
		return syscall.ENOTEMPTY
	}
	d.apply(change{{to, path.Base(newName), n}, {from, path.Base(oldName), nil}})
	return nil
}

func (d *simDisk) link(oldName, newName string) error {
	n := d.walk(oldName)
	to, err := d.dir(newName)
	switch {
	case err != nil:
		return err
	case n == nil:
		return syscall.ENOENT
	case to.kids[path.Base(newName)] != nil:
		return syscall.EEXIST
	}
	d.apply(change{{to, path.Base(newName), n}})
	return nil
}

func (d *simDisk) remove(name string) error {
	dir, err := d.dir(name)
	if err != nil {
		return err
	}
	switch n := dir.kids[path.Base(name)]; {
	case n == nil:
		return syscall.ENOENT
	case len(n.kids) > 0:
		return syscall.ENOTEMPTY
	}
	d.apply(change{{dir, path.Base(name), nil}})
	return nil
}

// sync makes a directory's names durable, with the changes that they need.
func (d *simDisk) sync(dir *node) {
	needed := map[*node]bool{dir: true}
	durable := make([]bool, len(d.pending))
	for i, c := range slices.Backward(d.pending) {
		if slices.ContainsFunc(c, func(e edit) bool { return needed[e.dir] }) {
			durable[i] = true
			for _, e := range c {
				needed[e.dir] = true
			}
		}
	}
	d.save(func(i int) bool { return durable[i] })
}

// save makes some of the pending changes durable and keeps the rest.
func (d *simDisk) save(which func(i int) bool) {
	var rest []change
	for i, c := range d.pending {
		if !which(i) {
			rest = append(rest, c)
			continue
		}
		for _, e := range c {
			if e.to == nil {
				delete(e.dir.saved, e.name)
			} else {
				e.dir.saved[e.name] = e.to
			}
		}
	}
	d.pending = rest
}

// settle makes everything durable.
func (d *simDisk) settle() {
	d.save(func(int) bool { return true })
	d.each(func(_ string, n *node) { n.durable = bytes.Clone(n.data) })
}

// cut cuts the power. Of the pending changes those survive that are kept and need
// none that is not; of unsynced content as many hundredths as torn says.
func (d *simDisk) cut(kept func(i int) bool, torn int) {
	lost := map[*node]bool{}
	survives := make([]bool, len(d.pending))
	for i, c := range d.pending {
		survives[i] = kept(i) && !slices.ContainsFunc(c, func(e edit) bool { return lost[e.dir] })
		for _, e := range c {
			lost[e.dir] = lost[e.dir] || !survives[i]
		}
	}
	d.save(func(i int) bool { return survives[i] })
	d.pending = nil
	d.root.revive(torn)
	d.each(func(_ string, n *node) { n.links = 0 })
	d.each(func(_ string, n *node) { n.links++ })
}

// revive brings what is beneath a directory back from the disk.
func (n *node) revive(torn int) {
	n.kids = maps.Clone(n.saved)
	for _, kid := range n.kids {
		if kid.mode.IsDir() {
			kid.revive(torn)
			continue
		}
		if !bytes.Equal(kid.data, kid.durable) {
			kid.data = kid.data[:len(kid.data)*torn/100]
			kid.durable = bytes.Clone(kid.data)
		}
	}
}

// synced reports whether all content is synced.
func (d *simDisk) synced() bool {
	all := true
	d.each(func(_ string, n *node) { all = all && bytes.Equal(n.data, n.durable) })
	return all
}

// each calls f with every node and its path, directories before what is in them.
func (d *simDisk) each(f func(name string, n *node)) { d.root.each("", f) }

func (n *node) each(at string, f func(name string, n *node)) {
	for name, kid := range n.kids {
		name = at + name
		f(name, kid)
		if kid.mode.IsDir() {
			kid.each(name+"/", f)
		}
	}
}
