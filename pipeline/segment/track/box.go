package track

import (
	"context"

	"uredit/pipeline/frame"
	"uredit/pipeline/tensor"
)

// Boxes reports whether the folder has the graph that InBox needs.
func (m *Model) Boxes() bool { return m.box != nil }

// InBox returns the mask of the thing in a box of a picture, and in 0..1 how sure
// it is that something is there; at 0.5 and below nothing is. The box is left,
// top, right, bottom as parts of the picture, features are those of Tracker.Next.
// It is one thing whatever it is: no prompt is asked, and no memory.
func (m *Model) InBox(ctx context.Context, features []*tensor.Tensor, box [4]float32) (frame.Plane32, float32, error) {
	l := m.sizes.low
	mask := frame.NewPlane32(l, l)
	logit := []float32{0}
	err := m.box.run(ctx, features,
		[]*tensor.Tensor{{Name: boxName, Shape: []int64{1, 4}, F32: box[:]}},
		[]*tensor.Tensor{
			{Name: maskName, Shape: []int64{1, 1, int64(l), int64(l)}, F32: mask.Pix},
			{Name: logitName, Shape: []int64{1, 1}, F32: logit},
		})
	return mask, sigmoid(logit[0]), err
}
