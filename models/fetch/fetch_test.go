package fetch_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uredit/models/fetch"
	"uredit/pipeline/fault"
)

const content = "weights"

func wheel(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("a/net.bin")
	if err == nil {
		_, err = w.Write([]byte(content))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarball(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Name: "a/net.bin", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))})
	if err == nil {
		_, err = w.Write([]byte(content))
	}
	if err := errors.Join(err, w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// client writes a program that delivers data as pip and npm do, into the folder
// that follows --dest or --pack-destination.
func client(t *testing.T, data []byte) string {
	t.Helper()
	dir := t.TempDir()
	program, archive := filepath.Join(dir, "client"), filepath.Join(dir, "archive")
	script := "#!/bin/sh\nwhile [ $# -gt 1 ]; do case $1 in --dest|--pack-destination) cp '" + archive + "' \"$2/archive\";; esac; shift; done\n"
	if err := errors.Join(os.WriteFile(archive, data, 0o644), os.WriteFile(program, []byte(script), 0o755)); err != nil {
		t.Fatal(err)
	}
	return program
}

func TestGet(t *testing.T) {
	for _, c := range []struct {
		registry fetch.Registry
		archive  []byte
	}{{fetch.PyPI, wheel(t)}, {fetch.NPM, tarball(t)}} {
		program := client(t, c.archive)
		clients := fetch.Clients{Python: program, NPM: program}
		pkg := fetch.Package{Registry: c.registry, Name: "net", Version: "1.0", SHA256: sum(c.archive)}
		file := fetch.File{Path: "a/net.bin", SHA256: sum([]byte(content))}
		data, err := clients.Get(t.Context(), t.TempDir(), pkg, file, file)
		if err != nil || len(data) != 2 || string(data[0]) != content || string(data[1]) != content {
			t.Errorf("%v: got %q, %v", c.registry, data, err)
		}
		for name, spoil := range map[string]func(p *fetch.Package, f *fetch.File){
			"archive's hash": func(p *fetch.Package, f *fetch.File) { p.SHA256 = sum(nil) },
			"file's hash":    func(p *fetch.Package, f *fetch.File) { f.SHA256 = sum(nil) },
			"file's name":    func(p *fetch.Package, f *fetch.File) { f.Path = "a/other.bin" },
		} {
			pkg, file := pkg, file
			spoil(&pkg, &file)
			data, err := clients.Get(t.Context(), t.TempDir(), pkg, file)
			if data != nil || fault.Of(err).Code != fault.ModelInvalid || !strings.Contains(err.Error(), "net 1.0 of "+c.registry.String()) {
				t.Errorf("%v, wrong %s: got %q, %v", c.registry, name, data, err)
			}
		}
	}
}

func TestGetCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	program := client(t, wheel(t))
	_, err := fetch.Clients{Python: program}.Get(ctx, t.TempDir(), fetch.Package{Name: "net", Version: "1.0"})
	if fault.Of(err).Code != fault.Cancelled {
		t.Errorf("got %v, want code %s", err, fault.Cancelled)
	}
}

func TestGetWithoutPip(t *testing.T) {
	program := filepath.Join(t.TempDir(), "python3")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$0: No module named pip\" >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := fetch.Clients{Python: program}.Get(t.Context(), t.TempDir(), fetch.Package{Name: "net", Version: "1.0"})
	if f := fault.Of(err); f.Code != fault.ToolMissing || !strings.Contains(f.Hint, "python3-pip") {
		t.Errorf("got %v with hint %q, want one that names the package to install", err, f.Hint)
	}
}
