package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"uredit/daemon/document"
)

// maxBytes is the largest configuration file.
const maxBytes = 1 << 20

// Faults is everything that is wrong with a configuration, in the order of the
// file. One that is returned as an error holds at least one.
type Faults []*document.Fault

// Error returns one line for each fault.
func (l Faults) Error() string {
	lines := make([]string, len(l))
	for i, f := range l {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Load reads the configuration file at path over the defaults, and the
// environment over both. With an empty path there is no file. What is wrong with
// the contents is a Faults.
func Load(path string) (Config, error) {
	if path == "" {
		return build(document.Empty(), os.LookupEnv)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	return parse(path, data, os.LookupEnv)
}

func parse(path string, data []byte, env func(string) (string, bool)) (Config, error) {
	m, fault := document.Parse(path, data, maxBytes)
	if fault != nil {
		return Config{}, Faults{fault}
	}
	return build(m, env)
}

func build(m *document.Mapping, env func(string) (string, bool)) (Config, error) {
	m.Override(func(key string) (value, name string, ok bool) {
		name = variable(key)
		value, ok = env(name)
		return value, name, ok && value != ""
	})
	c := Default()
	c.Roots, c.ModelRoots = nil, nil
	decode(m, &c)
	c.check(m)
	c.complete()
	m.Unknown(nil)
	if list := m.Faults(); len(list) > 0 {
		return Config{}, Faults(list)
	}
	return c, nil
}

// variable returns the environment variable of a key.
func variable(key string) string {
	return "UREDIT_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func decode(m *document.Mapping, c *Config) {
	m.String("root", &c.Root)
	m.Strings("roots", &c.Roots)
	m.String("runtime_dir", &c.RuntimeDir)
	m.String("state_dir", &c.StateDir)
	m.Strings("devices", &c.Devices)
	m.String("bundle", &c.Bundle)
	m.Strings("model_roots", &c.ModelRoots)
	m.StringMap("model_aliases", &c.ModelAliases)
	m.String("ort_library", &c.ORTLibrary)
	m.String("ffmpeg", &c.FFmpeg)
	m.String("ffprobe", &c.FFprobe)
	m.Int("threads", &c.Threads)
	m.Duration("poll_interval", &c.PollInterval)
	m.Duration("settle", &c.Settle)
	m.Duration("drain_timeout", &c.DrainTimeout)
	m.Strings("admins", &c.Admins)
	m.String("markers", &c.Markers)
	log := m.Mapping("log")
	log.String("file", &c.Log.File)
	log.String("level", &c.Log.Level)
	log.Int("max_size", &c.Log.MaxSize)
	log.Int("max_backups", &c.Log.MaxBackups)
	log.Int("max_age", &c.Log.MaxAge)
	c.Log.check(log)
	log.Unknown(nil)
}

func (c *Config) check(m *document.Mapping) {
	absolute(m, "root", c.Root)
	absolute(m, "runtime_dir", c.RuntimeDir)
	absolute(m, "state_dir", c.StateDir)
	absolute(m, "roots", c.Roots...)
	absolute(m, "model_roots", c.ModelRoots...)
	if c.Bundle != Builtin {
		absolute(m, "bundle", c.Bundle)
	}
	if c.ORTLibrary != "" {
		absolute(m, "ort_library", c.ORTLibrary)
	}
	for from, to := range c.ModelAliases {
		if to != "" && !filepath.IsAbs(to) {
			m.Fault("model_aliases", fmt.Sprintf("%s leads to %q, which is not absolute", from, to), "write the whole path of a bundle's part")
		}
	}
	if len(c.Devices) == 0 {
		m.Fault("devices", "the list is empty", "write [cpu] or [cuda:0]")
	}
	for _, d := range c.Devices {
		if !device.MatchString(d) {
			m.Fault("devices", fmt.Sprintf("%q is no device", d), "write cpu or cuda:0")
		}
	}
	for key, v := range map[string]string{"ffmpeg": c.FFmpeg, "ffprobe": c.FFprobe} {
		if v == "" {
			m.Fault(key, "the name is empty", "remove the line to take the one in PATH")
		}
	}
	if c.Threads < 0 {
		m.Fault("threads", fmt.Sprintf("%d is negative", c.Threads), "0 shares the processor among the devices")
	}
	if c.PollInterval <= 0 {
		m.Fault("poll_interval", "the daemon cannot look without a pause", "write 2s")
	}
	if c.Markers != MarkersOwner && c.Markers != MarkersAnyone {
		m.Fault("markers", fmt.Sprintf("%q is not known", c.Markers), "write owner or anyone")
	}
}

// device matches a device as the engine names it.
var device = regexp.MustCompile(`^(cpu|cuda(:(0|[1-9][0-9]?))?)$`)

func (l *Log) check(m *document.Mapping) {
	if l.File != "" {
		absolute(m, "file", l.File)
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, l.Level) {
		m.Fault("level", fmt.Sprintf("%q is not known", l.Level), "write debug, info, warn or error")
	}
	if l.MaxSize < 1 {
		m.Fault("max_size", fmt.Sprintf("%d is not at least 1", l.MaxSize), "the unit is a megabyte")
	}
	if l.MaxBackups < 0 {
		m.Fault("max_backups", fmt.Sprintf("%d is negative", l.MaxBackups), "0 keeps all files")
	}
	if l.MaxAge < 0 {
		m.Fault("max_age", fmt.Sprintf("%d is negative", l.MaxAge), "0 keeps files for ever")
	}
}

func absolute(m *document.Mapping, key string, paths ...string) {
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			m.Fault(key, fmt.Sprintf("%q is not absolute", path), "write the whole path, from / on")
		}
	}
}
