package daemon

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"uredit/daemon/roots"
	"uredit/daemon/spool"
)

var (
	chaosCache = flag.Duration("chaos.cache", time.Second, "how long clients of the pass-through share remember names and attributes; the lease is to be three times as long")
	chaosLost  = flag.Int("chaos.lost", 100, "each n-th rename of the pass-through share is done and answered with ENOENT; 0: none")
)

// A share is a directory that several clients mount. Each remembers names, the
// absence of names, and attributes for a while, as clients of NFS do.
type share struct {
	backing string
	clients []string // where they are mounted
	renames atomic.Int64
	lost    atomic.Int64 // renames whose answer was no
	broken  atomic.Bool  // directories cannot be listed
}

func newShare(t *testing.T, clients int) *share {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root mounts without help")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip(err)
	}
	s := &share{backing: t.TempDir()}
	for range clients {
		s.mount(t)
	}
	return s
}

// mount adds a client.
func (s *share) mount(t *testing.T) {
	t.Helper()
	root, err := fs.NewLoopbackRoot(s.backing)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	server, err := fs.Mount(dir, &shareNode{LoopbackNode: root.(*fs.LoopbackNode), share: s}, &fs.Options{
		EntryTimeout: chaosCache, AttrTimeout: chaosCache, NegativeTimeout: chaosCache,
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "share", Name: "share"},
	})
	if err != nil {
		t.Skipf("no FUSE here: %v", err)
	}
	s.clients = append(s.clients, dir)
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
}

// shareNode is a file of a share.
type shareNode struct {
	*fs.LoopbackNode
	share *share
}

// WrapChild implements fs.NodeWrapChilder.
func (n *shareNode) WrapChild(_ context.Context, child fs.InodeEmbedder) fs.InodeEmbedder {
	return &shareNode{LoopbackNode: child.(*fs.LoopbackNode), share: n.share}
}

// Rename implements fs.NodeRenamer. As on NFS it takes no flags, and may say no
// when it means yes.
func (n *shareNode) Rename(ctx context.Context, name string, to fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if flags != 0 {
		return syscall.EINVAL
	}
	errno := n.LoopbackNode.Rename(ctx, name, to, newName, 0)
	if every := int64(*chaosLost); errno == 0 && every > 0 && n.share.renames.Add(1)%every == 0 {
		n.share.lost.Add(1)
		return syscall.ENOENT
	}
	return errno
}

// OpendirHandle implements fs.NodeOpendirHandler.
func (n *shareNode) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if n.share.broken.Load() {
		return nil, 0, syscall.EIO
	}
	return n.LoopbackNode.OpendirHandle(ctx, flags)
}

// TestChaosShare is TestChaos on a share whose clients remember what they saw, and
// whose answers get lost.
func TestChaosShare(t *testing.T) {
	if testing.Short() {
		t.Skip("kills and pauses take time")
	}
	needOwnMounts(t)
	s := newShare(t, 3)
	g := ground{dir: t.TempDir(), mounts: s.clients[:2], reader: s.clients[2], server: s.backing, step: 250 * time.Millisecond}
	c := newChaos(t, "", g)
	c.run(*chaosJobs, *chaosFaults)
	t.Logf("%d renames, %d answers were lost", s.renames.Load(), s.lost.Load())
	c.verdict()
	c.compareCalls()
}

// TestShare: the share is as hard to its users as it means to be.
func TestShare(t *testing.T) {
	s := newShare(t, 2)
	a, b := s.clients[0], s.clients[1]
	if err := os.WriteFile(filepath.Join(a, "old"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"old", "new"} {
		_, _ = os.Lstat(filepath.Join(b, name)) // remembered: one is there, one is not
	}
	if err := os.Rename(filepath.Join(a, "old"), filepath.Join(a, "new")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(b, "old")); err != nil {
		t.Errorf("the other client does not remember the old name: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(b, "new")); err == nil {
		t.Error("the other client does not remember that the new name was not there")
	}
	if entries, err := os.ReadDir(b); err != nil || len(entries) != 1 || entries[0].Name() != "new" {
		t.Errorf("a listing shows %v, %v", entries, err)
	}
}

// TestCommitOnAShare: a commit that a client cannot see at the moment is not gone.
func TestCommitOnAShare(t *testing.T) {
	s := newShare(t, 2)
	const j, attempt = "261124T120000-abcdef", spool.WorkDir + "/261124T120000-abcdef.e0002"
	if err := os.MkdirAll(filepath.Join(s.clients[0], "out", attempt), 0o755); err != nil {
		t.Fatal(err)
	}
	set, err := roots.Open([]string{s.clients[1]})
	if err != nil {
		t.Fatal(err)
	}
	out, err := set.OpenDir(filepath.Join(s.clients[1], "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	read := func() error {
		_, _, err := readCommit(out, j)
		return err
	}
	if _, gone := errors.AsType[*goneError](read()); !gone { // the client remembers it
		t.Fatal("there is a commit")
	}
	if err := os.WriteFile(filepath.Join(s.clients[0], "out", attempt, commitName), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := read(); err != nil && !passing(err) {
		t.Errorf("a commit that is listed: %v", err)
	}
	s.broken.Store(true)
	if err := read(); !passing(err) {
		t.Errorf("listings that are not answered: %v", err)
	}
	s.broken.Store(false)
	eventually(t, "a commit that is seen", func() bool { return read() == nil })
}
