package track

import "uredit/pipeline/segment/mask"

// view is what association sees of a detection or an object.
type view struct {
	bits   *mask.Bits
	prompt int     // what was asked for; different prompts never meet
	score  float32 // of a detection
}

// overlap returns the intersection over union of two views, 0 across prompts.
func (v view) overlap(o view) float32 {
	if v.prompt != o.prompt {
		return 0
	}
	return v.bits.IoU(o.bits)
}

// association is how the detections of a frame meet its objects. Numbers are
// positions in the slices that were given.
type association struct {
	fresh     []int   // detections that are new objects, in their order
	matches   [][]int // of each detection: objects that it overlaps; empty without objects
	unmatched []bool  // of each object: it is seen, but not detected
	confirms  []int   // of each object: the detection that is surely it, or -1
}

// associate sets a. One detection may meet several objects and the reverse.
func (a *association) associate(detections, objects []view, t *Thresholds) {
	a.reset(len(detections), len(objects))
	detected := make([]bool, len(objects))
	for n, d := range detections {
		if len(objects) == 0 {
			a.fresh = append(a.fresh, n)
			continue
		}
		best, most := 0, float32(-1)
		for m, o := range objects {
			overlap := d.overlap(o)
			if overlap >= t.Same {
				a.matches[n] = append(a.matches[n], m)
			}
			if overlap >= t.Match {
				detected[m] = true
			}
			if overlap > most {
				best, most = m, overlap
			}
		}
		switch {
		case d.score >= t.New && len(a.matches[n]) == 0:
			a.fresh = append(a.fresh, n)
		case d.score >= t.HighScore && most >= t.HighOverlap:
			a.confirms[best] = n
		}
	}
	for m, o := range objects {
		a.unmatched[m] = !o.bits.Empty() && !detected[m]
	}
}

// reset makes a empty, in its own memory.
func (a *association) reset(detections, objects int) {
	a.fresh, a.unmatched, a.confirms = a.fresh[:0], a.unmatched[:0], a.confirms[:0]
	for len(a.matches) < detections {
		a.matches = append(a.matches, nil)
	}
	a.matches = a.matches[:detections]
	for n := range a.matches {
		a.matches[n] = a.matches[n][:0]
	}
	for range objects {
		a.unmatched = append(a.unmatched, false)
		a.confirms = append(a.confirms, -1)
	}
}
