package track

// life is what counts for whether an object is one.
type life struct {
	first     int // frame
	keepAlive int
	unmatched int // frames in which it was seen but not detected
	// shares counts the frames in which a detection was also an earlier
	// object's, by that object's id. It is kept while the object is young.
	shares map[int]int
}

// verdict is what becomes of an object after a frame.
type verdict uint8

const (
	stays verdict = iota
	hides         // is not shown in this frame
	ends          // was none: it is not shown in any frame
)

// judge counts what frame t says of each object and returns the verdicts. ids
// and lives belong to the objects of a, in its order.
func judge(t int, ids []int, lives []*life, a *association, empty []bool, th *Thresholds) []verdict {
	matched := make([]bool, len(lives))
	for _, objects := range a.matches {
		for _, m := range objects {
			matched[m] = true
		}
	}
	for m, l := range lives {
		if matched[m] {
			l.keepAlive = min(th.KeepMost, l.keepAlive+1)
		}
		if a.unmatched[m] {
			l.unmatched++
		}
		if a.unmatched[m] || empty[m] && th.EmptyCounts {
			l.keepAlive = max(th.KeepLeast, l.keepAlive-1)
		}
	}
	young := func(l *life) bool { return l.first > t-th.HotStart }
	share(ids, lives, a, young)

	verdicts := make([]verdict, len(lives))
	for m, l := range lives {
		switch {
		case l.unmatched > 0 && l.unmatched >= th.Unmatched && young(l), l.shared(th.Duplicate):
			verdicts[m] = ends
		case l.unmatched > 0 && l.keepAlive <= 0 && !th.HideOnlyYoung:
			verdicts[m] = hides
		}
	}
	return verdicts
}

// share notes which young objects have a detection that is an earlier one's.
func share(ids []int, lives []*life, a *association, young func(*life) bool) {
	for _, objects := range a.matches {
		if len(objects) < 2 {
			continue
		}
		earliest := objects[0]
		for _, m := range objects {
			if lives[m].first < lives[earliest].first {
				earliest = m
			}
		}
		for _, m := range objects {
			if l := lives[m]; m != earliest && young(l) {
				if l.shares == nil {
					l.shares = make(map[int]int)
				}
				l.shares[ids[earliest]]++
			}
		}
	}
	for _, l := range lives {
		if !young(l) {
			l.shares = nil
		}
	}
}

// shared reports whether the object shared detections with one other in at
// least n frames.
func (l *life) shared(n int) bool {
	for _, frames := range l.shares {
		if frames >= n {
			return true
		}
	}
	return false
}
