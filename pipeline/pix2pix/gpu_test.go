package pix2pix_test

import (
	"testing"

	"uredit/pipeline/onnx/onnxtest"
	"uredit/pipeline/pix2pix"
)

// TestGPUAsDiffusers edits on the first card what was recorded on a processor.
// Cards round differently, and TF32 multiplies with ten bits.
func TestGPUAsDiffusers(t *testing.T) {
	const near = 1e-2
	e, err := pix2pix.Open(t.Context(), tinyFolder, onnxtest.Card(t).Load)
	if err != nil {
		t.Fatal(err)
	}
	worst := 0.
	for _, r := range references(t) {
		d := r.compare(edit(t, e, r, r.params()))
		worst = max(worst, d)
		if d > near {
			t.Errorf("%v: differs from diffusers by %.1e, more than %.0e", r, d, near)
		}
	}
	t.Logf("largest difference: %.1e", worst)
}
