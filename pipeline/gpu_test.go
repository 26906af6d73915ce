package pipeline_test

import (
	"testing"

	"uredit/pipeline/onnx"
)

// TestGPUEdit edits a clip on the first card, several frames at once, and on the
// processor.
func TestGPUEdit(t *testing.T) {
	device, err := shared.runtime.Device("cuda:0", onnx.Options{})
	if err != nil {
		t.Skipf("no CUDA device: %v", err)
	}
	defer device.Close()
	results := map[string][][]byte{}
	for _, name := range []string{"cpu", "cuda"} {
		v, e := &failing{}, shared.engine()
		if name == "cuda" {
			e.Load, e.Fits, e.Warm, e.Batch = device.Load, device.Fits, device.Warm(), 3
		}
		if _, _, err := v.edit(t.Context(), t, e, nil); err != nil {
			t.Fatal(err)
		}
		results[name] = v.written["part-000000"]
	}
	for i, want := range results["cpu"] {
		for k, v := range results["cuda"][i] {
			if d := int(v) - int(want[k]); d < -2 || d > 2 {
				t.Fatalf("frame %d: sample %d is %d on the processor and %d on the card", i, k, want[k], v)
			}
		}
	}
}
