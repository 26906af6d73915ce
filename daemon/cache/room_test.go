package cache

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestEviction: what was used longest ago goes, and the bound holds.
func TestEviction(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	const size = 10_000
	text := string(bytes.Repeat([]byte("x"), size))
	s := open(t, dir, 5*size+5000)
	hour := time.Now().Add(-time.Hour)
	for i := range 5 {
		if err := put(t, s, key(i), map[string]string{"o": text}); err != nil {
			t.Fatal(err)
		}
		at := hour.Add(time.Duration(i) * time.Minute)
		if err := os.Chtimes(filepath.Join(dir, string(key(i)), entryName), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := get(t, s, key(0)); err != nil { // used now
		t.Fatal(err)
	}
	if err := put(t, s, key(5), map[string]string{"o": text}); err != nil {
		t.Fatal(err)
	}
	var there []int
	for i := range 6 {
		if _, err := get(t, s, key(i)); err == nil {
			there = append(there, i)
		}
	}
	if !slices.Equal(there, []int{0, 3, 4, 5}) { // a tenth more than is needed goes
		t.Errorf("the entries %v are left", there)
	}
	if err := s.Count(); err != nil || s.Used() > 5*size+5000 {
		t.Errorf("the store holds %d bytes, %v", s.Used(), err)
	}
	if err := put(t, s, key(9), map[string]string{"o": text + text + text + text + text + text}); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, s, key(9)); !errors.Is(err, ErrMiss) {
		t.Errorf("an entry over the bound: %v", err)
	}
	if _, err := get(t, s, key(0)); err != nil {
		t.Errorf("one that can never fit drove another out: %v", err)
	}
}

func TestBound(t *testing.T) {
	for _, c := range []struct{ limit, all, free, used, want int64 }{
		{10e9, 1e12, 500e9, 0, 10e9},
		{10e9, 100e9, 50e9, 0, 5e9},         // 5 % of the disk
		{10e9, 1e12, 1 << 30, 0, 0},         // the rest is for jobs
		{10e9, 1e12, 1<<30 - 1e6, 3e6, 2e6}, // jobs need it: the store shrinks
		{10e9, 0, 0, 7, 10e9},               // nobody tells
		{10e9, 1e9, 50e6, 0, 10e6},          // a small disk
	} {
		s := &Store{limit: c.limit, space: func() (int64, int64, error) { return c.all, c.free, nil }}
		if got, err := s.bound(c.used); err != nil || got != c.want {
			t.Errorf("%+v: got %d, %v", c, got, err)
		}
	}
}

// TestCrash: what a daemon that died was making is no entry, and goes after a day.
func TestCrash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	s := open(t, dir, 1e6)
	for name, age := range map[string]time.Duration{"old": 2 * leftover, "new": leftover / 2} {
		half := filepath.Join(dir, tmpDir, name)
		if err := os.Mkdir(half, 0o700); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		err := os.WriteFile(filepath.Join(half, "o"), []byte("a vi"), 0o600)
		if err = errors.Join(err, os.Chtimes(half, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Count(); err != nil || s.Used() != 0 {
		t.Errorf("counted %d bytes, %v", s.Used(), err)
	}
	left, err := os.ReadDir(filepath.Join(dir, tmpDir))
	if err != nil || len(left) != 1 || left[0].Name() != "new" {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestRetire(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	if got, err := Retire(dir, time.Now(), false); len(got) > 0 || err != nil {
		t.Errorf("without a store: %v, %v", got, err)
	}
	s := open(t, dir, 1e6)
	for i := range 2 {
		if err := put(t, s, key(i), map[string]string{"o": "a video"}); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, string(key(0)), entryName), old, old); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		got, err := Retire(dir, time.Now().Add(-24*time.Hour), dry)
		if err != nil || !slices.Equal(got, []Key{key(0)}) {
			t.Errorf("dry %v: %v, %v", dry, got, err)
		}
	}
	if _, err := get(t, s, key(0)); !errors.Is(err, ErrMiss) {
		t.Errorf("the old one: %v", err)
	}
	if _, err := get(t, s, key(1)); err != nil {
		t.Errorf("the new one: %v", err)
	}
}
