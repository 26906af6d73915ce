package models

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"uredit/pipeline/fault"
)

// Write makes the folder dir with the files of a bundle, by slash-separated
// path. It appears whole or not at all; a folder of that name that was there
// before is replaced. Errors are faults of code OutputUnwritable.
func Write(dir string, files map[string][]byte) error {
	if err := write(dir, files); err != nil {
		return fault.New(fault.OutputUnwritable, "name a folder that can be written, with room for the bundle",
			fmt.Errorf("write bundle %s: %w", dir, err))
	}
	return nil
}

func write(dir string, files map[string][]byte) (err error) {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+"-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(fresh)) }()
	content := filepath.Join(fresh, "new")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(content, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := writeSynced(path, files[name]); err != nil {
			return err
		}
	}
	old := filepath.Join(fresh, "old")
	if err := os.Rename(dir, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(content, dir); err != nil {
		if back := os.Rename(old, dir); !errors.Is(back, os.ErrNotExist) {
			err = errors.Join(err, back)
		}
		return err
	}
	return syncDir(parent)
}

// EncodeJSON writes a file of a bundle: indented, with its keys in order, the
// same bytes each time. It panics when v cannot be encoded, which is a mistake of
// the caller.
func EncodeJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}
