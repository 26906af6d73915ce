package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"uredit/daemon/atomicfile"
)

// The directories of a spool, relative to its root.
const (
	InboxDir    = "inbox"
	ControlDir  = "control"
	RejectedDir = "rejected"
	FailedDir   = "failed"
	DoneDir     = "done"
	QueueDir    = "spool/queue"
	HeldDir     = "spool/held" // waiting jobs that a user holds back
	ActiveDir   = "spool/active"
	RequestsDir = "spool/requests" // the accepted requests, J.yaml each
	IDsDir      = "spool/ids"      // job ids in use
	HostsDir    = "spool/hosts"    // INSTANCE.hb, the heartbeat of each daemon, and INSTANCE.json, its devices
)

// A Spool is this process's hold on a spool directory. Its methods may be
// called from several goroutines; each works on names of its own.
type Spool struct {
	root     fileSystem
	path     string
	format   Format
	instance Instance
	local    bool // no other kernel uses the file system
	lock     *os.File
	beat     *heartbeat
	live     liveness
	write    writer
	// arrivals counts what this process moved into the queue.
	arrivals atomic.Uint64
	trace    func(from, to string) (ended func(err error))

	mu   sync.Mutex
	held map[string]struct{} // the active names that this process took
}

// Options say where a spool's process lives.
type Options struct {
	// HostDir is a directory on this host's own disk, one that a reboot leaves
	// alone. The file that it gets holds the host's random id and is locked
	// while the process lives: one daemon serves a spool on one host. Two daemons with a HostDir each are
	// two hosts to the spool.
	HostDir string
	// Host is the host's name; "" asks the kernel.
	Host string
	// Remote reports whether other kernels may use the file system of a path.
	// Where they do not, a lock on each process's heartbeat proves which of this
	// boot's processes are dead, also to a host of another name or one that lost
	// its HostDir. With nil, any may be used by others.
	Remote func(path string) bool
	// Trace is called before each transition of a job, with the names of its
	// file before and after, relative to the root, and before each look whether
	// this process still holds one, with its name and "". What it returns is called
	// with the outcome: nil, ErrLost, or an error after which nobody knows. With
	// nil, nobody is told.
	Trace func(from, to string) (ended func(err error))
}

// Open opens the spool at root and makes what is missing in it. It refuses a
// spool of another user or a newer layout, one that spans file systems, and a
// second daemon on the same host.
func Open(root string, o Options) (*Spool, error) {
	r, err := openRoot(root)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	s := &Spool{root: r, path: root, held: map[string]struct{}{}}
	if err := s.open(o); err != nil {
		s.Close()
		return nil, fmt.Errorf("open spool: %w", err)
	}
	return s, nil
}

func openRoot(root string) (fileSystem, error) {
	// The last directory is made, never its parents: they may be a share that
	// is not mounted.
	if err := os.Mkdir(root, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	return disk{r}, nil
}

func (s *Spool) open(o Options) (err error) {
	if s.format, err = establish(s.root); err != nil {
		return err
	}
	if err := makeTree(s.root); err != nil {
		return err
	}
	s.trace = o.Trace
	if s.trace == nil {
		s.trace = func(string, string) func(error) { return func(error) {} }
	}
	host := o.Host
	if host == "" {
		if host, err = os.Hostname(); err != nil {
			return err
		}
	}
	lock, hostID, err := lockHost(o.HostDir, s.format.ID, host)
	if err != nil {
		return err
	}
	s.lock = lock
	s.write = writer{host: hostID}
	if err := s.checkFileSystem(); err != nil {
		return err
	}
	boot, err := bootID()
	if err != nil {
		return err
	}
	s.instance = newInstance(host, hostID, boot, time.Now())
	s.live.clock, s.live.observer = bootClock, newObserver(s.format.Lease)
	s.live.beaten.Store(int64(bootClock()))
	s.local = o.Remote != nil && !o.Remote(s.path)
	s.beat, err = startHeartbeat(s.root, s.instance, s.local)
	return err
}

// Close gives the host's lock back. What this process still holds in active is
// left for its successor.
func (s *Spool) Close() error {
	var errs []error
	if s.beat != nil {
		errs = append(errs, s.beat.close(s.root))
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(append(errs, s.root.Close())...)
}

// ID returns the spool's random id, as its FORMAT records it.
func (s *Spool) ID() string { return s.format.ID }

// Instance returns the name of this process in the spool.
func (s *Spool) Instance() Instance { return s.instance }

// ErrReplaced says that the spool's path leads to another directory than the
// one that was opened: something was mounted over it, or it was replaced.
var ErrReplaced = errors.New("the spool is another directory than the one this daemon opened: restart it")

// Check compares the spool's path with the directory that was opened; see
// ErrReplaced.
func (s *Spool) Check() error {
	now, err := os.Stat(s.path)
	if err != nil {
		return fmt.Errorf("look at the spool: %w", err)
	}
	opened, err := s.root.Stat(".")
	if err != nil {
		return fmt.Errorf("look at the spool: %w", err)
	}
	if !os.SameFile(now, opened) {
		return fmt.Errorf("%s: %w", s.path, ErrReplaced)
	}
	return nil
}

// makeTree makes the directories that are missing. Those that exist keep the
// mode that an administrator gave them.
func makeTree(root fileSystem) error {
	const shared = 0o775 | fs.ModeSetgid | fs.ModeSticky // users drop files, and cannot touch each other's
	for _, d := range []struct {
		name string
		mode fs.FileMode
	}{
		{InboxDir, shared}, {ControlDir, shared},
		{RejectedDir, 0o755}, {FailedDir, 0o755}, {DoneDir, 0o755},
		{"spool", 0o755}, {QueueDir, 0o755}, {HeldDir, 0o755}, {ActiveDir, 0o755}, {RequestsDir, 0o755}, {IDsDir, 0o755}, {HostsDir, 0o755},
	} {
		err := root.Mkdir(d.name, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := root.Chmod(d.name, d.mode); err != nil {
			return err
		}
	}
	return syncDir(root, ".")
}

// checkFileSystem refuses a spool whose parts lie on several file systems:
// a rename between them is a copy. Bind mounts of one file system look alike,
// so a rename is tried as well.
func (s *Spool) checkFileSystem() error {
	for _, dir := range []string{InboxDir, RejectedDir, FailedDir, DoneDir, QueueDir} {
		from := s.write.temp(ActiveDir)
		to := path.Join(dir, path.Base(from))
		if err := createFile(s.root, from, 0o644); err != nil {
			return fmt.Errorf("try to write: %w", err)
		}
		err := atomicfile.RenameOwn(s.root, from, to)
		if err != nil {
			s.root.Remove(from)
		}
		if errors.Is(err, syscall.EXDEV) {
			return fmt.Errorf("%s lies on another file system than %s: one spool is one file system", dir, ActiveDir)
		}
		if err != nil {
			return fmt.Errorf("try a rename: %w", err)
		}
		if err := s.root.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// junk reports whether a name is one of those that editors, copy programs and
// file servers leave for a while.
func junk(name string) bool {
	if name == "" || name[0] == '.' || strings.HasSuffix(name, "~") {
		return true
	}
	switch name {
	case "@eaDir", "Thumbs.db", "desktop.ini":
		return true
	}
	for _, ending := range []string{".tmp", ".part", ".partial", ".crdownload", ".filepart", ".swp"} {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}
