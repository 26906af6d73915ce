package models

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"uredit/models/onnxfile"
	"uredit/pipeline/fault"
)

// Names of the parts' folders in a bundle.
const (
	sam3Folder    = "sam3"
	pix2pixFolder = "pix2pix"
)

// Bundle is a folder of models that was looked through.
type Bundle struct {
	dir      string    // absolute, without links
	manifest *Manifest // nil without bundle.json
	sam3     string    // part's folder, or ""
	pix2pix  string
}

// Open looks through the folder dir: which parts it has, whether its manifest
// can be read, and whether every link and every external tensor stays inside.
// It does not hash files; Verify does. The warnings are sentences for the
// user: no manifest, one part only. Errors are faults of code ModelMissing or
// ModelInvalid.
func Open(dir string) (b *Bundle, warnings []string, err error) {
	b = &Bundle{}
	if b.dir, err = resolve(dir); err != nil {
		return nil, nil, fault.New(fault.ModelMissing,
			"name an existing folder, or \"builtin\"", fmt.Errorf("open bundle %s: %w", dir, err))
	}
	if b.manifest, err = readManifest(b.dir); err != nil {
		return nil, nil, fault.New(fault.ModelInvalid,
			"write the bundle again, or remove bundle.json to use the folder unverified",
			fmt.Errorf("open bundle %s: %s: %w", dir, ManifestName, err))
	}
	if err := b.inspect(); err != nil {
		f := fault.Of(err)
		return nil, nil, fault.New(f.Code, f.Hint, fmt.Errorf("open bundle %s: %w", dir, f.Err))
	}
	b.findParts()
	if b.sam3 == "" && b.pix2pix == "" {
		return nil, nil, fault.New(fault.ModelMissing,
			"a bundle holds sam3/ or pix2pix/ with ONNX graphs; export a checkpoint with models/export/export.py",
			fmt.Errorf("open bundle %s: no ONNX graphs in it", dir))
	}
	return b, b.warnings(), nil
}

// Dir returns the bundle's folder, absolute and without links.
func (b *Bundle) Dir() string { return b.dir }

// Manifest returns the content of bundle.json, or nil when there is none. It
// must not be changed.
func (b *Bundle) Manifest() *Manifest { return b.manifest }

// SAM3 returns the folder of the segmenter, or a fault of code ModelMissing.
func (b *Bundle) SAM3() (string, error) { return b.part(sam3Folder, b.sam3) }

// Pix2Pix returns the folder of the editor, or a fault of code ModelMissing.
func (b *Bundle) Pix2Pix() (string, error) { return b.part(pix2pixFolder, b.pix2pix) }

func (b *Bundle) part(name, dir string) (string, error) {
	if dir == "" {
		return "", fault.New(fault.ModelMissing,
			"use a bundle that has the part, or write it with models/export/export.py "+name,
			fmt.Errorf("bundle %s has no %s part", b.dir, name))
	}
	return dir, nil
}

func (b *Bundle) warnings() []string {
	var w []string
	if b.manifest == nil {
		w = append(w, fmt.Sprintf("models in %s are not verified: there is no %s", b.dir, ManifestName))
	}
	if b.sam3 == "" {
		w = append(w, fmt.Sprintf("bundle %s has no segmenter (%s)", b.dir, sam3Folder))
	}
	if b.pix2pix == "" {
		w = append(w, fmt.Sprintf("bundle %s has no editor (%s)", b.dir, pix2pixFolder))
	}
	return w
}

// findParts looks for graphs below sam3/ and pix2pix/, and in the folder
// itself when it is a part.
func (b *Bundle) findParts() {
	b.sam3 = firstMatch(b.dir, sam3Folder+"/*.onnx", "*.onnx")
	if unet := firstMatch(b.dir, pix2pixFolder+"/unet/*.onnx", "unet/*.onnx"); unet != "" {
		b.pix2pix = filepath.Dir(unet)
	}
}

// firstMatch returns the folder of the first file that one of the patterns
// finds below dir.
func firstMatch(dir string, patterns ...string) string {
	for _, p := range patterns {
		if found, _ := fs.Glob(os.DirFS(dir), p); len(found) > 0 {
			return filepath.Join(dir, filepath.Dir(filepath.FromSlash(found[0])))
		}
	}
	return ""
}

// inspect walks the folder: links and external data must stay inside.
func (b *Bundle) inspect() error {
	return filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fault.New(fault.ModelMissing, "make the folder readable: chmod -R a+rX", err)
		}
		if d.Type()&fs.ModeSymlink != 0 {
			if err := b.inside(path); err != nil {
				return fault.New(fault.ModelInvalid, "copy the files into the folder (cp -rL follows links)", err)
			}
		}
		if !strings.HasSuffix(path, ".onnx") || d.IsDir() {
			return nil
		}
		return b.inspectGraph(path)
	})
}

// inspectGraph checks that the files that hold the data of a graph exist in
// the graph's own folder or below it.
func (b *Bundle) inspectGraph(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fault.New(fault.ModelMissing, "make the file readable: chmod a+r", err)
	}
	defer f.Close()
	locations, err := onnxfile.Locations(f)
	if err != nil {
		return fault.New(fault.ModelInvalid, "copy or export the graph again",
			fmt.Errorf("%s: %w", b.relative(path), err))
	}
	for _, location := range locations {
		name := filepath.FromSlash(location)
		if !filepath.IsLocal(name) {
			return fault.New(fault.ModelInvalid, "save the graph with its data beside it",
				fmt.Errorf("%s: its data lies outside the folder, in %s", b.relative(path), location))
		}
		if err := b.inside(filepath.Join(filepath.Dir(path), name)); err != nil {
			code := fault.ModelInvalid
			if errors.Is(err, fs.ErrNotExist) {
				code = fault.ModelMissing
			}
			return fault.New(code, "copy the data of the graph beside it",
				fmt.Errorf("%s: %w", b.relative(path), err))
		}
	}
	return nil
}

// inside reports, as an error, that path is not there or leads outside.
func (b *Bundle) inside(path string) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("%s: %w", b.relative(path), err)
	}
	if target != b.dir && !strings.HasPrefix(target, b.dir+string(filepath.Separator)) {
		return fmt.Errorf("%s leads outside the bundle, to %s", b.relative(path), target)
	}
	return nil
}

func (b *Bundle) relative(path string) string {
	if r, err := filepath.Rel(b.dir, path); err == nil {
		return r
	}
	return path
}

// resolve returns dir absolute and without links, if it is a folder.
func resolve(dir string) (string, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(real); err != nil || !info.IsDir() {
		return "", errors.Join(err, fmt.Errorf("not a folder"))
	}
	return filepath.Abs(real)
}

// readManifest returns nil without an error when there is no manifest.
func readManifest(dir string) (*Manifest, error) {
	path := filepath.Join(dir, ManifestName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > maxManifest {
		return nil, fmt.Errorf("larger than %d bytes", maxManifest)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseManifest(data)
}
