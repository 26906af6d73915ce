package check

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// tryOut does in a directory of its own what the daemon relies on: exclusive
// creation, fsync, rename, hard links, names that differ in case.
func (h *Host) tryOut(r *Report, check, dir string) {
	hint := "make it writable for the daemon's user: chown or chmod"
	if h.supervised() {
		hint += "; where the unit forbids it, ReadWritePaths=" + dir + " by systemctl edit"
	}
	try, err := os.MkdirTemp(dir, ".uredit-check-")
	if err != nil {
		r.Error(check, hint, "%s is not writable: %v", dir, cause(err))
		return
	}
	defer os.RemoveAll(try)
	one, two := filepath.Join(try, "a"), filepath.Join(try, "b")
	written, err := create(one)
	if err != nil {
		r.Error(check, hint, "a file in %s: %v", dir, err)
		return
	}
	if skew := written.Sub(h.Now()).Abs(); skew > skewWarning {
		add := r.Warn
		if skew > skewError {
			add = r.Error
		}
		add(check, "synchronise the clocks of this host and of the file server (NTP)", "the file server's clock and this host's differ by %v", skew.Round(time.Second))
	}
	if _, err := create(one); !errors.Is(err, fs.ErrExist) {
		r.Error(check, "use another file system: two hosts would claim one job", "%s creates a file twice that was to be new (%v)", dir, err)
	}
	if _, err := os.Lstat(filepath.Join(try, "A")); err == nil {
		r.Warn(check, "mount it case-sensitive: job ids that differ in case only would be one", "%s takes A and a for the same name", dir)
	}
	if err := os.Link(one, two); err != nil {
		r.Error(check, "use a file system with hard links (NFS, ext4, xfs; CIFS and FAT have none)", "a hard link in %s: %v", dir, cause(err))
	}
	if err := os.Rename(one, filepath.Join(try, "c")); err != nil {
		r.Error(check, "use another file system", "a rename in %s: %v", dir, cause(err))
	}
}

// create makes a file that must not be there, writes it to the disk, and returns
// its time by the file system's clock.
func create(name string) (written time.Time, err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return written, err
	}
	_, err = f.WriteString("uredit\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return written, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return written, err
	}
	return info.ModTime(), nil
}

// cause returns what went wrong without the operation and the path.
func cause(err error) error {
	if e := syscall.Errno(0); errors.As(err, &e) {
		return e
	}
	return err
}

func device(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Dev
	}
	return 0
}

// mountPoint is one line of mountinfo.
type mountPoint struct {
	dir     string
	kind    string   // "nfs4", "ext4"
	options []string // of the mount and of the file system
}

// mountOf returns the mount that a path lies on.
func (h *Host) mountOf(path string) (m mountPoint, err error) {
	f, err := os.Open(h.Mounts)
	if err != nil {
		return m, err
	}
	defer f.Close()
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// id parent major:minor root DIR OPTIONS optional... - KIND source SUPEROPTIONS
		before, after, _ := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) < 6 || len(right) < 3 {
			continue
		}
		dir := unescape(left[4])
		if inside := path == dir || dir == "/" || strings.HasPrefix(path, dir+"/"); inside && len(dir) >= len(m.dir) {
			m = mountPoint{dir: dir, kind: right[0], options: append(strings.Split(left[5], ","), strings.Split(right[2], ",")...)}
		}
	}
	if err := lines.Err(); err != nil {
		return m, err
	}
	if m.dir == "" {
		return m, fmt.Errorf("no mount holds %s", path)
	}
	return m, nil
}

// unescape undoes the octal escapes of mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// mount looks at the file system of a directory, and reports whether it is worth
// to try it out.
func (h *Host) mount(r *Report, check, dir string) bool {
	m, err := h.mountOf(dir)
	if err != nil {
		return true // a chroot's mounts are not listed; what matters is tried out
	}
	has := func(option string) bool { return slices.Contains(m.options, option) }
	remount := "mount -o remount,%s " + m.dir + ", and the same in /etc/fstab"
	if has("ro") {
		hint := fmt.Sprintf(remount, "rw")
		if h.supervised() {
			hint = "ReadWritePaths=" + dir + " by systemctl edit; if it is read-only outside of the unit too: " + hint
		}
		r.Error(check, hint, "%s is mounted read-only (%s)", m.dir, m.kind)
		return false
	}
	switch {
	case strings.HasPrefix(m.kind, "nfs"):
		if has("soft") || has("softerr") {
			r.Error(check, "in /etc/fstab write hard for soft, then umount and mount "+m.dir, "%s is a soft mount: a slow server would tear files", m.dir)
		}
		if has("nolock") && m.kind == "nfs" {
			r.Warn(check, "in /etc/fstab remove nolock, then umount and mount "+m.dir, "%s is mounted without locks", m.dir)
		}
	case m.kind == "tmpfs" || m.kind == "ramfs":
		r.Warn(check, "use a directory on a disk or a share", "%s is in memory: a reboot loses it", m.dir)
	case m.kind == "vfat" || m.kind == "exfat":
		r.Error(check, "use a file system with hard links and owners (NFS, ext4, xfs)", "%s is %s", m.dir, m.kind)
		return false
	}
	return true
}
