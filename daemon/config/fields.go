package config

import (
	"fmt"
	"reflect"
	"time"

	"uredit/daemon/document"
)

// field is one key: where its value lies, and whether a running daemon takes a
// new one.
type field struct {
	key  string // with its parents: "log.level"
	dst  any    // a pointer into a Config
	live bool
}

// fields lists every key once, in the order of the manual. Reading, printing and
// comparing go through it, so that none of them can forget one.
func (c *Config) fields() []field {
	return []field{
		{key: "root", dst: &c.Root},
		{key: "roots", dst: &c.Roots},
		{key: "runtime_dir", dst: &c.RuntimeDir},
		{key: "state_dir", dst: &c.StateDir},
		{key: "devices", dst: &c.Devices},
		{key: "gpu_mem_limit", dst: &c.GPUMemLimit},
		{key: "gpu_arena", dst: &c.GPUArena},
		{key: "bundle", dst: &c.Bundle},
		{key: "model_roots", dst: &c.ModelRoots},
		{key: "model_aliases", dst: &c.ModelAliases},
		{key: "ort_library", dst: &c.ORTLibrary},
		{key: "nvml_library", dst: &c.NVMLLibrary},
		{key: "ffmpeg", dst: &c.FFmpeg},
		{key: "ffprobe", dst: &c.FFprobe},
		{key: "threads", dst: &c.Threads},
		{key: "poll_interval", dst: &c.PollInterval},
		{key: "settle", dst: &c.Settle, live: true},
		{key: "drain_timeout", dst: &c.DrainTimeout, live: true},
		{key: "admins", dst: &c.Admins, live: true},
		{key: "markers", dst: &c.Markers, live: true},
		{key: "metrics", dst: &c.Metrics},
		{key: "cache.dir", dst: &c.Cache.Dir},
		{key: "cache.size", dst: &c.Cache.Size},
		{key: "log.file", dst: &c.Log.File},
		{key: "log.level", dst: &c.Log.Level, live: true},
		{key: "log.max_size", dst: &c.Log.MaxSize},
		{key: "log.max_backups", dst: &c.Log.MaxBackups},
		{key: "log.max_age", dst: &c.Log.MaxAge},
	}
}

// read takes the value out of a file's mapping, where it is called name.
func (f field) read(m *document.Mapping, name string) {
	switch dst := f.dst.(type) {
	case *string:
		m.String(name, dst)
	case *int:
		m.Int(name, dst)
	case *time.Duration:
		m.Duration(name, dst)
	case *[]string:
		m.Strings(name, dst)
	case *map[string]string:
		m.StringMap(name, dst)
	default:
		panic(fmt.Sprintf("config: no reader for the %T of %s", dst, f.key))
	}
}

// value returns what the field holds.
func (f field) value() any { return reflect.ValueOf(f.dst).Elem().Interface() }

// A Setting is one key of a configuration, its value and where that came from.
type Setting struct {
	Key    string // with its parents: "log.level"
	Value  any    // string, int, time.Duration, []string or map[string]string
	Origin string // "FILE:LINE", the name of an environment variable, or "default"
}

// settings returns every key in the order of the manual. Origins are those of
// build.
func (c *Config) settings(origins map[string]string) []Setting {
	var list []Setting
	for _, f := range c.fields() {
		origin := origins[f.key]
		if origin == "" {
			origin = "default"
		}
		list = append(list, Setting{Key: f.key, Value: f.value(), Origin: origin})
	}
	return list
}

// Changes compares c with a newer configuration: the keys that a running daemon
// takes over, and those that need a restart.
func (c *Config) Changes(newer *Config) (live, restart []string) {
	before, after := c.fields(), newer.fields()
	for i, f := range before {
		switch {
		case same(f.value(), after[i].value()):
		case f.live:
			live = append(live, f.key)
		default:
			restart = append(restart, f.key)
		}
	}
	return live, restart
}

// same compares two values of one key; no list and an empty one are the same.
func same(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if k := x.Kind(); (k == reflect.Slice || k == reflect.Map) && x.Len() == 0 && y.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a, b)
}

// Take copies from a newer configuration what a running daemon takes over.
func (c *Config) Take(newer *Config) {
	after := newer.fields()
	for i, f := range c.fields() {
		if f.live {
			reflect.ValueOf(f.dst).Elem().Set(reflect.ValueOf(after[i].dst).Elem())
		}
	}
}

// Variables returns the names of the environment variables that set keys.
func (c *Config) Variables() []string {
	var list []string
	for _, f := range c.fields() {
		if _, ok := f.dst.(*map[string]string); !ok { // it has keys of any name
			list = append(list, variable(f.key))
		}
	}
	return list
}
