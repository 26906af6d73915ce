package models

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
)

// Format is the value of a manifest's "format".
const Format = "uredit-bundle/1"

// ManifestName is the manifest's file name in a bundle.
const ManifestName = "bundle.json"

// maxManifest bounds the manifest's size in bytes.
const maxManifest = 1 << 20

// Manifest is the content of bundle.json.
type Manifest struct {
	Format  string `json:"format"`
	Name    string `json:"name"`
	Licence string `json:"licence"`
	// About says in sentences what the bundle is and what it is for.
	About string `json:"about"`
	// Files lists every other file of the bundle by its slash-separated path.
	Files map[string]File `json:"files"`
	// Graphs describes inputs and outputs by the path of the graph's file. It
	// is for readers: hosts ask the graphs themselves.
	Graphs map[string]Signature `json:"graphs,omitempty"`
	// Notes is whatever else the bundle's maker wants to say.
	Notes json.RawMessage `json:"notes,omitempty"`
}

// File is what is known of one file of a bundle.
type File struct {
	SHA256 string `json:"sha256"` // lower-case hexadecimal
	Size   int64  `json:"size"`   // bytes
}

// Signature describes a graph's edges: name to element type and shape, such as
// "float32 [1,3,288,288]".
type Signature struct {
	Inputs  map[string]string `json:"inputs"`
	Outputs map[string]string `json:"outputs"`
}

// ParseManifest reads bundle.json. It refuses unknown keys, a second document,
// paths that leave the bundle and malformed hashes.
func ParseManifest(data []byte) (*Manifest, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var m Manifest
	if err := d.Decode(&m); err != nil {
		return nil, position(data, d.InputOffset(), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, position(data, d.InputOffset(), errors.New("text after the end of the document"))
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return &m, nil
}

func (m *Manifest) check() error {
	if m.Format != Format {
		return fmt.Errorf("format is %q, want %q", m.Format, Format)
	}
	if m.Name == "" {
		return errors.New("name is missing")
	}
	if len(m.Files) == 0 {
		return errors.New("files is empty: it lists every file with size and sha256")
	}
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		f := m.Files[name]
		if !fs.ValidPath(name) || name == "." || name == ManifestName {
			return fmt.Errorf("files: %q is no path below the bundle", name)
		}
		sum, err := hex.DecodeString(f.SHA256)
		if err != nil || len(sum) != 32 || hex.EncodeToString(sum) != f.SHA256 {
			return fmt.Errorf("files: %s: sha256 is no 64 lower-case hexadecimal digits", name)
		}
		if f.Size < 0 {
			return fmt.Errorf("files: %s: size is negative", name)
		}
	}
	return nil
}

// position adds the line to an error found near offset.
func position(data []byte, offset int64, err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	} else if errors.Is(err, io.ErrUnexpectedEOF) {
		offset = int64(len(data))
	}
	line := 1 + bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n"))
	return fmt.Errorf("line %d: %w", line, err)
}
