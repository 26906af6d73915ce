package pipeline_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uredit/pipeline/media"
	"uredit/pipeline/resize"
	"uredit/pipeline/tensor"
)

// TestPicturesAreExact compares what the segmenter sees in an edit with frames
// of the decoder, for each filter of sam3.json that must be exact.
func TestPicturesAreExact(t *testing.T) {
	for _, filter := range []resize.Filter{resize.BilinearAA, resize.BicubicAA, resize.Cubic} {
		t.Run(string(filter), func(t *testing.T) { exactPictures(t, filter) })
	}
}

func exactPictures(t *testing.T, filter resize.Filter) {
	const w, h, n = 320, 180, 3
	input := shared.clip(t, redBall(w, h, 40), n)
	in, err := os.Open(input)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var seen [][]float32
	engine := shared.engine()
	folder, err := engine.SegmenterModel()
	if err != nil {
		t.Fatal(err)
	}
	folder = exactly(t, folder, filter)
	engine.SegmenterModel = func() (string, error) { return folder, nil }
	load := engine.Load
	engine.Load = func(ctx context.Context, path string) (tensor.Model, error) {
		m, err := load(ctx, path)
		if err == nil && strings.HasSuffix(path, "vision_encoder.onnx") {
			m = &watched{m, func(in []*tensor.Tensor) { seen = append(seen, append([]float32(nil), in[0].F32...)) }}
		}
		return m, err
	}
	work, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer work.Close()
	s := spec()
	s.Input, s.InputName, s.Work, s.Steps, s.EditSize = in, filepath.Base(input), work, 1, 64
	if _, err := engine.Edit(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	if len(seen) != n {
		t.Fatalf("the segmenter saw %d pictures, want %d", len(seen), n)
	}
	info, err := shared.tool.Probe(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	d, err := shared.tool.Decode(t.Context(), in, info, media.Decode{RGBWidth: w, RGBHeight: h})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	size := int(math.Sqrt(float64(len(seen[0]) / 3)))
	stretch, err := resize.New(filter, w, h, size, size)
	if err != nil {
		t.Fatal(err)
	}
	whole, want := make([]byte, 3*w*h), make([]byte, 3*size*size)
	for i, got := range seen {
		if _, err := d.ReadRGB(whole); err != nil {
			t.Fatal(err)
		}
		stretch.Run(want, whole)
		off := 0
		for k, v := range want {
			level := (got[k%3*size*size+k/3]*0.5 + 0.5) * 255 // the built-in bundle's mean and std
			if byte(math.Round(float64(level))) != v {
				off++
			}
		}
		if off > 0 {
			t.Errorf("frame %d: %d of %d samples are not those of the exact filter", i, off, len(want))
		}
	}
}

// exactly copies a segmenter's folder, with a sam3.json that asks for a filter.
func exactly(t *testing.T, folder string, filter resize.Filter) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "sam3.json")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(data), `"resize": "fast"`, fmt.Sprintf(`"resize": %q`, filter), 1)
	if err := os.WriteFile(file, []byte(other), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}
