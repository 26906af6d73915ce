package models

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"uredit/pipeline/fault"
)

//go:generate go run ./generate -out builtin.new
//go:generate rm -rf builtin
//go:generate mv builtin.new builtin

// builtin is the bundle that a fresh machine runs.
//
//go:embed builtin
var builtin embed.FS

// BuiltinFiles returns the files of the built-in bundle by their slash-separated
// paths in it.
func BuiltinFiles() fs.FS {
	files, err := fs.Sub(builtin, "builtin")
	if err != nil { // only for a path that is none
		panic(err)
	}
	return files
}

// Builtin returns the folder of the built-in bundle below cacheDir, unpacked.
// The folder's name holds the hash of the content, so another version of the
// program unpacks its own. A folder that is already there is used only if
// every file in it is right; otherwise it is replaced. The folder appears
// whole or not at all, and several processes may call Builtin at once. Errors
// are faults of code OutputUnwritable.
func Builtin(cacheDir string) (dir string, err error) {
	manifest, err := builtin.ReadFile(path.Join("builtin", ManifestName))
	if err != nil {
		return "", fault.New(fault.Internal, "", fmt.Errorf("read the built-in bundle: %w", err))
	}
	sum := sha256.Sum256(manifest)
	dir = filepath.Join(cacheDir, "builtin-"+hex.EncodeToString(sum[:8]))
	if intact(dir, manifest) {
		return dir, nil
	}
	if err := unpack(dir, manifest); err != nil {
		return "", fault.New(fault.OutputUnwritable, "name a folder that can be written, with 2 MB free",
			fmt.Errorf("unpack the built-in bundle in %s: %w", cacheDir, err))
	}
	return dir, nil
}

// intact reports whether dir holds the bundle of the manifest and nothing else.
func intact(dir string, manifest []byte) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return false
	}
	found, err := os.ReadFile(filepath.Join(dir, ManifestName))
	if err != nil || !bytes.Equal(found, manifest) {
		return false
	}
	b, _, err := Open(dir)
	return err == nil && b.Verify(context.Background()) == nil
}

// unpack writes the bundle beside dir and renames it to dir. What was there
// before, and is not intact, is moved away and removed.
func unpack(dir string, manifest []byte) (err error) {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	if err := sweep(parent); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(parent, ".builtin-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(fresh)) }()
	content := filepath.Join(fresh, "new")
	if err := copyBuiltin(content); err != nil {
		return err
	}
	renamed := os.Rename(content, dir)
	if renamed == nil {
		return syncDir(parent)
	}
	if intact(dir, manifest) { // another process was faster
		return nil
	}
	if err := os.Rename(dir, filepath.Join(fresh, "damaged")); err != nil {
		return errors.Join(renamed, err)
	}
	if err := os.Rename(content, dir); err != nil && !intact(dir, manifest) {
		return err
	}
	return syncDir(parent)
}

// unpackTime is more than any unpacking takes.
const unpackTime = time.Hour

// sweep removes what processes that were killed while they unpacked left.
func sweep(parent string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".builtin-") {
			continue
		}
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < unpackTime {
			continue // another process unpacks, or is done
		}
		if err := os.RemoveAll(filepath.Join(parent, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copyBuiltin(dir string) error {
	return fs.WalkDir(builtin, "builtin", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel("builtin", filepath.FromSlash(name))
		if err != nil {
			return err
		}
		target := filepath.Join(dir, relative)
		if d.IsDir() {
			return os.Mkdir(target, 0o755)
		}
		data, err := builtin.ReadFile(name)
		if err != nil {
			return err
		}
		return writeSynced(target, data)
	})
}

func writeSynced(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir makes a rename in dir survive a crash.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
