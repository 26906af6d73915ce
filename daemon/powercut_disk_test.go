package daemon

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	powerCuts  = flag.Int("power.cuts", 0, "power cuts of the power cut test, on each file system; 0 skips it")
	powerDisks = flag.String("power.disks", "ext4,xfs", "file systems of the power cut test")
)

// diskOptions are the mount options of each file system that can be cut. Those
// that make up for programs which do not sync are off.
var diskOptions = map[string]string{
	"ext4": "noatime,noauto_da_alloc",
	"xfs":  "noatime",
}

// diskKinds returns the file systems that are to be cut.
func diskKinds(t *testing.T) []string {
	t.Helper()
	if *powerCuts == 0 {
		t.Skip("mounts disks: make powercut")
	}
	if os.Geteuid() != 0 {
		t.Skip("only root mounts disks")
	}
	return strings.Split(*powerDisks, ",")
}

// loopDisk is a file system of its own, which can lose its power.
type loopDisk struct {
	kind string
	loop string // its device
	dir  string // where it is mounted
	cuts int
}

func newDisk(t *testing.T, kind string) *loopDisk {
	t.Helper()
	options, known := diskOptions[kind]
	if !known {
		t.Fatalf("no way to cut the power of %s", kind)
	}
	kernel, err := os.ReadFile("/proc/filesystems")
	if err != nil || !strings.Contains(string(kernel), "\t"+kind+"\n") {
		t.Skipf("the kernel has no %s (%v)", kind, err)
	}
	if _, err := exec.LookPath("mkfs." + kind); err != nil {
		t.Skipf("%v: install e2fsprogs and xfsprogs", err)
	}
	image := filepath.Join(t.TempDir(), "disk")
	const size = 320 << 20 // xfs takes no less than 300 MB; the file has holes
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, size); err != nil {
		t.Fatal(err)
	}
	command(t, "mkfs."+kind, "-q", image)
	out, err := exec.Command("losetup", "--find", "--show", image).CombinedOutput()
	if err != nil {
		t.Skipf("no loop device: %v: %s", err, out)
	}
	d := &loopDisk{kind: kind, loop: strings.TrimSpace(string(out)), dir: t.TempDir()}
	t.Cleanup(func() { command(t, "losetup", "--detach", d.loop) })
	command(t, "mount", "-t", kind, "-o", options, d.loop, d.dir)
	t.Cleanup(func() { command(t, "umount", d.dir) })
	return d
}

func (d *loopDisk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *loopDisk) open(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Open(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// sync makes all that is on the disk durable.
func (d *loopDisk) sync(t *testing.T) {
	t.Helper()
	f := d.open(t)
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		t.Fatal(err)
	}
}

// cut takes the disk's power: nothing that is not on it yet will be.
func (d *loopDisk) cut(t *testing.T) {
	t.Helper()
	f := d.open(t)
	defer f.Close()
	// EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN, which no header of the C library has.
	const (
		shutdown   = 0x8004587d // _IOR('X', 125, __u32)
		noLogFlush = 2
	)
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, noLogFlush); err != nil {
		t.Skipf("the kernel does not cut the power of %s: %v", d.kind, err)
	}
	d.cuts++
}

// restore mounts the disk again: its file system recovers. Another name space of
// mounts may still hold the one that lost its power, which a mount would find again.
func (d *loopDisk) restore(t *testing.T) {
	t.Helper()
	eventually(t, "a disk that has power again", func() bool {
		command(t, "umount", d.dir)
		command(t, "mount", "-t", d.kind, "-o", diskOptions[d.kind], d.loop, d.dir)
		probe := d.path(".probe")
		return os.WriteFile(probe, nil, 0o644) == nil && os.Remove(probe) == nil
	})
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}
