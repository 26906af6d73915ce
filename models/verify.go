package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"uredit/pipeline/fault"
)

// Verify reads every file of the bundle and compares it with the manifest:
// each listed file is there with its size and hash, and no other file is. It
// reports all differences at once, as a fault of code ModelMissing when a file
// is missing and ModelInvalid otherwise. Without a manifest there is nothing
// to compare with and Verify returns nil; Open has warned.
func (b *Bundle) Verify(ctx context.Context) error {
	if b.manifest == nil {
		return nil
	}
	code := fault.ModelInvalid
	var differences []error
	for _, name := range slices.Sorted(maps.Keys(b.manifest.Files)) {
		err := b.verifyFile(ctx, name, b.manifest.Files[name])
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, fs.ErrNotExist) {
			code = fault.ModelMissing
		}
		if err != nil {
			differences = append(differences, err)
		}
	}
	unlisted, err := b.unlisted()
	if err != nil {
		differences = append(differences, err)
	}
	for _, name := range unlisted {
		differences = append(differences, fmt.Errorf("%s is not listed in %s", name, ManifestName))
	}
	if len(differences) == 0 {
		return nil
	}
	return fault.New(code, "copy the bundle again, whole, or export it again",
		fmt.Errorf("verify bundle %s: %w", b.dir, errors.Join(differences...)))
}

func (b *Bundle) verifyFile(ctx context.Context, name string, want File) error {
	path := filepath.Join(b.dir, filepath.FromSlash(name))
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() != want.Size {
		return fmt.Errorf("%s has %d bytes, want %d", name, info.Size(), want.Size)
	}
	sum, err := hashFile(ctx, path)
	if err != nil {
		return err
	}
	if sum != want.SHA256 {
		return fmt.Errorf("%s has sha256 %s, want %s", name, sum, want.SHA256)
	}
	return nil
}

// unlisted returns the files below the bundle that the manifest does not list.
// Hidden files do not count: nothing loads them.
func (b *Bundle) unlisted() ([]string, error) {
	files, err := b.files()
	return slices.DeleteFunc(files, func(name string) bool {
		_, listed := b.manifest.Files[name]
		return listed || name == ManifestName
	}), err
}

// Hashes returns the sha256 of each file of the bundle by its slash-separated
// path. It takes them from the manifest; without one it reads the files.
func (b *Bundle) Hashes(ctx context.Context) (map[string]string, error) {
	sums := map[string]string{}
	if b.manifest != nil {
		for name, f := range b.manifest.Files {
			sums[name] = f.SHA256
		}
		return sums, nil
	}
	files, err := b.files()
	if err != nil {
		return nil, fmt.Errorf("hash bundle %s: %w", b.dir, err)
	}
	for _, name := range files {
		sums[name], err = hashFile(ctx, filepath.Join(b.dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, fmt.Errorf("hash bundle %s: %w", b.dir, err)
		}
	}
	return sums, nil
}

// files lists the bundle's files in order, hidden ones left out.
func (b *Bundle) files() ([]string, error) {
	var names []string
	err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != b.dir && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.IsDir() {
			names = append(names, filepath.ToSlash(b.relative(path)))
		}
		return nil
	})
	return names, err
}

// hashFile returns the sha256 of a file in hexadecimal. It stops early when
// ctx ends: a real bundle has gigabytes.
func hashFile(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	for {
		if err := context.Cause(ctx); err != nil {
			return "", err
		}
		switch _, err := io.CopyN(h, f, 16<<20); err {
		case nil:
		case io.EOF:
			return hex.EncodeToString(h.Sum(nil)), nil
		default:
			return "", err
		}
	}
}
