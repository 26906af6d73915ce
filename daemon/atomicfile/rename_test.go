package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

func TestRename(t *testing.T) {
	for _, tt := range []struct {
		name   string
		done   bool
		answer error
		want   error
	}{
		{"done, and said so", true, nil, nil},
		{"done, and denied", true, syscall.ENOENT, nil},
		{"done, with an error of the network", true, syscall.EIO, nil},
		{"not done", false, syscall.ENOENT, syscall.ENOENT},
		{"not done, with an error of the network", false, syscall.ESTALE, syscall.ESTALE},
		{"an error that says for certain", true, syscall.EXDEV, syscall.EXDEV},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root, err := os.OpenRoot(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			for name, text := range map[string]string{"old": "this", "new": "that"} {
				if err := root.WriteFile(name, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			rename := func(o, n string) error {
				if tt.done {
					if err := root.Rename(o, n); err != nil {
						return err
					}
				}
				return tt.answer
			}
			err = settle(root, "old", "new", rename, func(file fs.FileInfo) bool { return has(root, "new", file) })
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			entries, err := fs.ReadDir(root.FS(), ".")
			if want := 2; err != nil || tt.done && len(entries) != 1 || !tt.done && len(entries) != want {
				t.Errorf("left: %v, %v", entries, err)
			}
		})
	}
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := Rename(root, "nothing", "new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestRenameOwn: where the directory is still there, a file that is gone from it
// has its new name; where it was removed, nothing has.
func TestRenameOwn(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := root.Mkdir("own", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := root.WriteFile("own/file", []byte("this"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := RenameOwn(root, "own/file", "file"); err != nil {
		t.Fatal(err)
	}
	if err := RenameOwn(root, "own/file", "file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that was never there: %v", err)
	}
	if err := root.RemoveAll("own"); err != nil {
		t.Fatal(err)
	}
	if err := RenameOwn(root, "own/file", "file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is gone: %v", err)
	}
}

// TestReplace: the file is whole whatever lay at the temporary name, and one that
// cannot get its name leaves nothing.
func TestReplace(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := root.WriteFile("tmp", []byte("a crash's, and longer"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"first", "2nd"} {
		if err := Replace(root, "tmp", "file", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := root.ReadFile("file"); err != nil || string(got) != text {
			t.Errorf("got %q, %v, want %q", got, err, text)
		}
	}
	if err := root.Mkdir("dir", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Replace(root, "tmp", "dir", []byte("third"), 0o644); err == nil {
		t.Error("a file replaced a directory")
	}
	if _, err := root.Lstat("tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("tmp is left: %v", err)
	}
}

// denier is a directory whose server makes a file and says that it was there.
type denier struct {
	*os.Root
	deny int
}

func (d *denier) OpenFile(name string, flag int, mode fs.FileMode) (*os.File, error) {
	f, err := d.Root.OpenFile(name, flag, mode)
	if d.deny == 0 || err != nil {
		return f, err
	}
	d.deny--
	return nil, errors.Join(&fs.PathError{Op: "openat", Path: name, Err: syscall.EEXIST}, f.Close())
}

// TestCreate: a file whose making was denied is made anew; a directory stays.
func TestCreate(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f, err := Create(&denier{root, 2}, "file", os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Create(&denier{root, 100}, "file", 0, 0o644); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a server that denies for ever: %v", err)
	}
	if err := root.MkdirAll("dir/full", 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(root, "dir", 0, 0o644); err == nil {
		t.Error("a file in the place of a directory")
	}
}
