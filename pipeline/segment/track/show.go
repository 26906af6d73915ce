package track

import "slices"

// show hands what is seen in this frame to the delay. An object that ends was
// none: it goes from the frames that are held back, too.
func (t *Tracker) show(found []Detection, fresh []int, newcomers []*object) {
	var objects []Object
	add := func(o *object, presence float32, pix []float32) {
		objects = append(objects, Object{ID: o.id, Prompt: o.prompt, Score: o.score, Presence: presence, Logits: t.plane(pix)})
	}
	for _, o := range t.objects {
		if o.verdict == ends {
			t.delay.hide(o.id, &t.masks)
		}
		if o.conditions && t.span.showDetection {
			copy(o.shown, found[o.confirmed].Logits.Pix)
			o.bits.Copy(&t.arrivals[o.confirmed])
		}
		if o.verdict != stays || o.bits.Empty() {
			t.masks.put(o.shown)
			continue
		}
		add(o, sigmoid(o.logit), o.shown)
	}
	for i, o := range newcomers {
		pix := t.masks.get()
		copy(pix, found[fresh[i]].Logits.Pix)
		if t.cleaner.Clean(t.plane(pix), t.config.Thresholds.HoleArea) == 0 {
			t.masks.put(pix)
			continue
		}
		add(o, o.score, pix)
	}
	t.delay.push(objects)
}

// delay holds frames back until it is known which of their objects are none.
type delay struct {
	frames int // that are held back, the last one included; 0 for none
	next   int // index of the next frame
	held   []Frame
	given  []Frame // to the caller, until the next call
}

// push adds the next frame.
func (d *delay) push(objects []Object) {
	d.held = append(d.held, Frame{Index: d.next, Objects: objects})
	d.next++
}

// due returns the frames that need not be held back any longer.
func (d *delay) due() []Frame {
	return d.give(len(d.held) - max(d.frames-1, 0))
}

// flush returns all frames.
func (d *delay) flush() []Frame { return d.give(len(d.held)) }

func (d *delay) give(n int) []Frame {
	if n <= 0 {
		return nil
	}
	d.given = append(d.given, d.held[:n]...)
	d.held = slices.Delete(d.held, 0, n)
	return d.given
}

// hide removes an object from the frames that are held back.
func (d *delay) hide(id int, masks *pool) {
	for i := range d.held {
		d.held[i].Objects = slices.DeleteFunc(d.held[i].Objects, func(o Object) bool {
			if o.ID != id {
				return false
			}
			masks.put(o.Logits.Pix)
			return true
		})
	}
}

// recycle takes back the masks of the frames that were given.
func (d *delay) recycle(masks *pool) {
	for i, f := range d.given {
		for _, o := range f.Objects {
			masks.put(o.Logits.Pix)
		}
		d.given[i] = Frame{}
	}
	d.given = d.given[:0]
}
