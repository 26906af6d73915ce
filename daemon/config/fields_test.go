package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestFieldsAreAll: every field of Config is a key, and no key shares one.
func TestFieldsAreAll(t *testing.T) {
	var c Config
	leaves := 0
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if f.Type.Kind() == reflect.Struct {
			leaves += f.Type.NumField()
			continue
		}
		leaves++
	}
	seen := map[any]string{}
	for _, f := range c.fields() {
		if other := seen[f.dst]; other != "" {
			t.Errorf("%s and %s are one value", f.key, other)
		}
		seen[f.dst] = f.key
	}
	if len(seen) != leaves {
		t.Errorf("%d keys for %d fields", len(seen), leaves)
	}
}

func TestSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "uredit.yaml")
	if err := os.WriteFile(file, []byte("root: /s\nlog:\n  max_age: 7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("UREDIT_LOG_LEVEL", "debug")
	list, err := Settings(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Setting{
		"root":        {"root", "/s", file + ":1"},
		"log.max_age": {"log.max_age", 7, file + ":3"},
		"log.level":   {"log.level", "debug", "UREDIT_LOG_LEVEL"},
		"settle":      {"settle", time.Second, "default"},
	}
	for _, s := range list {
		if w, ok := want[s.Key]; ok && !reflect.DeepEqual(s, w) {
			t.Errorf("got %+v, want %+v", s, w)
		}
		delete(want, s.Key)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestChangesAndTake(t *testing.T) {
	running, newer := Default(), Default()
	newer.Root, newer.Devices = "/other", []string{"cuda:0"}
	newer.Admins, newer.Log.Level, newer.DrainTimeout = []string{"ada"}, "debug", time.Minute
	live, restart := running.Changes(&newer)
	if !slices.Equal(live, []string{"drain_timeout", "admins", "log.level"}) || !slices.Equal(restart, []string{"root", "devices"}) {
		t.Errorf("live %q, restart %q", live, restart)
	}
	running.Take(&newer)
	live, restart = running.Changes(&newer)
	if len(live) > 0 || len(restart) != 2 || running.Log.Level != "debug" || running.Root == "/other" {
		t.Errorf("after a reload: live %q, restart %q, %+v", live, restart, running)
	}
}

// TestManualNamesLiveKeys: the manual says which keys a reload applies.
func TestManualNamesLiveKeys(t *testing.T) {
	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(string(data), "#", " ")), " ")
	_, text, found := strings.Cut(text, "reads the file again and applies ")
	text, _, ended := strings.Cut(text, ";")
	if !found || !ended {
		t.Fatal("the manual does not speak of a reload")
	}
	var want []string
	var c Config
	for _, f := range c.fields() {
		if f.live {
			want = append(want, f.key)
		}
	}
	if got := strings.Split(strings.ReplaceAll(text, " and ", ", "), ", "); !slices.Equal(got, want) {
		t.Errorf("the manual names %q, a reload applies %q", got, want)
	}
}
