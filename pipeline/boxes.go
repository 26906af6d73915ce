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

// warnBoxes says in which of the spec's boxes the prompt names nothing.
func (r *run) warnBoxes(f *segment.Follower) {
	warn := func(boxes []int, and string) {
		for _, i := range boxes {
			b := r.spec.MaskBoxes[i]
			r.warn(fmt.Sprintf("mask_prompt %q names nothing in the box [%d, %d, %d, %d] of the first frame%s",
				r.spec.MaskPrompt, b.Min.X, b.Min.Y, b.Max.X, b.Max.Y, and))
		}
	}
	warn(f.Missed(), "")
	warn(f.Unnamed(), "; the thing in the box is edited, whatever it is")
}
