package track

import (
	"slices"
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/segment/mask"
	"uredit/pipeline/tensor"
)

// TestContestedMasksAreNoMemories has an object whose mask is another's, too: of
// equal logits the first has the samples.
func TestContestedMasksAreNoMemories(t *testing.T) {
	s := newScript()
	var logits, highest []float32
	encode := s.memory.run
	s.memory.run = func(in, out map[string]*tensor.Tensor) {
		encode(in, out)
		logits = slices.Clone(in["object_score"].F32)
		highest = nil
		for part := range slices.Chunk(in["mask_logits"].F32, area) {
			highest = append(highest, slices.Max(part))
		}
	}
	outer, inner := box{0, 2, 2, 9, 9}, box{0, 4, 4, 5, 5}
	play(t, s.open(t, DefaultConfig()).Track(Options{}), 2, func(int) ([]box, []Detection) {
		return nil, []Detection{detect(.9, outer), detect(.9, inner), detect(.9, box{0, 12, 12, 4, 4})}
	})
	if want := []float32{10, -10, 10}; !slices.Equal(logits, want) {
		t.Errorf("the memories' logits are %v, want %v", logits, want)
	}
	if want := []float32{4, -10, 4}; !slices.Equal(highest, want) {
		t.Errorf("the highest logits of the masks are %v, want %v", highest, want)
	}
}

// TestConfirmed has a detection that confirms an object in frame 16, a little
// larger than the object is, while another begins.
func TestConfirmed(t *testing.T) {
	wider := box{1, 1, 1, 4, 5}
	for _, c := range []struct {
		semantics  string
		onTrack    bool
		samples    int // shown
		hard       int // memories with hard edges
		mostInside int // samples of what frame 16's memory is made of
	}{{HF, true, 20, 0, 16}, {HF, false, 20, 0, 20}, {Meta, true, 16, 0, 16}} {
		s := newScript()
		encoded := 0
		encode := s.memory.run
		s.memory.run = func(in, out map[string]*tensor.Tensor) {
			encode(in, out)
			if len(in["object_score"].F32) == 1 && s.step.runs == 16 {
				for _, v := range in["mask_logits"].F32 {
					if v > 0 {
						encoded++
					}
				}
			}
		}
		config := DefaultConfig()
		config.Semantics, config.Thresholds.OnTrackMasks = c.semantics, c.onTrack
		all := play(t, s.open(t, config).Track(Options{}), 20, func(t int) ([]box, []Detection) {
			switch {
			case t == 16:
				return []box{left, right}, []Detection{detect(.8, wider), detect(.9, right)}
			case t > 16:
				return always(left, right)(t)
			}
			return always(left)(t)
		})
		if got := all[16][0].samples; got != c.samples || s.hard != c.hard || encoded != c.mostInside {
			t.Errorf("%s, on tracked masks %v: %d samples are shown, %d remembered, %d memories have hard edges; want %d, %d and %d",
				c.semantics, c.onTrack, got, encoded, s.hard, c.samples, c.mostInside, c.hard)
		}
		if places := s.places[len(s.places)-2]; slices.Index(places, 6) != 0 || places[1] != 6 {
			t.Errorf("%s: the memories' places are %v, want two conditioning ones", c.semantics, places)
		}
	}
}

// TestSuppressRemembers follows two objects in one place: who was hidden when
// decides who gives way, and giving way is being hidden.
func TestSuppressRemembers(t *testing.T) {
	tr := newScript().open(t, DefaultConfig()).Track(Options{})
	full, none := detect(1, left).Logits, frame.NewPlane32(testL, testL)
	tr.objects = []*object{{hidden: noHistory}, {hidden: noHistory, id: 1}}
	for i, c := range []struct {
		masks  [2]frame.Plane32
		ends   bool // the second one
		yields [2]bool
		hidden [2]int
		empty  [2]int
	}{
		{[2]frame.Plane32{full, full}, false, [2]bool{}, [2]int{-1, -1}, [2]int{}},
		{[2]frame.Plane32{none, full}, false, [2]bool{}, [2]int{1, -1}, [2]int{1, 0}},
		{[2]frame.Plane32{full, full}, false, [2]bool{}, [2]int{1, -1}, [2]int{}},
		{[2]frame.Plane32{full, none}, false, [2]bool{}, [2]int{1, 3}, [2]int{0, 1}},
		{[2]frame.Plane32{full, full}, false, [2]bool{false, true}, [2]int{1, 4}, [2]int{}},
		{[2]frame.Plane32{none, full}, false, [2]bool{}, [2]int{5, 4}, [2]int{1, 0}},
		{[2]frame.Plane32{full, full}, true, [2]bool{true, false}, [2]int{6, 4}, [2]int{}},
	} {
		tr.time = i
		for m, o := range tr.objects {
			o.shown = slices.Clone(c.masks[m].Pix)
			o.bits.Threshold(c.masks[m])
			o.verdict = stays
		}
		if c.ends {
			tr.objects[1].verdict = ends
		}
		tr.suppress()
		for m, o := range tr.objects {
			if o.yields != c.yields[m] || o.hidden != c.hidden[m] || o.empty != c.empty[m] {
				t.Errorf("frame %d, object %d: yields %v, hidden in %d, empty for %d; want %v, %d, %d",
					i, m, o.yields, o.hidden, o.empty, c.yields[m], c.hidden[m], c.empty[m])
			}
			if o.yields && (!o.bits.Empty() || slices.Max(o.shown) != lowest) {
				t.Errorf("frame %d, object %d gives way and keeps its mask", i, m)
			}
		}
	}
}

// TestSuppressNewcomer has objects in their first frame, one of which ends: it
// gives way if the other was ever hidden.
func TestSuppressNewcomer(t *testing.T) {
	tr := newScript().open(t, DefaultConfig()).Track(Options{})
	var b mask.Bits
	b.Threshold(detect(1, left).Logits)
	tr.objects = []*object{{hidden: 3, bits: b}, {hidden: noHistory, verdict: ends, bits: b}}
	for _, o := range tr.objects {
		o.shown = slices.Clone(detect(1, left).Logits.Pix)
	}
	tr.suppress()
	if tr.objects[0].yields || !tr.objects[1].yields {
		t.Errorf("the old one yields %v, the new one %v; want false and true", tr.objects[0].yields, tr.objects[1].yields)
	}
}
