package track

import (
	"context"

	"uredit/pipeline/frame"
	"uredit/pipeline/tensor"
)

// enlargement is how much larger than L a mask is when the memory encoder sees
// it: 16 G, and L is 4 G.
const enlargement = 4

// remember makes the memories of this frame. What it writes depends on whether
// objects are added: then the HF semantics makes them of raw masks.
func (t *Tracker) remember(ctx context.Context, features []*tensor.Tensor, found []Detection, added bool) error {
	again := added && t.span.reencode
	lost := t.contested(found)
	t.encodings = t.encodings[:0]
	var raw []remembered
	for m, o := range t.objects {
		if o.verdict == ends {
			continue
		}
		to := t.memories.get()
		o.bank.at(t.time).memory = to
		if again && !o.conditions {
			raw = append(raw, remembered{mask: o.raw, logit: o.logit, to: to})
			continue
		}
		e := remembered{mask: t.source(o, found), clamp: lost[m], logit: -certain, to: to}
		if !lost[m] && inside(e.mask) {
			e.logit = certain
		}
		t.encodings = append(t.encodings, e)
	}
	if err := t.networks.remember(ctx, features, t.encodings, false); err != nil {
		return err
	}
	return t.networks.remember(ctx, features, raw, true)
}

// certain is the logit of an object that is there; that of one that is not has
// the other sign.
const certain = 10

// source returns the mask that an object's memory is made of.
func (t *Tracker) source(o *object, found []Detection) []float32 {
	if !o.conditions || t.config.Thresholds.OnTrackMasks {
		return o.shown
	}
	// The detector corrects the tracker: its mask, as the 0 and 1 that the
	// reference makes of it. The tracker's own is not shown either.
	for i, v := range found[o.confirmed].Logits.Pix {
		o.shown[i] = 0
		if v >= 0.5 {
			o.shown[i] = 1
		}
	}
	return o.shown
}

func inside(mask []float32) bool {
	for _, v := range mask {
		if v > 0 {
			return true
		}
	}
	return false
}

// contested returns which objects lose too much of their mask to others.
func (t *Tracker) contested(found []Detection) []bool {
	masks, prompts := make([]frame.Plane32, len(t.objects)), make([]int, len(t.objects))
	for m, o := range t.objects {
		masks[m], prompts[m] = t.plane(t.source(o, found)), o.prompt
	}
	factor := enlargement
	if t.span.coarseShrink {
		factor = 1
	}
	return contested(masks, prompts, t.config.Thresholds.Shrink, factor)
}

// introduce returns the new objects, without a past.
func (t *Tracker) introduce(found []Detection, fresh []int) []*object {
	newcomers := make([]*object, len(fresh))
	for i, n := range fresh {
		newcomers[i] = &object{
			id: t.nextID, prompt: found[n].Prompt, score: found[n].Score,
			life:   life{first: t.time, keepAlive: t.config.Thresholds.KeepAlive},
			hidden: noHistory,
		}
		t.nextID++
	}
	return newcomers
}

// begin makes the memories and pointers of new objects.
func (t *Tracker) begin(ctx context.Context, features []*tensor.Tensor, found []Detection, fresh []int, newcomers []*object) error {
	t.encodings = t.encodings[:0]
	for i, o := range newcomers {
		e := entry{frame: t.time, memory: t.memories.get(), pointer: t.pointers.get(), quality: 1}
		o.bank.conditioning = append(o.bank.conditioning, e)
		t.encodings = append(t.encodings, remembered{mask: found[fresh[i]].Logits.Pix, to: e.memory, ptr: e.pointer})
	}
	return t.networks.begin(ctx, features, t.encodings)
}
