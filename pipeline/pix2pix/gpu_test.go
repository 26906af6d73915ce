package pix2pix_test

import (
	"cmp"
	"os"
	"testing"

	"uredit/pipeline/onnx"
	"uredit/pipeline/pix2pix"
)

// TestGPUAsDiffusers edits on the first card what was recorded on a processor.
// Cards round differently, and TF32 multiplies with ten bits.
func TestGPUAsDiffusers(t *testing.T) {
	const near = 1e-2
	runtime, err := onnx.Open(cmp.Or(os.Getenv("UREDIT_ORT_LIBRARY"), "../../build/onnxruntime/libonnxruntime.so"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { finish(t, runtime.Close()) })
	device, err := runtime.Device("cuda:0", onnx.Options{})
	if err != nil {
		t.Skipf("no CUDA device: %v", err)
	}
	t.Cleanup(func() { finish(t, device.Close()) })
	e, err := pix2pix.Open(t.Context(), tinyFolder, device.Load)
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
