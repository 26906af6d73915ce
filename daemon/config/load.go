package config

import (
	"fmt"
	"net"
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
	m, err := read(path)
	if err != nil {
		return Config{}, err
	}
	c, _, err := build(m, os.LookupEnv)
	return c, err
}

// Settings does what Load does, and says where each value came from.
func Settings(path string) ([]Setting, error) {
	m, err := read(path)
	if err != nil {
		return nil, err
	}
	c, origins, err := build(m, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	return c.settings(origins), nil
}

func read(path string) (*document.Mapping, error) {
	if path == "" {
		return document.Empty(), nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	m, fault := document.Parse(path, data, maxBytes)
	if fault != nil {
		return nil, Faults{fault}
	}
	return m, nil
}

// build returns the configuration of a file and an environment, and where the
// values of its keys came from that are not the default.
func build(m *document.Mapping, env func(string) (string, bool)) (c Config, origins map[string]string, err error) {
	m.Override(func(key string) (value, name string, ok bool) {
		name = variable(key)
		value, ok = env(name)
		return value, name, ok && value != ""
	})
	c = Default()
	c.Roots, c.ModelRoots, c.Cache.Dir = nil, nil, ""
	sections := map[string]*document.Mapping{"": m, "cache": m.Mapping("cache"), "log": m.Mapping("log")}
	origins = map[string]string{}
	for _, f := range c.fields() {
		section, name, nested := strings.Cut(f.key, ".")
		if !nested {
			section, name = "", f.key
		}
		from := sections[section]
		f.read(from, name)
		if origin := from.Origin(name); origin != "" {
			origins[f.key] = origin
		}
	}
	c.check(m)
	c.Cache.check(sections["cache"])
	c.Log.check(sections["log"])
	c.complete()
	for _, section := range []string{"cache", "log", ""} {
		sections[section].Unknown(nil)
	}
	if list := m.Faults(); len(list) > 0 {
		return Config{}, nil, Faults(list)
	}
	return c, origins, nil
}

// variable returns the environment variable of a key.
func variable(key string) string {
	return "UREDIT_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
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
	if c.NVMLLibrary != "" {
		absolute(m, "nvml_library", c.NVMLLibrary)
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
			m.Fault("devices", fmt.Sprintf("%q is no device", d), "write auto, cpu, a number, cuda:0, tensorrt:0, or the UUID of a card (GPU-...) or MIG instance (MIG-...)")
		}
	}
	if len(c.Devices) > 1 && slices.Contains(c.Devices, "auto") {
		m.Fault("devices", "auto stands for all devices and is not one of several", "write [auto], or name each device")
	}
	if c.GPUMemLimit < 0 {
		m.Fault("gpu_mem_limit", fmt.Sprintf("%d is negative", c.GPUMemLimit), "write megabytes; 0 is no limit")
	}
	if c.GPUArena != ArenaAsked && c.GPUArena != ArenaDouble {
		m.Fault("gpu_arena", fmt.Sprintf("%q is no way to grow", c.GPUArena), "write asked or double")
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
	if c.Metrics != "" {
		if _, port, err := net.SplitHostPort(c.Metrics); err != nil || port == "" {
			m.Fault("metrics", fmt.Sprintf("%q is no address", c.Metrics), "write 127.0.0.1:9187, or :9187 for all of the host's addresses")
		}
	}
	if c.Markers != MarkersOwner && c.Markers != MarkersAnyone {
		m.Fault("markers", fmt.Sprintf("%q is not known", c.Markers), "write owner or anyone")
	}
}

// device matches the names of devices. "MIG-GPU-UUID/N/N" is how older drivers name
// an instance.
var device = regexp.MustCompile(`^(auto|cpu|cuda|tensorrt|((cuda|tensorrt):)?((0|[1-9][0-9]?)|(GPU|MIG)-[0-9A-Za-z/-]+))$`)

func (c *Cache) check(m *document.Mapping) {
	if c.Dir != "" {
		absolute(m, "dir", c.Dir)
	}
	if c.Size < 0 {
		m.Fault("size", fmt.Sprintf("%d is negative", c.Size), "the unit is a megabyte; 0 turns the cache off")
	}
}

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
