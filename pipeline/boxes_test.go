package pipeline_test

import (
	"image"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/pipelinetest"
)

// TestMaskBoxes edits one of two balls, the one in the box.
func TestMaskBoxes(t *testing.T) {
	clip := redBall(640, 360, 50)
	other := clip.Balls[0]
	other.Colour, other.At = pipelinetest.RGB{40, 170, 60}, pipelinetest.Glide(480, 180, 3, 2)
	clip.Balls = append(clip.Balls, other)
	s := spec()
	s.MaskPrompt, s.Steps = "red ball; green ball", 1
	s.MaskBoxes = []image.Rectangle{image.Rect(400, 100, 560, 260), image.Rect(0, 0, 30, 30)}
	e, err := shared.edit(t, shared.clip(t, clip, 3), s)
	if err != nil {
		t.Fatal(err)
	}
	if e.Objects != 1 || !slices.ContainsFunc(e.Warnings, func(w string) bool { return strings.Contains(w, "[0, 0, 30, 30]") }) {
		t.Errorf("%d objects, warnings %q; want one object, and a warning about the second box", e.Objects, e.Warnings)
	}
	scratch, first, second := frame.New(640, 360), frame.NewPlane(640, 360), frame.NewPlane(640, 360)
	shared.frames(t, e.mask(), func(f *frame.Frame) {
		clip.Draw(scratch, f.Index, first, second)
		if iou := overlap(f.Y(), second); iou < 0.97 {
			t.Errorf("frame %d: intersection over union %.4f, want 0.97", f.Index, iou)
		}
	})
}
