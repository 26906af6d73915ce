package track_test

import (
	"math"
	"path/filepath"
	"testing"

	"uredit/pipeline/onnx/onnxtest"
	"uredit/pipeline/segment/track"
)

// TestBoxParity compares with Hugging Face's tracker, which is given boxes in the
// first frame of each clip. Logits tell boxes apart where masks do not: the small
// model was never taught what a box means.
func TestBoxParity(t *testing.T) {
	dev := onnxtest.Device(t)
	paths, err := filepath.Glob(filepath.Join(bundle, "boxes", "*.json.gz"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("recordings in %s: %v, %v", bundle, paths, err)
	}
	for _, path := range paths {
		want := readRecording(t, path)
		r := readRecording(t, filepath.Join(bundle, "clips", filepath.Base(path)))
		dir := r.folder(t)
		m, err := track.Open(t.Context(), dir, dev.Load, track.DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		features := eye(t, r, dir, dev.Load)(r.pictures(t)[0])
		w, h := float32(r.Width), float32(r.Height)
		for _, b := range want.Frames[0].Boxes {
			parts := [4]float32{b.Box[0] / w, b.Box[1] / h, b.Box[2] / w, b.Box[3] / h}
			mask, score, err := m.InBox(t.Context(), features, parts)
			if err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for _, v := range mask.Pix {
				sum += float64(v)
			}
			logit := math.Log(float64(score) / (1 - float64(score)))
			if math.Abs(logit-b.Logit) > 1e-3 || math.Abs(sum-b.Sum) > 1e-4*math.Abs(b.Sum) {
				t.Errorf("%s %v: logit %.5f, mask's sum %.2f, want %.5f and %.2f", r.Clip, b.Box, logit, sum, b.Logit, b.Sum)
			}
			if iou := overlap(runs(mask), b.Low); iou < 0.999 {
				t.Errorf("%s %v: intersection over union %.4f", r.Clip, b.Box, iou)
			}
		}
	}
}
