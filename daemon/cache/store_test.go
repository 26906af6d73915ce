package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const roomy = 1 << 40

func open(t *testing.T, dir string, limit int64) *Store {
	t.Helper()
	s, err := Open(dir, limit)
	if err != nil {
		t.Fatal(err)
	}
	s.space = func() (all, free int64, err error) { return roomy, roomy, nil }
	t.Cleanup(func() { s.Close() })
	return s
}

func key(n int) Key {
	sum := sha256.Sum256(fmt.Append(nil, n))
	return Key(results + "/" + hex.EncodeToString(sum[:]))
}

// entry describes the files of a job, which put hands over.
func entry(files map[string]string) Entry {
	e := Entry{JobID: "a", Job: "J", Host: "h", MadeAt: time.Unix(1e9, 0).UTC(), Meta: []byte(`{"frames":3}`)}
	for name, text := range files {
		sum := sha256.Sum256([]byte(text))
		e.Files = append(e.Files, File{Name: name, Bytes: int64(len(text)), SHA256: hex.EncodeToString(sum[:])})
	}
	return e
}

func put(t *testing.T, s *Store, k Key, files map[string]string) error {
	t.Helper()
	return s.Put(t.Context(), k, entry(files), func(f File) (*os.File, error) {
		name := filepath.Join(t.TempDir(), "in")
		if err := os.WriteFile(name, []byte(files[f.Name]), 0o600); err != nil {
			t.Error(err)
		}
		return os.Open(name)
	})
}

// get returns what an entry's files hold.
func get(t *testing.T, s *Store, k Key) (map[string]string, error) {
	t.Helper()
	dst, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	e, err := s.Get(t.Context(), k, dst)
	got := map[string]string{}
	names, _ := fs.Glob(dst.FS(), "*")
	for _, name := range names {
		data, err := dst.ReadFile(name)
		if err != nil {
			t.Error(err)
		}
		got[name] = string(data)
	}
	if err != nil && len(got) > 0 {
		t.Errorf("after %v these files are left: %q", err, got)
	}
	if err == nil && (e.JobID != "a" || string(e.Meta) != `{"frames":3}`) {
		t.Errorf("the entry came back as %+v", e)
	}
	return got, err
}

func TestPutAndGet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	s := open(t, dir, 1e6)
	if _, err := get(t, s, key(1)); !errors.Is(err, ErrMiss) {
		t.Errorf("an empty store gives %v", err)
	}
	files := map[string]string{"output.mp4": "a video", "mask.mp4": "its masks"}
	if err := put(t, s, key(1), files); err != nil {
		t.Fatal(err)
	}
	other := open(t, dir, 1e6) // as another daemon
	if got, err := get(t, other, key(1)); err != nil || got["output.mp4"] != "a video" || got["mask.mp4"] != "its masks" {
		t.Errorf("got %q, %v", got, err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v, %v: others can read it", info.Mode(), err)
	}
	if err := put(t, s, key(1), map[string]string{"output.mp4": "another"}); err != nil {
		t.Fatal(err)
	}
	if got, err := get(t, s, key(1)); err != nil || len(got) != 1 || got["output.mp4"] != "another" {
		t.Errorf("after a second Put: %q, %v", got, err)
	}
	wantEmpty(t, filepath.Join(dir, tmpDir))
}

// TestOpenLeavesOthers: a directory of somebody's files is not taken over.
func TestOpenLeavesOthers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "video.mp4"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(dir, 1e6); err == nil {
		s.Close()
		t.Error("it was opened")
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("its mode is %v now, %v", info.Mode(), err)
	}
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%s holds %v, %v", dir, left, err)
	}
}

// TestNoHardLink: what a user does to a copy does nothing to the entry.
func TestNoHardLink(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cache"), 1e6)
	if err := put(t, s, key(1), map[string]string{"o": "a video"}); err != nil {
		t.Fatal(err)
	}
	dst, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	if _, err := s.Get(t.Context(), key(1), dst); err != nil {
		t.Fatal(err)
	}
	if err := dst.WriteFile("o", []byte("vandals"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := get(t, s, key(1)); err != nil || got["o"] != "a video" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSpoilt(t *testing.T) {
	for name, spoil := range map[string]func(string) error{
		"another byte": func(dir string) error { return os.WriteFile(filepath.Join(dir, "o"), []byte("b video"), 0o600) },
		"shorter":      func(dir string) error { return os.Truncate(filepath.Join(dir, "o"), 3) },
		"empty":        func(dir string) error { return os.Truncate(filepath.Join(dir, "o"), 0) },
		"longer":       func(dir string) error { return os.WriteFile(filepath.Join(dir, "o"), []byte("a videos"), 0o600) },
		"no entry's":   func(dir string) error { return os.Truncate(filepath.Join(dir, entryName), 10) },
		"entry changed": func(dir string) error {
			name := filepath.Join(dir, entryName)
			data, err := os.ReadFile(name)
			return errors.Join(err, os.WriteFile(name, bytes.Replace(data, []byte(`:3`), []byte(`:4`), 1), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			s := open(t, dir, 1e6)
			if err := put(t, s, key(1), map[string]string{"o": "a video", "m": "masks"}); err != nil {
				t.Fatal(err)
			}
			if err := spoil(filepath.Join(dir, string(key(1)))); err != nil {
				t.Fatal(err)
			}
			if _, err := get(t, s, key(1)); !errors.Is(err, ErrSpoilt) {
				t.Errorf("got %v, want ErrSpoilt", err)
			}
			if _, err := get(t, s, key(1)); !errors.Is(err, ErrMiss) {
				t.Errorf("the spoilt entry stays: %v", err)
			}
			wantEmpty(t, filepath.Join(dir, tmpDir))
		})
	}
}

// TestPutVerifies: a file that a user changed after it was published is not kept
// as the job's.
func TestPutVerifies(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	s := open(t, dir, 1e6)
	err := s.Put(t.Context(), key(1), entry(map[string]string{"o": "a video"}), func(File) (*os.File, error) {
		name := filepath.Join(t.TempDir(), "in")
		if err := os.WriteFile(name, []byte("A VIDEO"), 0o600); err != nil {
			t.Error(err)
		}
		return os.Open(name)
	})
	if !errors.Is(err, ErrSpoilt) {
		t.Errorf("put gives %v", err)
	}
	if _, err := get(t, s, key(1)); !errors.Is(err, ErrMiss) {
		t.Errorf("it was put: %v", err)
	}
	wantEmpty(t, filepath.Join(dir, tmpDir))
	for _, name := range []string{"", ".", "..", "a/b", "../x", entryName} {
		e := entry(map[string]string{name: "x"})
		if err := s.Put(t.Context(), key(2), e, nil); err == nil {
			t.Errorf("a file named %q is taken", name)
		}
	}
}

// TestTwoWriters: two daemons that make the same, and one that reads meanwhile,
// see whole entries or none.
func TestTwoWriters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	stores := []*Store{open(t, dir, 1e6), open(t, dir, 1e6)}
	var all sync.WaitGroup
	for _, s := range stores {
		all.Go(func() {
			for range 50 {
				if err := put(t, s, key(1), map[string]string{"o": "a video", "m": "masks"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Go(func() {
		for range 100 {
			got, err := get(t, stores[0], key(1))
			if err != nil && !errors.Is(err, ErrMiss) || err == nil && (got["o"] != "a video" || got["m"] != "masks") {
				t.Errorf("a reader got %q, %v", got, err)
			}
		}
	})
	all.Wait()
	if _, err := get(t, stores[1], key(1)); err != nil {
		t.Errorf("in the end: %v", err)
	}
	wantEmpty(t, filepath.Join(dir, tmpDir))
}

// TestCancelled: a job that is cancelled waits for no copy.
func TestCancelled(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "cache"), 1e6)
	if err := put(t, s, key(1), map[string]string{"o": "a video"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dst, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	if _, err := s.Get(ctx, key(1), dst); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := get(t, s, key(1)); err != nil {
		t.Errorf("the entry is gone: %v", err)
	}
}

// TestClone: where the file system shares blocks, a copy is the file's, and its
// own: TMPDIR on XFS or Btrfs shows it.
func TestClone(t *testing.T) {
	dir := t.TempDir()
	text := bytes.Repeat([]byte("a video "), 1<<17)
	if err := os.WriteFile(filepath.Join(dir, "in"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(filepath.Join(dir, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if !clone(out, in) {
		t.Skip("this file system shares no blocks")
	}
	if got, err := os.ReadFile(out.Name()); err != nil || !bytes.Equal(got, text) {
		t.Errorf("the clone holds %d bytes, %v", len(got), err)
	}
	if _, err := out.WriteAt([]byte("vandals"), 0); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(in.Name()); err != nil || !bytes.Equal(got, text) {
		t.Errorf("a write to the clone changed the file, %v", err)
	}
}
