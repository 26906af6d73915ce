// Package config is the daemon's configuration: defaults, a strict YAML file,
// and environment variables over both.
//
// The manual of the keys is examples/uredit.yaml, which a test keeps equal to
// the defaults. A key is overridden by UREDIT_ and its name in capitals:
// UREDIT_POLL_INTERVAL=5s, UREDIT_LOG_LEVEL=debug. Lists are separated by
// commas: UREDIT_DEVICES=cuda:0,cuda:1.
package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"uredit/daemon/cache"
)

// Config is everything that an administrator decides.
type Config struct {
	Root         string            // the spool; absolute
	Roots        []string          // where inputs and outputs may lie; Root alone by default
	RuntimeDir   string            // small files of this host; local, may be gone after a reboot
	StateDir     string            // this host's identity and its lock; local, survives a reboot
	Devices      []string          // "auto", "cpu", N, "cuda:N", "tensorrt:N" or a UUID; one job at a time on each
	GPUMemLimit  int               // megabytes of a card that one network's arena may take; 0 for no limit
	GPUArena     string            // how an arena grows: ArenaAsked or ArenaDouble
	Bundle       string            // a model bundle's folder, or Builtin
	ModelRoots   []string          // where a request's own models may lie; Bundle by default
	ModelAliases map[string]string // an old model path to a part of a bundle
	ORTLibrary   string            // libonnxruntime.so; "" looks in the usual places
	NVMLLibrary  string            // libnvidia-ml.so.1; "" for the driver's
	FFmpeg       string            // program, a path or a name in PATH
	FFprobe      string            // program, a path or a name in PATH
	Threads      int               // processor threads of one device; 0 shares the processor out
	PollInterval time.Duration     // between looks at the inbox
	Settle       time.Duration     // how long a request must be unchanged before it is read
	DrainTimeout time.Duration     // how long running jobs may go on after SIGTERM
	Admins       []string          // users whose markers count for every job, beside root
	Markers      string            // MarkersOwner or MarkersAnyone
	Metrics      string            // HOST:PORT of /metrics, /livez and /readyz; "" for none
	Cache        Cache
	Log          Log
}

// Cache is where results of jobs are kept for others that ask for the same.
type Cache struct {
	Dir  string // the daemon's own directory; Root/cache by default
	Size int    // megabytes; 0 for no cache
}

// Log is where the daemon's own log goes. Jobs have logs of their own.
type Log struct {
	File       string // "" for stderr, which a service manager keeps
	Level      string // "debug", "info", "warn" or "error"
	MaxSize    int    // megabytes at which File is set aside
	MaxBackups int    // files that are kept; 0 for all
	MaxAge     int    // days that files are kept; 0 for ever
}

// Builtin is the name of the bundle that lies in the program.
const Builtin = "builtin"

// How a network's arena in a card's memory grows.
const (
	ArenaAsked  = "asked"  // by what is needed
	ArenaDouble = "double" // to twice its size: fewer, larger steps
)

// Whose markers count for a job.
const (
	MarkersOwner  = "owner"  // its owner's, root's and the admins'
	MarkersAnyone = "anyone" // everybody's: for exports that make all users one
)

// Default returns the configuration without a file.
func Default() Config {
	c := Config{
		Root:         "/var/spool/uredit",
		RuntimeDir:   runtimeDir(os.Geteuid(), os.Getenv),
		StateDir:     stateDir(os.Geteuid(), os.Getenv, mayMake),
		Devices:      []string{"cpu"},
		GPUArena:     ArenaAsked,
		Bundle:       Builtin,
		FFmpeg:       "ffmpeg",
		FFprobe:      "ffprobe",
		PollInterval: 2 * time.Second,
		Settle:       time.Second,
		DrainTimeout: 30 * time.Second,
		Markers:      MarkersOwner,
		Cache:        Cache{Size: 10_000},
		Log:          Log{Level: "info", MaxSize: 100, MaxBackups: 5, MaxAge: 30},
	}
	c.complete()
	return c
}

// complete fills in the defaults that depend on other keys.
func (c *Config) complete() {
	if len(c.Roots) == 0 {
		c.Roots = []string{c.Root}
	}
	if len(c.ModelRoots) == 0 && c.Bundle != Builtin {
		c.ModelRoots = []string{c.Bundle}
	}
	if c.Cache.Dir == "" {
		c.Cache.Dir = filepath.Join(c.Root, cache.DirName)
	}
}

// runtimeDir returns the directory that systemd made for the service, or the
// usual one of root or of a user.
func runtimeDir(uid int, getenv func(string) string) string {
	if dir := getenv("RUNTIME_DIRECTORY"); dir != "" {
		return dir
	}
	if uid == 0 {
		return "/run/uredit"
	}
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		return filepath.Join(dir, "uredit")
	}
	return filepath.Join(os.TempDir(), "uredit-"+strconv.Itoa(uid))
}

// stateDir returns the directory that systemd made for the service's state, or
// the first of the usual ones in which this user may make it.
func stateDir(uid int, getenv func(string) string, mayMake func(dir string) bool) string {
	if dir, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":"); dir != "" {
		return dir
	}
	candidates := []string{"/var/lib/uredit"}
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		candidates = append(candidates, filepath.Join(dir, "uredit"))
	}
	if dir := getenv("HOME"); filepath.IsAbs(dir) {
		candidates = append(candidates, filepath.Join(dir, ".local/state/uredit"))
	}
	if i := slices.IndexFunc(candidates, mayMake); i >= 0 {
		return candidates[i]
	}
	return filepath.Join(os.TempDir(), "uredit-state-"+strconv.Itoa(uid))
}

// mayMake reports whether this process may write in a directory, or make it.
func mayMake(dir string) bool {
	const writeAndEnter = 2 | 1 // W_OK and X_OK of access(2)
	for {
		err := syscall.Access(dir, writeAndEnter)
		if !errors.Is(err, fs.ErrNotExist) || dir == "/" {
			return err == nil
		}
		dir = filepath.Dir(dir)
	}
}
