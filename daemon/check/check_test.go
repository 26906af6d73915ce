package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uredit/daemon/cache"
	"uredit/daemon/config"
	"uredit/daemon/spool"
)

// site is a host and a configuration in which nothing is wrong.
type site struct {
	t    *testing.T
	dir  string
	host *Host
	cfg  config.Config
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), host: This(), cfg: config.Default()}
	s.cfg.Root = s.mkdir("spool")
	s.cfg.Roots = []string{s.cfg.Root, s.mkdir("videos")}
	s.cfg.Cache.Dir = filepath.Join(s.cfg.Root, cache.DirName)
	s.cfg.RuntimeDir, s.cfg.StateDir = s.mkdir("run"), s.mkdir("state")
	s.host.Environ = nil
	s.host.Mounts, s.host.Sysctl = filepath.Join(s.dir, "mountinfo"), s.mkdir("sys/fs/inotify/../..")
	s.mounted("ext4", "rw")
	s.write("sys/fs/inotify/max_user_watches", "8192\n")
	s.host.Remote = func(string) bool { return false }
	s.host.Files = func() (uint64, error) { return 65536, nil }
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) mkdir(name string) string {
	s.t.Helper()
	if err := os.MkdirAll(s.path(name), 0o755); err != nil {
		s.t.Fatal(err)
	}
	return filepath.Clean(s.path(name))
}

func (s *site) write(name, text string) {
	s.t.Helper()
	s.mkdir(filepath.Dir(name))
	if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) remove(name string) {
	s.t.Helper()
	if err := os.RemoveAll(s.path(name)); err != nil {
		s.t.Fatal(err)
	}
}

// mounted says what the site lies on.
func (s *site) mounted(kind, options string) { s.mountedAt("", kind, options) }

// mountedAt says what a directory of the site lies on.
func (s *site) mountedAt(name, kind, options string) {
	s.write("mountinfo", "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"+
		"99 21 0:44 / "+strings.ReplaceAll(s.path(name), " ", `\040`)+" "+options+",relatime shared:1 - "+kind+" server:/x rw,"+options+"\n")
}

// free says how much is free.
func (s *site) free(mb, files uint64) {
	s.host.Statfs = func(string) (unix.Statfs_t, error) {
		return unix.Statfs_t{Bsize: 1 << 20, Blocks: 1 << 20, Bavail: mb, Files: 1 << 20, Ffree: files}, nil
	}
}

func (s *site) format(text string) { s.write("spool/FORMAT", text) }

func format(version, uid int) string {
	return string(spool.Format{Version: version, ID: "0123456789abcdef", UID: uid, GID: uid, Lease: time.Minute}.Bytes())
}

func (s *site) report() *Report {
	r := &Report{}
	s.host.Check(r, &s.cfg, time.Minute)
	return r
}

func TestNothingIsWrong(t *testing.T) {
	s := newSite(t)
	r := s.report()
	if r.Worst() != OK || r.Err() != nil {
		t.Errorf("found %v", r.Findings)
	}
	left, _ := filepath.Glob(s.path("*/.uredit-check-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// Each set-up is broken in one way: it is found, the hint says what to do, and
// after that is done nothing is wrong.
func TestBrokenSetUps(t *testing.T) {
	skew := func(d time.Duration) func(*site) {
		return func(s *site) { s.host.Now = func() time.Time { return time.Now().Add(d) } }
	}
	for _, c := range []struct {
		name  string
		level Level
		check string
		text  string // in the finding
		hint  string // in the hint
		harm  func(*site)
		mend  func(*site) // what the hint says
	}{
		{"share not mounted", Error, "spool", "is not there", "mount the share",
			func(s *site) { s.cfg.Root = s.path("share/spool") }, func(s *site) { s.mkdir("share") }},
		{"spool is a file", Error, "spool", "is not a directory", "remove it",
			func(s *site) { s.remove("spool"); s.write("spool", "x") }, func(s *site) { s.remove("spool") }},
		{"soft mount", Error, "spool", "is a soft mount", "write hard for soft",
			func(s *site) { s.mounted("nfs4", "rw,soft") }, func(s *site) { s.mounted("nfs4", "rw,hard") }},
		{"mount without locks", Warning, "spool", "without locks", "remove nolock",
			func(s *site) { s.mounted("nfs", "rw,nolock") }, func(s *site) { s.mounted("nfs", "rw,local_lock=none") }},
		{"read-only mount", Error, "spool", "is mounted read-only", "remount,rw",
			func(s *site) { s.mounted("ext4", "ro") }, func(s *site) { s.mounted("ext4", "rw") }},
		{"read-only by the unit", Error, "spool", "is mounted read-only", "ReadWritePaths=",
			func(s *site) {
				s.mounted("ext4", "ro")
				s.host.Environ = []string{"INVOCATION_ID=1", "NOTIFY_SOCKET=@x"}
			},
			func(s *site) { s.mounted("ext4", "rw") }},
		{"inputs on a read-only mount", Warning, "roots", "is mounted read-only", "remount,rw",
			func(s *site) { s.mountedAt("videos", "ext4", "ro") }, func(s *site) { s.mountedAt("videos", "ext4", "rw") }},
		{"inputs on a stick", Warning, "roots", "is vfat", "hard links",
			func(s *site) { s.mountedAt("videos", "vfat", "rw") }, func(s *site) { s.mountedAt("videos", "ext4", "rw") }},
		{"spool in memory", Warning, "spool", "is in memory", "on a disk or a share",
			func(s *site) { s.mounted("tmpfs", "rw") }, func(s *site) { s.mounted("xfs", "rw") }},
		{"file system without links", Error, "spool", "is vfat", "hard links",
			func(s *site) { s.mounted("vfat", "rw") }, func(s *site) { s.mounted("ext4", "rw") }},
		{"newer layout", Error, "spool", "version 2, this program knows 1", "install the newer uredit",
			func(s *site) { s.format(format(2, os.Geteuid())) }, func(s *site) { s.format(format(1, os.Geteuid())) }},
		{"torn FORMAT", Error, "spool", "not the FORMAT file", "remove the file",
			func(s *site) { s.format("ure") }, func(s *site) { s.remove("spool/FORMAT") }},
		{"a part is a link elsewhere", Error, "spool", "inbox is not a directory", "move it away",
			func(s *site) { s.mkdir("elsewhere"); os.Symlink(s.path("elsewhere"), s.path("spool/inbox")) },
			func(s *site) { s.remove("spool/inbox") }},
		{"inbox without the sticky bit", Warning, "spool", "remove each other's requests", "chmod +t",
			func(s *site) { os.Chmod(s.mkdir("spool/inbox"), 0o777) },
			func(s *site) { os.Chmod(s.path("spool/inbox"), 0o777|fs.ModeSticky) }},
		{"full", Error, "spool", "has 3 MB left", "free some space",
			func(s *site) { s.free(3, 1e6) }, func(s *site) { s.free(5000, 1e6) }},
		{"nearly full", Warning, "roots", "has 500 MB left", "free some space",
			func(s *site) { s.free(500, 1e6) }, func(s *site) { s.free(5000, 1e6) }},
		{"no inodes", Warning, "spool", "room for 12 more files", "remove files",
			func(s *site) { s.free(5000, 12) }, func(s *site) { s.free(5000, 1e6) }},
		{"server does not answer", Error, "spool", "stale file handle", "does its server answer",
			func(s *site) {
				s.host.Statfs = func(string) (unix.Statfs_t, error) { return unix.Statfs_t{}, unix.ESTALE }
			},
			func(s *site) { s.free(5000, 1e6) }},
		{"clock a little off", Warning, "spool", "clock and this host's differ by", "NTP", skew(time.Minute), skew(0)},
		{"clock far off", Error, "spool", "clock and this host's differ by", "NTP", skew(-time.Hour), skew(0)},
		{"root missing", Warning, "roots", "is no directory", "mount the share",
			func(s *site) { s.remove("videos") }, func(s *site) { s.mkdir("videos") }},
		{"root is a file", Warning, "roots", "is no directory", "correct the path",
			func(s *site) { s.remove("videos"); s.write("videos", "x") },
			func(s *site) { s.cfg.Roots[1] = s.mkdir("clips") }},
		{"runtime_dir is a file", Error, "runtime_dir", "is not a directory", "remove the file",
			func(s *site) { s.remove("run"); s.write("run", "x") }, func(s *site) { s.remove("run") }},
		{"cache below nothing", Warning, "cache", "no result will be kept", "install -d -m 700",
			func(s *site) { s.cfg.Cache.Dir = s.path("fast/cache") }, func(s *site) { s.mkdir("fast") }},
		{"cache of another user", Warning, "cache", "may not write", "or cache: {size: 0}",
			func(s *site) {
				s.cfg.Cache.Dir = s.mkdir("cache")
				s.host.Access = func(p string, _ uint32) error {
					return map[string]error{s.path("cache"): unix.EACCES}[p]
				}
			},
			func(s *site) { s.cfg.Cache.Size = 0 }},
		{"state_dir on the share", Warning, "state_dir", "network file system", "this host's own disk",
			func(s *site) { s.host.Remote = func(p string) bool { return p == s.path("state") } },
			func(s *site) { s.cfg.StateDir = s.path("run") }},
		{"state_dir not writable", Error, "state_dir", "is not writable", "make it writable",
			func(s *site) {
				s.host.Access = func(p string, _ uint32) error {
					return map[string]error{s.path("state"): unix.EACCES}[p]
				}
			},
			func(s *site) { s.host.Access = unix.Access }},
		{"few files", Warning, "limits", "256 open files", "LimitNOFILE",
			func(s *site) { s.host.Files = func() (uint64, error) { return 256, nil } },
			func(s *site) { s.host.Files = func() (uint64, error) { return 65536, nil } }},
		{"few watches", Warning, "limits", "fs.inotify.max_user_watches is 8", "sysctl fs.inotify.max_user_watches=8192",
			func(s *site) { s.write("sys/fs/inotify/max_user_watches", "8\n") },
			func(s *site) { s.write("sys/fs/inotify/max_user_watches", "8192\n") }},
		{"admin unknown", Warning, "admins", `no user "nobody-here"`, "getent passwd",
			func(s *site) { s.cfg.Admins = []string{"nobody-here"} }, func(s *site) { s.cfg.Admins = []string{"root"} }},
		{"alias to nothing", Warning, "model_aliases", "/old.pt leads to", "correct the path",
			func(s *site) { s.cfg.ModelAliases = map[string]string{"/old.pt": s.path("m")} },
			func(s *site) { s.mkdir("m") }},
		{"model root missing", Warning, "model_roots", "is no directory", "correct the path",
			func(s *site) { s.cfg.ModelRoots = []string{s.path("m")} }, func(s *site) { s.mkdir("m") }},
		{"unit of another type", Warning, "unit", "does not listen", "Type=notify",
			func(s *site) { s.host.Environ = []string{"INVOCATION_ID=1"} },
			func(s *site) { s.host.Environ = []string{"INVOCATION_ID=1", "NOTIFY_SOCKET=/run/x"} }},
		{"variable misspelt", Warning, "environment", "UREDIT_DEVICE sets nothing", "config print",
			func(s *site) { s.host.Environ = []string{"UREDIT_DEVICE=cpu"} },
			func(s *site) { s.host.Environ = []string{"UREDIT_DEVICES=cpu", "UREDIT_CONFIG=/x"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			c.harm(s)
			r := s.report()
			found := false
			for _, f := range r.Findings {
				found = found || f.Check == c.check && f.Level == c.level && strings.Contains(f.Text, c.text) && strings.Contains(f.Hint, c.hint)
			}
			if !found || r.Worst() != c.level || (r.Err() != nil) != (c.level == Error) {
				t.Errorf("found %v\nwant a %s of %s: %s (hint: %s)", r.Findings, c.level, c.check, c.text, c.hint)
			}
			c.mend(s)
			if r := s.report(); r.Worst() != OK {
				t.Errorf("after the hint was followed: %v", r.Findings)
			}
		})
	}
}

// A chroot lists no mount that holds the site; a small disk is not a full one.
func TestNothingIsWrongInSmallPlaces(t *testing.T) {
	s := newSite(t)
	s.write("mountinfo", "21 1 8:1 / /elsewhere rw - ext4 /dev/sda1 rw\n")
	if r := s.report(); r.Worst() != OK {
		t.Errorf("in a chroot: found %v", r.Findings)
	}
	s.host.Statfs = func(string) (unix.Statfs_t, error) {
		return unix.Statfs_t{Bsize: 1 << 20, Blocks: 50, Bavail: 45}, nil
	}
	if r := s.report(); r.Worst() != Warning {
		t.Errorf("on a small disk: found %v", r.Findings)
	}
}

func TestMountOf(t *testing.T) {
	dir := t.TempDir()
	h := &Host{Mounts: filepath.Join(dir, "m")}
	text := "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:9 / /srv rw,nosuid - nfs4 s:/ rw,hard\n" +
		"3 1 0:9 / /srv/my\\040share ro - cifs //s/x rw\ngarbage\n"
	if err := os.WriteFile(h.Mounts, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/": "/ ext4", "/srvx": "/ ext4", "/srv": "/srv nfs4", "/srv/a/b": "/srv nfs4", "/srv/my share/x": "/srv/my share cifs",
	} {
		m, err := h.mountOf(path)
		if got := fmt.Sprint(m.dir, " ", m.kind); err != nil || got != want {
			t.Errorf("%s lies on %s (%v), want %s", path, got, err, want)
		}
	}
	h.Mounts = filepath.Join(dir, "none")
	if _, err := h.mountOf("/"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A file server that is gone lets every question wait, for ever.
func TestShareThatHangs(t *testing.T) {
	s := newSite(t)
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	s.host.Statfs = func(string) (unix.Statfs_t, error) { <-hang; return unix.Statfs_t{}, nil }
	r := &Report{}
	s.host.Check(r, &s.cfg, 50*time.Millisecond)
	if r.Worst() != Error || !strings.Contains(r.Findings[0].Text, "no answer from the file systems of "+s.cfg.Root) {
		t.Errorf("found %v", r.Findings)
	}
}
