// Package watch says when it is worth to look at a directory again. A
// notification of the kernel is a hint that comes early; the timer is what can
// be relied upon. What changed is never told: only a listing knows.
package watch

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// RemotePoll is the longest time between two looks at a network file system,
// where the kernel tells nothing of what other hosts do.
const RemotePoll = 2 * time.Second

// A Watcher turns notifications and time into hints.
type Watcher struct {
	dirs []string
	poll time.Duration
	log  *slog.Logger
	hint chan struct{}
	open func() (notifier, error)
}

// notifier is what a Watcher needs of fsnotify.
type notifier interface {
	Add(dir string) error
	Remove(dir string) error
	Events() <-chan fsnotify.Event
	Errors() <-chan error
	Close() error
}

// New returns a Watcher of directories. It gives a hint at least every poll,
// or every RemotePoll when that is less and one of them lies on a network file
// system.
func New(dirs []string, poll time.Duration, log *slog.Logger) *Watcher {
	for _, dir := range dirs {
		if Remote(dir) {
			poll = min(poll, RemotePoll)
		}
	}
	return &Watcher{dirs: dirs, poll: poll, log: log, hint: make(chan struct{}, 1), open: openNotifier}
}

// C delivers the hints. Hints that nobody fetched become one.
func (w *Watcher) C() <-chan struct{} { return w.hint }

// Poll returns the longest time between two hints.
func (w *Watcher) Poll() time.Duration { return w.poll }

// Run watches until ctx ends. Without notifications (a kernel limit, a file
// system that has none) it goes on by time alone.
func (w *Watcher) Run(ctx context.Context) {
	n, err := w.open()
	if err != nil {
		w.log.Warn("no notifications from the kernel; looking by time alone", "err", err, "every", w.poll)
		n = silent{}
	}
	defer n.Close()
	watched := map[string]fs.FileInfo{}
	w.renew(n, watched)
	w.wake()
	tick := time.NewTicker(w.poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-n.Events():
			if e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
				w.renew(n, watched)
			}
			if e.Op == fsnotify.Chmod {
				continue // a look touches access times
			}
		case err := <-n.Errors():
			// Events were lost: all that can be known is that something happened.
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				w.log.Warn("notifications", "err", err)
			}
			w.renew(n, watched)
		case <-tick.C:
			w.renew(n, watched)
		}
		w.wake()
	}
}

func (w *Watcher) wake() {
	select {
	case w.hint <- struct{}{}:
	default:
	}
}

// renew watches again what is another directory than the one that is watched:
// replaced, mounted over, gone and back. The kernel does not tell.
func (w *Watcher) renew(n notifier, watched map[string]fs.FileInfo) {
	for _, dir := range w.dirs {
		now, err := os.Stat(dir)
		if err != nil {
			delete(watched, dir)
			continue
		}
		if old, ok := watched[dir]; ok && os.SameFile(old, now) {
			continue
		}
		_ = n.Remove(dir) // it may or may not still be there
		if err := n.Add(dir); err != nil {
			w.log.Warn("cannot watch; looking by time alone", "dir", dir, "err", err)
		}
		watched[dir] = now
	}
}

// Remote reports whether a path lies on a file system that others may write to
// without this kernel's knowledge.
func Remote(path string) bool {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return false
	}
	switch uint32(st.Type) {
	case 0x6969, // NFS
		0xff534d42, 0xfe534d42, 0x517b, // CIFS, SMB2, SMB
		0x65735546,                         // FUSE
		0x0bd00bd0,                         // Lustre
		0x47504653,                         // GPFS
		0x00c36400,                         // Ceph
		0x01021997, 0x5346414f, 0x73757245: // 9p, AFS, Coda
		return true
	}
	return false
}

type kernel struct{ *fsnotify.Watcher }

func (k kernel) Events() <-chan fsnotify.Event { return k.Watcher.Events }
func (k kernel) Errors() <-chan error          { return k.Watcher.Errors }

func openNotifier() (notifier, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return kernel{w}, nil
}

// silent is a notifier without notifications.
type silent struct{}

func (silent) Add(string) error              { return nil }
func (silent) Remove(string) error           { return nil }
func (silent) Events() <-chan fsnotify.Event { return nil }
func (silent) Errors() <-chan error          { return nil }
func (silent) Close() error                  { return nil }
