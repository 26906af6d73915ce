package models_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uredit/models"
	"uredit/models/onnxfile"
	"uredit/pipeline/fault"
)

// put writes a file below dir and its folders.
func put(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// graph returns a graph whose data lies in the file location, if not "".
func graph(location string) []byte {
	g := onnxfile.NewGraph("g")
	x := g.Input("x", onnxfile.Float32, "4")
	if location != "" {
		x = g.Op("Add", x, g.External([]int64{4}, location))
	}
	g.Output("y", onnxfile.Float32, "4", x)
	return g.Marshal(nil)
}

// copyOf returns a copy of the built-in bundle.
func copyOf(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bundle")
	if err := os.CopyFS(dir, os.DirFS("builtin")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestOpenWholeBundle(t *testing.T) {
	dir := copyOf(t)
	b, warnings, err := models.Open(dir)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("Open: warnings %q, error %v", warnings, err)
	}
	for part, get := range map[string]func() (string, error){"sam3": b.SAM3, "pix2pix": b.Pix2Pix} {
		if got, err := get(); err != nil || got != filepath.Join(b.Dir(), part) {
			t.Errorf("%s part: %q, %v", part, got, err)
		}
	}
	if err := b.Verify(t.Context()); err != nil {
		t.Errorf("Verify: %v", err)
	}
}

func TestOpenPartial(t *testing.T) {
	tests := []struct {
		name          string
		files         []string
		sam3, pix2pix string // folders below the bundle, "" for none
		warnings      int
	}{
		{"no manifest", []string{"sam3/a.onnx", "pix2pix/unet/model.onnx"}, "sam3", "pix2pix", 1},
		{"segmenter only", []string{"sam3/vision_encoder.onnx"}, "sam3", "", 2},
		{"editor only", []string{"pix2pix/unet/model.onnx"}, "", "pix2pix", 2},
		{"the folder is a segmenter", []string{"sam3.json", "vision_encoder.onnx"}, ".", "", 2},
		{"the folder is an editor", []string{"unet/model.onnx", "vae_decoder/model.onnx"}, "", ".", 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range test.files {
				put(t, dir, f, graph(""))
			}
			b, warnings, err := models.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if len(warnings) != test.warnings {
				t.Errorf("warnings %q, want %d", warnings, test.warnings)
			}
			wantPart(t, b, b.SAM3, test.sam3)
			wantPart(t, b, b.Pix2Pix, test.pix2pix)
			if err := b.Verify(t.Context()); err != nil {
				t.Errorf("Verify without a manifest: %v", err)
			}
		})
	}
}

func wantPart(t *testing.T, b *models.Bundle, get func() (string, error), want string) {
	t.Helper()
	got, err := get()
	if want == "" {
		if fault.Of(err).Code != fault.ModelMissing || fault.Of(err).Hint == "" {
			t.Errorf("part %q, error %v; want a fault %s with a hint", got, err, fault.ModelMissing)
		}
		return
	}
	if err != nil || got != filepath.Join(b.Dir(), want) {
		t.Errorf("part %q, error %v; want %q", got, err, want)
	}
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name    string
		arrange func(t *testing.T, dir string)
		code    string
		want    string
	}{
		{"a folder without graphs", func(t *testing.T, dir string) { put(t, dir, "readme.txt", nil) },
			fault.ModelMissing, "no ONNX graphs"},
		{"a manifest that cannot be read", func(t *testing.T, dir string) { put(t, dir, "bundle.json", []byte("{")) },
			fault.ModelInvalid, "bundle.json: line 1"},
		{"a manifest without end", func(t *testing.T, dir string) { put(t, dir, "bundle.json", make([]byte, 2<<20)) },
			fault.ModelInvalid, "larger than"},
		{"a graph that is none", func(t *testing.T, dir string) { put(t, dir, "sam3/a.onnx", []byte("<html>")) },
			fault.ModelInvalid, "sam3/a.onnx: not an ONNX file"},
		{"a graph cut short", func(t *testing.T, dir string) { put(t, dir, "sam3/a.onnx", graph("")[:40]) },
			fault.ModelInvalid, "sam3/a.onnx: not an ONNX file"},
		{"data outside", func(t *testing.T, dir string) {
			put(t, dir, "secret", make([]byte, 16))
			put(t, dir, "sam3/a.onnx", graph("../secret"))
		}, fault.ModelInvalid, "lies outside the folder"},
		{"data at an absolute path", func(t *testing.T, dir string) {
			put(t, dir, "sam3/a.onnx", graph("/etc/passwd"))
		}, fault.ModelInvalid, "lies outside the folder"},
		{"data that is not there", func(t *testing.T, dir string) { put(t, dir, "sam3/a.onnx", graph("a.onnx_data")) },
			fault.ModelMissing, "a.onnx_data"},
		{"data behind a link that leaves", func(t *testing.T, dir string) {
			put(t, dir, "sam3/a.onnx", graph("a.onnx_data"))
			link(t, "/etc/passwd", filepath.Join(dir, "sam3/a.onnx_data"))
		}, fault.ModelInvalid, "leads outside"},
		{"a link that leaves", func(t *testing.T, dir string) {
			put(t, dir, "sam3/a.onnx", graph(""))
			link(t, "/etc", filepath.Join(dir, "pix2pix"))
		}, fault.ModelInvalid, "pix2pix leads outside"},
		{"a link to nothing", func(t *testing.T, dir string) {
			put(t, dir, "sam3/a.onnx", graph(""))
			link(t, "nothing", filepath.Join(dir, "sam3/b.onnx"))
		}, fault.ModelInvalid, "b.onnx"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			test.arrange(t, dir)
			_, _, err := models.Open(dir)
			f := fault.Of(err)
			if err == nil || f.Code != test.code || f.Hint == "" || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v (code %s, hint %q); want %s with %q", err, f.Code, f.Hint, test.code, test.want)
			}
		})
	}
	t.Run("no folder", func(t *testing.T) {
		if _, _, err := models.Open(filepath.Join(t.TempDir(), "none")); fault.Of(err).Code != fault.ModelMissing {
			t.Errorf("error %v", err)
		}
	})
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func TestOpenFollowsLinksInside(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "sam3/a.onnx", graph("data/a.bin"))
	put(t, dir, "blobs/1234", make([]byte, 16))
	link(t, "../../blobs/1234", filepath.Join(dir, "sam3/data/a.bin"))
	outer := filepath.Join(t.TempDir(), "link")
	link(t, dir, outer)
	b, _, err := models.Open(outer)
	if err != nil {
		t.Fatal(err)
	}
	if real, err := filepath.EvalSymlinks(dir); err != nil || b.Dir() != real {
		t.Errorf("Dir = %s, want %s (%v)", b.Dir(), real, err)
	}
}

func TestVerify(t *testing.T) {
	const victim = "sam3/text_encoder.onnx"
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string, data []byte)
		code   string
		want   string
	}{
		{"one bit flipped", func(t *testing.T, dir string, data []byte) {
			data[len(data)/2] ^= 1 // inside a constant, so that the graph still reads
			put(t, dir, victim, data)
		}, fault.ModelInvalid, victim + " has sha256"},
		{"another size", func(t *testing.T, dir string, data []byte) {
			put(t, dir, "pix2pix/model_index.json", data)
		}, fault.ModelInvalid, "pix2pix/model_index.json has"},
		{"a missing graph", func(t *testing.T, dir string, _ []byte) {
			if err := os.Remove(filepath.Join(dir, victim)); err != nil {
				t.Fatal(err)
			}
		}, fault.ModelMissing, "text_encoder.onnx: no such file"},
		{"a file that is not listed", func(t *testing.T, dir string, data []byte) {
			put(t, dir, "sam3/extra.onnx", data)
		}, fault.ModelInvalid, "sam3/extra.onnx is not listed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := copyOf(t)
			data, err := os.ReadFile(filepath.Join(dir, victim))
			if err != nil {
				t.Fatal(err)
			}
			test.damage(t, dir, data)
			b, _, err := models.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			err = b.Verify(t.Context())
			f := fault.Of(err)
			if err == nil || f.Code != test.code || f.Hint == "" || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v (code %s); want %s with %q", err, f.Code, test.code, test.want)
			}
		})
	}
}

func TestVerifyStops(t *testing.T) {
	b, _, err := models.Open("builtin")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Verify(ctx); err != context.Canceled {
		t.Errorf("Verify = %v, want %v", err, context.Canceled)
	}
}

func TestHashes(t *testing.T) {
	dir := t.TempDir()
	data := graph("")
	put(t, dir, "sam3/a.onnx", data)
	put(t, dir, ".hidden", data)
	b, _, err := models.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Hashes(t.Context())
	want := sha256.Sum256(data)
	if err != nil || len(got) != 1 || got["sam3/a.onnx"] != hex.EncodeToString(want[:]) {
		t.Errorf("Hashes = %v, %v", got, err)
	}

	whole, _, err := models.Open("builtin")
	if err != nil {
		t.Fatal(err)
	}
	listed, err := whole.Hashes(t.Context())
	if err != nil || listed["sam3/detector.onnx"] != whole.Manifest().Files["sam3/detector.onnx"].SHA256 {
		t.Errorf("Hashes of a bundle with a manifest = %v, %v", listed, err)
	}
}
