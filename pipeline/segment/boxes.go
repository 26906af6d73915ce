package segment

import (
	"context"
	"fmt"
	"image"

	"uredit/pipeline/fault"
)

// Parts returns boxes in samples of a picture of w by h as Query.Boxes has them.
// What reaches over the border is cut off; a box that lies outside altogether is
// a fault of code InputUnsupported.
func Parts(boxes []image.Rectangle, w, h int) ([][4]float32, error) {
	var parts [][4]float32
	for _, b := range boxes {
		in := b.Intersect(image.Rect(0, 0, w, h))
		if in.Empty() {
			return nil, fault.New(fault.InputUnsupported, "count samples of the upright picture from its top left corner",
				fmt.Errorf("mask_boxes: [%d, %d, %d, %d] lies outside of the picture of %dx%d", b.Min.X, b.Min.Y, b.Max.X, b.Max.Y, w, h))
		}
		x, y := float32(w), float32(h)
		parts = append(parts, [4]float32{float32(in.Min.X) / x, float32(in.Min.Y) / y, float32(in.Max.X) / x, float32(in.Max.Y) / y})
	}
	return parts, nil
}

// pick leaves of the detections in the first picture those that the Query's boxes
// mean, in the order of the boxes. A box means one of the detections that have
// more than half of their samples in it: the one whose mask's box overlaps it
// most. No detection is meant twice. A box that means none has the thing that a
// tracker sees in it, where the folder has a graph for that; else it is missed.
func (f *Follower) pick(ctx context.Context) error {
	var chosen []Detection
	picked := make(map[int]bool)
	for i, b := range f.boxes {
		best, most := -1, float32(0)
		for n, d := range f.found {
			overlap := overlap(box(d.Logits), b)
			if overlap > most && !picked[n] && liesIn(d, b) {
				best, most = n, overlap
			}
		}
		if best >= 0 {
			picked[best] = true
			chosen = append(chosen, f.found[best])
			continue
		}
		d, there, err := f.inBox(ctx, b)
		switch {
		case err != nil:
			return err
		case there:
			f.unnamed = append(f.unnamed, i)
			chosen = append(chosen, d)
		default:
			f.missed = append(f.missed, i)
		}
	}
	f.found = append(f.found[:0], chosen...)
	return nil
}

// inBox returns what the tracker sees in a box, as a detection of the first
// prompt, and whether it sees anything.
func (f *Follower) inBox(ctx context.Context, b [4]float32) (d Detection, there bool, err error) {
	tracker := f.detector.tracker
	if tracker == nil || !tracker.Boxes() {
		return Detection{}, false, nil
	}
	logits, score, err := tracker.InBox(ctx, f.detector.network.tracked, b)
	return Detection{Score: score, Box: b, Logits: logits}, score > 0.5 && area(logits) > 0, err
}

// overlap returns what two boxes share of what either has, 0..1. Like all boxes
// here they are left, top, right, bottom as parts of the picture.
func overlap(a, b [4]float32) float32 {
	w := min(a[2], b[2]) - max(a[0], b[0])
	h := min(a[3], b[3]) - max(a[1], b[1])
	if w <= 0 || h <= 0 {
		return 0
	}
	size := func(b [4]float32) float32 { return (b[2] - b[0]) * (b[3] - b[1]) }
	return w * h / (size(a) + size(b) - w*h)
}

// liesIn reports whether more than half of a detection's samples have their
// centre in a box.
func liesIn(d Detection, b [4]float32) bool {
	all, in := 0, 0
	for y := range d.Logits.Height {
		v := (float32(y) + 0.5) / float32(d.Logits.Height)
		for x, logit := range d.Logits.Row(y) {
			if logit <= 0 {
				continue
			}
			all++
			if u := (float32(x) + 0.5) / float32(d.Logits.Width); u >= b[0] && u < b[2] && v >= b[1] && v < b[3] {
				in++
			}
		}
	}
	return 2*in > all
}
