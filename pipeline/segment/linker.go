package segment

import (
	"cmp"
	"math"
	"slices"

	"uredit/pipeline/segment/mask"
)

const (
	// minOverlap is the least intersection over union of an object's mask in
	// two frames; the value of the reference's tracker.
	minOverlap = 0.1
	// patience is how many frames in a row an object may be missed: two that
	// cross are one to the detector for about as long.
	patience = 8
	// steadiness is the weight of an object's earlier motion against what
	// the last frame shows.
	steadiness = 0.5
)

// Object is a detection with an identity.
type Object struct {
	ID       int     // from 0, in the order of appearance
	Presence float32 // in 0..1: how sure a tracker is that it is there; 0 from a Linker
	Detection
}

// Linker gives detections of one frame after the other identities, by the
// overlap of their masks along each object's motion. The zero value is ready.
type Linker struct {
	next    int
	tracks  []trail
	bits    []mask.Bits
	moved   mask.Bits
	pairs   []link
	owner   []int // the track of each detection, -1 for none
	objects []Object
}

// trail is an object as it was last seen.
type trail struct {
	id     int
	prompt int
	mask   mask.Bits
	x, y   float64 // centre
	dx, dy float64 // motion in one frame
	seen   int     // frames, at most 2
	missed int     // frames since
	taken  bool    // in the frame under way
}

// link is a track and a detection that may be one object.
type link struct {
	track, detection int
	overlap          float32
}

// Link returns the detections of the next frame as objects, in the same order.
// New identities are given in that order. The result is valid until the next
// Link; its logits are the detections'.
func (l *Linker) Link(found []Detection) []Object {
	l.owner = l.owner[:0]
	for i := range found {
		if i == len(l.bits) {
			l.bits = append(l.bits, mask.Bits{})
		}
		l.bits[i].Threshold(found[i].Logits)
		l.owner = append(l.owner, -1)
	}
	// Where motion says first: of two objects that cross, each has been at
	// the other's old place.
	l.match(found, true)
	l.match(found, false)

	l.objects = l.objects[:0]
	for i, d := range found {
		t := l.owner[i]
		if t < 0 {
			t = l.begin(d.Prompt)
		}
		l.tracks[t].see(&l.bits[i])
		l.objects = append(l.objects, Object{ID: l.tracks[t].id, Detection: d})
	}
	l.age()
	return l.objects
}

// Reset forgets where objects were, as after a cut between scenes. Identities
// are not given again.
func (l *Linker) Reset() { l.tracks = l.tracks[:0] }

// Count returns how many identities were given.
func (l *Linker) Count() int { return l.next }

// match gives free detections to free tracks, the largest overlap first.
func (l *Linker) match(found []Detection, moving bool) {
	l.pairs = l.pairs[:0]
	for t := range l.tracks {
		track := &l.tracks[t]
		if track.taken {
			continue
		}
		at := &track.mask
		if moving {
			frames := float64(track.missed + 1)
			l.moved.Shift(at, int(math.Round(track.dx*frames)), int(math.Round(track.dy*frames)))
			at = &l.moved
		}
		for d := range found {
			if l.owner[d] >= 0 || found[d].Prompt != track.prompt {
				continue
			}
			if overlap := at.IoU(&l.bits[d]); overlap >= minOverlap {
				l.pairs = append(l.pairs, link{t, d, overlap})
			}
		}
	}
	slices.SortFunc(l.pairs, func(a, b link) int {
		// After the overlap, what does not depend on the detections' order.
		return cmp.Or(
			cmp.Compare(b.overlap, a.overlap),
			cmp.Compare(l.tracks[a.track].id, l.tracks[b.track].id),
			cmp.Compare(found[b.detection].Score, found[a.detection].Score),
			slices.Compare(found[a.detection].Box[:], found[b.detection].Box[:]),
			cmp.Compare(a.detection, b.detection),
		)
	})
	for _, p := range l.pairs {
		if track := &l.tracks[p.track]; !track.taken && l.owner[p.detection] < 0 {
			track.taken = true
			l.owner[p.detection] = p.track
		}
	}
}

// begin starts a track of a prompt's object and returns its index. Memory of an ended one is used
// again.
func (l *Linker) begin(prompt int) int {
	if n := len(l.tracks); n < cap(l.tracks) {
		l.tracks = l.tracks[:n+1]
		l.tracks[n] = trail{id: l.next, prompt: prompt, mask: l.tracks[n].mask}
	} else {
		l.tracks = append(l.tracks, trail{id: l.next, prompt: prompt})
	}
	l.next++
	return len(l.tracks) - 1
}

// see updates a track with its mask in the frame under way.
func (t *trail) see(m *mask.Bits) {
	x, y := m.Centre()
	frames := float64(t.missed + 1)
	dx, dy := (x-t.x)/frames, (y-t.y)/frames
	switch t.seen {
	case 0:
		t.seen = 1
	case 1:
		t.seen, t.dx, t.dy = 2, dx, dy
	default:
		t.dx = steadiness*t.dx + (1-steadiness)*dx
		t.dy = steadiness*t.dy + (1-steadiness)*dy
	}
	t.x, t.y = x, y
	t.missed, t.taken = 0, true
	t.mask.Copy(m)
}

// age ends the tracks that were missed for too long.
func (l *Linker) age() {
	kept := 0
	for i := range l.tracks {
		if t := &l.tracks[i]; t.taken {
			t.taken = false
		} else if t.missed++; t.missed > patience {
			continue
		}
		l.tracks[kept], l.tracks[i] = l.tracks[i], l.tracks[kept]
		kept++
	}
	l.tracks = l.tracks[:kept]
}
