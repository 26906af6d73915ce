package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"uredit/daemon/document"
)

const examplePath = "../../examples/uredit.yaml"

// parse reads a file's text under an environment.
func parse(name string, data []byte, env func(string) (string, bool)) (Config, error) {
	m, fault := document.Parse(name, data, maxBytes)
	if fault != nil {
		return Config{}, Faults{fault}
	}
	c, _, err := build(m, env)
	return c, err
}

func none(string) (string, bool) { return "", false }

func from(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

// TestExample: the manual says what the defaults are, and knows every key.
func TestExample(t *testing.T) {
	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parse(examplePath, data, none)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	if want.Admins = []string{}; !reflect.DeepEqual(got, want) {
		t.Errorf("the example says\n%+v\nthe defaults are\n%+v", got, want)
	}
	for _, key := range keys(reflect.TypeFor[Config]()) {
		shown := regexp.MustCompile(`(?m)^ *(# )?` + key + `:`)
		if len(shown.FindAll(data, -1)) != 1 {
			t.Errorf("the example does not show %s once", key)
		}
	}
}

// keys returns the names of the fields as the file spells them.
func keys(t reflect.Type) []string {
	word := regexp.MustCompile(`[A-Z]+[a-z0-9]*`)
	var list []string
	for _, f := range reflect.VisibleFields(t) {
		name := strings.NewReplacer("FF", "Ff", "ORT", "Ort", "GPU", "Gpu", "NVML", "Nvml").Replace(f.Name)
		list = append(list, strings.ToLower(strings.Join(word.FindAllString(name, -1), "_")))
		if f.Type.Kind() == reflect.Struct {
			list = append(list, keys(f.Type)...)
		}
	}
	return list
}

// TestExampleUncommented: the lines that are comments are right as well.
func TestExampleUncommented(t *testing.T) {
	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^( *)# ([a-z_]+:|  /)`).ReplaceAllString(string(data), "$1$2")
	c, err := parse(examplePath, []byte(text), none)
	if err != nil {
		t.Fatal(err)
	}
	if c.ModelAliases["/data/sam3.pt"] != "/srv/models/main/sam3" || c.Log.File == "" || c.ORTLibrary == "" ||
		len(c.Roots) != 2 || len(c.ModelRoots) != 1 {
		t.Errorf("got %+v", c)
	}
}

func TestParse(t *testing.T) {
	c, err := parse("c.yaml", []byte("root: /s\nbundle: /m\ndevices: [cuda:0, cpu]\npoll_interval: 250ms\nlog:\n  level: debug\n"), none)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Root, want.Roots, want.Bundle, want.ModelRoots = "/s", []string{"/s"}, "/m", []string{"/m"}
	want.Devices, want.PollInterval, want.Log.Level = []string{"cuda:0", "cpu"}, 250*time.Millisecond, "debug"
	want.Cache.Dir = "/s/cache"
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestParseFaults(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", "c.yaml: the file is empty (hint: write lines such as  key: value)"},
		{"root: /s\nrots: [/a]\n", "c.yaml:2: rots: no such key (hint: did you mean roots?)"},
		{"log:\n  levle: info\n", "c.yaml:2: log.levle: no such key (hint: did you mean level?)"},
		{"log:\n  level: loud\n", `c.yaml:2: log.level: "loud" is not known (hint: write debug, info, warn or error)`},
		{"log:\n  max_size: 0\n  max_age: -1\n  max_backups: -2\n  file: x\n", `c.yaml:2: log.max_size: 0 is not at least 1 (hint: the unit is a megabyte)
c.yaml:3: log.max_age: -1 is negative (hint: 0 keeps files for ever)
c.yaml:4: log.max_backups: -2 is negative (hint: 0 keeps all files)
c.yaml:5: log.file: "x" is not absolute (hint: write the whole path, from / on)`},
		{"cache:\n  dir: x\n  size: -1\n", `c.yaml:2: cache.dir: "x" is not absolute (hint: write the whole path, from / on)
c.yaml:3: cache.size: -1 is negative (hint: the unit is a megabyte; 0 turns the cache off)`},
		{"cache:\n  sice: 1\n", "c.yaml:2: cache.sice: no such key (hint: did you mean size?)"},
		{"log: loud\n", `c.yaml:1: log: text "loud" stands where keys and values are wanted (hint: write  log: {key: value})`},
		{"root: spool\nroots: [/a, b]\n", `c.yaml:1: root: "spool" is not absolute (hint: write the whole path, from / on)
c.yaml:2: roots: "b" is not absolute (hint: write the whole path, from / on)`},
		{"roots: /a\n", `c.yaml:1: roots: text "/a" is not a list (hint: write  roots: [first, second])`},
		{"roots:\n  - /a\n  - 3\n", "c.yaml:3: roots: 3 is not text"},
		{"devices: []\n", "c.yaml:1: devices: the list is empty (hint: write [cpu] or [cuda:0])"},
		{"devices: [gpu0]\n", `c.yaml:1: devices: "gpu0" is no device (hint: write auto, cpu, a number, cuda:0, tensorrt:0, or the UUID of a card (GPU-...) or MIG instance (MIG-...))`},
		{"devices: [auto, cpu]\n", "c.yaml:1: devices: auto stands for all devices and is not one of several (hint: write [auto], or name each device)"},
		{"gpu_mem_limit: -1\n", "c.yaml:1: gpu_mem_limit: -1 is negative (hint: write megabytes; 0 is no limit)"},
		{"gpu_arena: big\n", `c.yaml:1: gpu_arena: "big" is no way to grow (hint: write asked or double)`},
		{"poll_interval: 2\n", "c.yaml:1: poll_interval: 2 has no unit (hint: write 2s for seconds)"},
		{"poll_interval: 0s\n", "c.yaml:1: poll_interval: the daemon cannot look without a pause (hint: write 2s)"},
		{"settle: soon\n", `c.yaml:1: settle: text "soon" is not a time span (hint: write 300ms, 2s or 1h30m)`},
		{"settle: -1s\n", "c.yaml:1: settle: -1s is negative"},
		{"threads: -1\n", "c.yaml:1: threads: -1 is negative (hint: 0 shares the processor among the devices)"},
		{"ffmpeg: \"\"\n", "c.yaml:1: ffmpeg: the name is empty (hint: remove the line to take the one in PATH)"},
		{"bundle: models\n", `c.yaml:1: bundle: "models" is not absolute (hint: write the whole path, from / on)`},
		{"markers: all\n", `c.yaml:1: markers: "all" is not known (hint: write owner or anyone)`},
		{"metrics: 9187\n", `c.yaml:1: metrics: 9187 is not text (hint: write "9187", in quotes)`},
		{"metrics: localhost\n", `c.yaml:1: metrics: "localhost" is no address (hint: write 127.0.0.1:9187, or :9187 for all of the host's addresses)`},
		{"model_aliases:\n  a: b\n", `c.yaml:1: model_aliases: a leads to "b", which is not absolute (hint: write the whole path of a bundle's part)`},
		{"model_aliases:\n  a: 3\n", `c.yaml:2: model_aliases.a: 3 is not text (hint: write "3", in quotes)`},
	}
	for _, test := range tests {
		t.Run(test.text[:min(20, len(test.text))], func(t *testing.T) {
			_, err := parse("c.yaml", []byte(test.text), none)
			if got := fmt.Sprint(err); got != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if _, ok := errors.AsType[Faults](err); !ok {
				t.Errorf("%T is no Faults", err)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	c, err := parse("c.yaml", []byte("root: /file\nlog:\n  level: warn\n"), from(map[string]string{
		"UREDIT_ROOT": "/env", "UREDIT_DEVICES": "cuda:0,cuda:1", "UREDIT_THREADS": "3", "UREDIT_SETTLE": "5s",
		"UREDIT_LOG_LEVEL": "error", "UREDIT_LOG_MAX_AGE": "7", "UREDIT_FFMPEG": "", "UREDIT_CONFIG": "/x", "UREDIT_ADMINS": "1000",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if c.Root != "/env" || len(c.Devices) != 2 || c.Threads != 3 || c.Settle != 5*time.Second || c.Log.Level != "error" ||
		c.Log.MaxAge != 7 || c.FFmpeg != "ffmpeg" || c.Admins[0] != "1000" || c.Roots[0] != "/env" {
		t.Errorf("got %+v", c)
	}
	_, err = parse("c.yaml", []byte("threads: 1\n"), from(map[string]string{"UREDIT_THREADS": "many", "UREDIT_LOG_LEVEL": "loud"}))
	const want = `UREDIT_LOG_LEVEL: "loud" is not known (hint: write debug, info, warn or error)`
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `UREDIT_THREADS: text "many" is not a whole number`) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestLoad(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	t.Setenv("UREDIT_ROOT", "/env")
	if c, err := Load(""); err != nil || c.Root != "/env" {
		t.Errorf("got %+v, error %v", c, err)
	}
	if c, err := Load(examplePath); err != nil || c.Root != "/env" {
		t.Errorf("got %+v, error %v", c, err)
	}
}

func TestRuntimeDir(t *testing.T) {
	for want, with := range map[string]map[string]string{
		"/run/a":                        {"RUNTIME_DIRECTORY": "/run/a", "XDG_RUNTIME_DIR": "/run/user/7"},
		"/run/user/7/uredit":            {"XDG_RUNTIME_DIR": "/run/user/7"},
		os.TempDir() + "/uredit-" + "7": {},
	} {
		if got := runtimeDir(7, func(name string) string { return with[name] }); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := runtimeDir(0, func(string) string { return "" }); got != "/run/uredit" {
		t.Error(got)
	}
}

func TestStateDir(t *testing.T) {
	home := map[string]string{"HOME": "/home/a"}
	xdg := map[string]string{"HOME": "/home/a", "XDG_STATE_HOME": "/state"}
	tests := []struct {
		with map[string]string
		may  []string // directories that may be made
		want string
	}{
		{map[string]string{"STATE_DIRECTORY": "/s/a:/s/b"}, nil, "/s/a"},
		{xdg, []string{"/var/lib/uredit", "/state/uredit"}, "/var/lib/uredit"},
		{xdg, []string{"/state/uredit", "/home/a/.local/state/uredit"}, "/state/uredit"},
		{home, []string{"/home/a/.local/state/uredit"}, "/home/a/.local/state/uredit"},
		{map[string]string{"HOME": "here", "XDG_STATE_HOME": "there"}, []string{"there/uredit"}, os.TempDir() + "/uredit-state-7"},
	}
	for _, tt := range tests {
		may := func(dir string) bool { return slices.Contains(tt.may, dir) }
		if got := stateDir(7, func(name string) string { return tt.with[name] }, may); got != tt.want {
			t.Errorf("with %v, writable %v: got %s, want %s", tt.with, tt.may, got, tt.want)
		}
	}
}

func TestMayMake(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		dir: true, filepath.Join(dir, "a", "b"): true, filepath.Join(file, "a"): false,
	} {
		if got := mayMake(path); got != want {
			t.Errorf("mayMake(%s) = %t", path, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile(examplePath)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, "info")
	f.Fuzz(func(t *testing.T, data []byte, value string) {
		c, err := parse("c.yaml", data, func(name string) (string, bool) { return value, name == "UREDIT_LOG_LEVEL" })
		if err != nil {
			if _, ok := errors.AsType[Faults](err); !ok || err.Error() == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		if !filepath.IsAbs(c.Root) || len(c.Roots) == 0 || len(c.Devices) == 0 || c.PollInterval <= 0 {
			t.Errorf("got %+v", c)
		}
	})
}
