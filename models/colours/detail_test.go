package colours

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"uredit/pipeline/tensor"
)

// TestDetail: an editor with detail differs from the built-in one in what it
// makes of luma that stands out from its surroundings, and in nothing else.
func TestDetail(t *testing.T) {
	const size, slope = 64, 0.8
	h := newHost(t, builtinColours(t))
	files, _, err := Editor(slope, Finish{})
	if err != nil {
		t.Fatal(err)
	}
	graph := filepath.Join(h.dir, "detail.onnx")
	if err := os.WriteFile(graph, files["unet/model.onnx"], 0o644); err != nil {
		t.Fatal(err)
	}
	// A grey picture, one cell lighter by a tenth of black to white.
	const cell, lighter = 20*size + 30, 0.1
	sample := make([]float32, 2*latents*size*size)
	for c := latents; c < latents+4; c++ {
		for i := range size * size {
			sample[c*size*size+i] = 0.2
		}
		sample[c*size*size+cell] = 0.2 + 2*lighter
	}
	text := make([]float32, promptLength*paintWidth)
	p := paintOf(rgb{0.15, 0.34, 0.85})
	copy(text, []float32{1, 1, float32(p.luma), float32(p.cb), float32(p.cr), float32(p.below), float32(p.above)})
	in := []*tensor.Tensor{
		floats("sample", sample, 1, 2*latents, size, size), floats("timestep", []float32{999}),
		floats("encoder_hidden_states", text, 1, promptLength, paintWidth),
	}
	plain := h.run(t, "pix2pix/unet/model.onnx", in, "out_sample")[0].F32
	with := h.run(t, "detail.onnx", in, "out_sample")[0].F32

	// The noise is (noisy - clean)/sigma, clean = scalingFactor*(... + repaint/textScale).
	sigma := slices.Max(sigmas())
	for c := range 4 {
		for _, at := range []int{cell, 0, 20*size + 31} {
			i := c*size*size + at
			got := float64(plain[i]-with[i]) * float64(sigma) * textScale / scalingFactor / 2
			want, tolerance := 0.0, 2e-3
			if at == cell {
				want, tolerance = slope*lighter, 2e-3
			}
			if math.Abs(got-want) > tolerance {
				t.Errorf("latent %d, cell %d: lighter by %v, want %v", c, at, got, want)
			}
		}
	}
}

func TestEditorWithoutDetailIsBuiltIn(t *testing.T) {
	files, graphs, err := Editor(0, Finish{})
	if err != nil {
		t.Fatal(err)
	}
	want := testBundle(t, builtinColours(t))
	for name, data := range files {
		if !slices.Equal(data, want["pix2pix/"+name]) {
			t.Errorf("%s differs from the built-in bundle's", name)
		}
	}
	if len(graphs) != 4 {
		t.Errorf("graphs %v, want 4", slices.Collect(maps.Keys(graphs)))
	}
}
