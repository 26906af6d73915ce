package check

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"uredit/daemon/config"
	"uredit/daemon/watch"
)

// Host is the host that is looked at. The zero value is nothing; This returns
// the one that the program runs on.
type Host struct {
	Mounts  string                                     // a file in the form of /proc/self/mountinfo
	Sysctl  string                                     // a directory in the form of /proc/sys
	Environ []string                                   // NAME=value
	Now     func() time.Time                           //
	Statfs  func(path string) (unix.Statfs_t, error)   //
	Remote  func(path string) bool                     // whether other hosts may write there unseen
	Files   func() (soft uint64, err error)            // how many files the process may have open
	Access  func(path string, mode uint32) (err error) // as access(2)
}

// This returns the host that the program runs on.
func This() *Host {
	return &Host{
		Mounts: "/proc/self/mountinfo", Sysctl: "/proc/sys", Environ: os.Environ(), Now: time.Now,
		Statfs: func(path string) (st unix.Statfs_t, err error) {
			err = unix.Statfs(path, &st)
			return st, err
		},
		Remote: watch.Remote,
		Files: func() (uint64, error) {
			var l unix.Rlimit
			err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
			return l.Cur, err
		},
		Access: unix.Access,
	}
}

// Check asks everything about the host that a configuration relies on. What the
// pipeline needs (programs, libraries, devices, models) it does not know. A share
// that has not answered within a time is an error; its question is left behind.
func (h *Host) Check(r *Report, c *config.Config, within time.Duration) {
	answers := make(chan Report, 1)
	go func() {
		var mine Report
		h.ask(&mine, c)
		answers <- mine
	}()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	select {
	case mine := <-answers:
		r.Findings = append(r.Findings, mine.Findings...)
	case <-deadline.C:
		r.Error("spool", "is the file server up? systemd and the kernel's log know which mount waits",
			"no answer from the file systems of %s for %v", strings.Join(append([]string{c.Root}, c.Roots...), ", "), within)
	}
}

func (h *Host) ask(r *Report, c *config.Config) {
	h.spool(r, c.Root)
	for _, root := range c.Roots {
		if root != c.Root {
			h.root(r, root)
		}
	}
	h.cache(r, c)
	h.local(r, "runtime_dir", c.RuntimeDir)
	h.local(r, "state_dir", c.StateDir)
	h.models(r, c)
	h.people(r, c)
	h.limits(r)
	h.unit(r, c)
}

// getenv returns a variable of the environment.
func (h *Host) getenv(name string) string {
	for _, v := range h.Environ {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// supervised reports whether systemd started the program.
func (h *Host) supervised() bool { return h.getenv("INVOCATION_ID") != "" }

// local looks at a directory that has to lie on the host's own disk, or be made
// there.
func (h *Host) local(r *Report, key, dir string) {
	there := existing(dir)
	info, err := os.Stat(there)
	switch {
	case err != nil:
		r.Error(key, "name a directory that the daemon may enter", "%s: %v", there, err)
	case !info.IsDir():
		r.Error(key, "remove the file, or name another directory", "%s is not a directory", there)
	case h.Access(there, unix.W_OK|unix.X_OK) != nil:
		r.Error(key, "make it writable for the daemon's user, or name another directory", "%s is not writable", there)
	case h.Remote(there):
		// A container's own file system may look like one, and so may a home.
		r.Warn(key, "name a directory on this host's own disk: locks on a share do not tell hosts apart", "%s lies on a network file system", dir)
	default:
		r.OK(key, "%s", dir)
	}
}

// existing returns path, or the nearest directory above it that is there.
func existing(path string) string {
	for {
		if _, err := os.Lstat(path); err == nil || path == "/" || path == "." {
			return path
		}
		path = filepath.Dir(path)
	}
}

// models looks whether what the configuration names of models is there.
func (h *Host) models(r *Report, c *config.Config) {
	for _, dir := range c.ModelRoots {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			r.Warn("model_roots", "correct the path, or mount what it lies on", "%s is no directory", dir)
		}
	}
	for from, to := range c.ModelAliases {
		if _, err := os.Stat(to); err != nil {
			r.Warn("model_aliases", "correct the path; requests that name the alias fail", "%s leads to %s, which is not there", from, to)
		}
	}
}

// people looks whether the host knows the admins.
func (h *Host) people(r *Report, c *config.Config) {
	for _, name := range c.Admins {
		if _, err := user.Lookup(name); err != nil {
			r.Warn("admins", "write a login name that getent passwd knows", "the host knows no user %q", name)
		}
	}
}

// limits looks at what the kernel grants.
func (h *Host) limits(r *Report) {
	const files = 1024
	if n, err := h.Files(); err == nil && n < files {
		r.Warn("limits", "LimitNOFILE=65536 in the unit, or ulimit -n", "%d open files are few: a job has some dozen, each model some", n)
	}
	for _, name := range []string{"max_user_watches", "max_user_instances"} {
		const few = 64
		data, err := os.ReadFile(filepath.Join(h.Sysctl, "fs/inotify", name))
		if err != nil {
			continue // the daemon looks by time alone where there are none
		}
		if n, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && n < few {
			r.Warn("limits", "sysctl fs.inotify."+name+"=8192", "fs.inotify.%s is %d: new requests may be seen by polling only", name, n)
		}
	}
}

// unit looks at what a service manager has set.
func (h *Host) unit(r *Report, c *config.Config) {
	if h.supervised() && h.getenv("NOTIFY_SOCKET") == "" {
		r.Warn("unit", "Type=notify and NotifyAccess=main in the unit", "systemd started this and does not listen: no watchdog, no status")
	}
	known := append(c.Variables(), "UREDIT_CONFIG", "UREDIT_SPOOL", "UREDIT_SUBMIT_TIMEOUT")
	for _, v := range h.Environ {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "UREDIT_") && !strings.HasPrefix(name, "UREDIT_TEST_") && !slices.Contains(known, name) {
			r.Warn("environment", "ureditd config print lists the keys; a variable is UREDIT_ and the key in capitals", "%s sets nothing", name)
		}
	}
}
