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
			err = settle(root, "old", "new", func(o, n string) error {
				if tt.done {
					if err := root.Rename(o, n); err != nil {
						return err
					}
				}
				return tt.answer
			})
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
