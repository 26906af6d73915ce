package pipeline

import (
	"fmt"

	"uredit/pipeline/fault"
	"uredit/pipeline/segment"
)

// boxesFound is an error where nothing lies in any of the spec's boxes: nor will
// it in a later frame.
func (r *run) boxesFound(f *segment.Follower) error {
	if n := len(r.spec.MaskBoxes); n == 0 || len(f.Missed()) < n {
		return nil
	}
	return fault.New(fault.NothingFound, "draw the box around all of the thing as it is in the first frame, or leave mask_boxes out",
		fmt.Errorf("mask_prompt %q names nothing that lies in mask_boxes in the first frame", r.spec.MaskPrompt))
}

// warnMissed says which of the spec's boxes are of no use.
func (r *run) warnMissed(f *segment.Follower) {
	for _, i := range f.Missed() {
		b := r.spec.MaskBoxes[i]
		r.warn(fmt.Sprintf("mask_prompt %q names nothing in the box [%d, %d, %d, %d] of the first frame",
			r.spec.MaskPrompt, b.Min.X, b.Min.Y, b.Max.X, b.Max.Y))
	}
}
