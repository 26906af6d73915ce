package track

import (
	"cmp"
	"slices"

	"uredit/pipeline/segment/mask"
)

// admit associates detections and objects and returns the detections that become
// new objects.
func (t *Tracker) admit(found []Detection) []int {
	detections, objects := make([]view, len(found)), make([]view, len(t.objects))
	for len(t.arrivals) < len(found) {
		t.arrivals = append(t.arrivals, mask.Bits{})
	}
	for n, d := range found {
		t.arrivals[n].Threshold(d.Logits)
		detections[n] = view{&t.arrivals[n], d.Prompt, d.Score}
	}
	for m, o := range t.objects {
		objects[m] = o.view()
	}
	th := &t.config.Thresholds
	t.found.associate(detections, objects, th)
	fresh := t.found.fresh
	if t.given {
		fresh = fresh[:0]
		for n := range found {
			if t.delay.next == 0 { // the first frame of the video
				fresh = append(fresh, n)
			}
		}
	}
	if room := max(th.MaxObjects-len(t.objects), 0); len(fresh) > room {
		t.refused += len(fresh) - room
		slices.SortStableFunc(fresh, func(a, b int) int { return cmp.Compare(found[b].Score, found[a].Score) })
		fresh = fresh[:room]
	}
	return fresh
}

func (o *object) view() view { return view{bits: &o.bits, prompt: o.prompt} }

// judge decides which objects are none. Those that someone chose are not asked.
func (t *Tracker) judge() {
	if t.given {
		return
	}
	ids, lives, empty := make([]int, len(t.objects)), make([]*life, len(t.objects)), make([]bool, len(t.objects))
	for m, o := range t.objects {
		ids[m], lives[m], empty[m] = o.id, &o.life, o.bits.Empty()
	}
	for m, v := range judge(t.time, ids, lives, &t.found, empty, &t.config.Thresholds) {
		t.objects[m].verdict = v
	}
}

// recondition makes the frame a conditioning one for the objects that the
// detector confirms, every so many frames.
func (t *Tracker) recondition(found []Detection) {
	th := &t.config.Thresholds
	now := th.ReconditionEvery > 0 && t.time%th.ReconditionEvery == 0
	for m, o := range t.objects {
		o.confirmed, o.conditions = t.found.confirms[m], false
		if !now || o.confirmed < 0 || !(o.logit > th.HighScore) {
			continue
		}
		o.conditions = true
		o.bank.confirm()
	}
}

// suppress empties the masks of objects that give way to another.
func (t *Tracker) suppress() {
	views, hidden := make([]view, len(t.objects)), make([]int, len(t.objects))
	for m, o := range t.objects {
		views[m], hidden[m] = o.view(), o.hidden
		if o.hidden == noHistory {
			hidden[m] = neverHidden
			if o.verdict == ends {
				hidden[m] = alwaysHidden
			}
		}
	}
	th := &t.config.Thresholds
	yields := suppress(views, hidden, th.Occlusion)
	for m, o := range t.objects {
		if o.yields = yields[m]; o.bits.Empty() {
			o.empty++
		} else {
			o.empty = 0
		}
		if th.Occlusion > 0 {
			if o.hidden = hidden[m]; o.yields || o.bits.Empty() {
				o.hidden = t.time
			}
		}
		if o.yields {
			for i := range o.shown {
				o.shown[i] = lowest
			}
			o.bits.Clear()
		}
	}
}
