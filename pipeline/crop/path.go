package crop

import (
	"image"
	"math"
)

// span is a stretch of samples [lo, hi) on one axis, both even.
type span struct{ lo, hi int32 }

// everyFrame is a reach over the whole shot: a window that never moves.
const everyFrame = math.MaxInt

// reaches are the half widths, in frames, over which a path may be averaged,
// best first.
var reaches = [...]int{everyFrame, 15, 10, 7, 5, 3, 2, 1, 0}

// A window may be wider than the object at its widest by a sixth, or by
// slackSamples where that is more. The slack is what the path is averaged in.
const (
	slackShare   = 6
	slackSamples = 16
)

// planShot fills at with the corners of one shot's windows and returns the
// shot's sizes.
func planShot(at []point, boxes []image.Rectangle, o Options) shot {
	xs, ys := spans(boxes, o)
	s := fit(room(xs), room(ys), o)
	px := path(xs, s.w, o.Width)
	py := path(ys, s.h, o.Height)
	for i := range at {
		at[i] = point{px[i], py[i]}
	}
	return s
}

// room returns the length a window needs on one axis for the longest reach
// that the slack allows.
func room(spans []span) int {
	widest := extent(spans, 0)
	limit := widest + max(widest/slackShare, slackSamples)
	return extent(spans, longestReach(spans, limit))
}

// longestReach returns the first of reaches for which length suffices.
func longestReach(spans []span, length int) int {
	for _, r := range reaches {
		if extent(spans, r) <= length {
			return r
		}
	}
	return 0
}

// extent returns the longest stretch that the object covers within any
// 2*reach+1 frames.
func extent(spans []span, reach int) int {
	if reach >= len(spans) {
		u := union(spans)
		return int(u.hi - u.lo)
	}
	longest := 0
	for i := range spans {
		u := union(around(spans, i, reach))
		longest = max(longest, int(u.hi-u.lo))
	}
	return longest
}

// around returns the elements of s at most reach away from i.
func around(s []span, i, reach int) []span {
	return s[max(0, i-reach):min(len(s), i+reach+1)]
}

func union(spans []span) span {
	u := spans[0]
	for _, s := range spans[1:] {
		u.lo, u.hi = min(u.lo, s.lo), max(u.hi, s.hi)
	}
	return u
}

// path returns where a window of the given length starts in each frame. The
// window holds the frame's span and stays inside the frame; one that is longer
// than the frame is centred on it.
//
// The centres are first kept where the spans of all frames within the reach
// fit. Every average of such positions over the reach then fits each single
// span again, so the path is smooth and never loses the object.
func path(spans []span, length, frame int) []int32 {
	at := make([]int32, len(spans))
	if length > frame {
		for i := range at {
			at[i] = int32((frame-length)/2) &^ 1
		}
		return at
	}
	reach := longestReach(spans, length)
	if reach >= len(spans) {
		u := union(spans)
		for i := range at {
			at[i] = even(start(u, u, length, frame))
		}
		return at
	}
	p := make([]float64, len(spans))
	for i, s := range spans {
		p[i] = start(s, union(around(spans, i, reach)), length, frame)
	}
	// Two passes make a triangular weight: no corner where a frame enters.
	p = average(average(p, (reach+1)/2), reach/2)
	for i := range at {
		at[i] = even(p[i])
	}
	return at
}

// start returns where a window centred on s starts when it must hold u.
func start(s, u span, length, frame int) float64 {
	lo := max(int(u.hi)-length, 0)
	hi := min(int(u.lo), frame-length)
	centre := float64(s.lo+s.hi-int32(length)) / 2
	return min(max(centre, float64(lo)), float64(hi))
}

// average returns the mean of p over 2*reach+1 elements, over fewer near the
// ends so that uniform motion stays uniform.
func average(p []float64, reach int) []float64 {
	if reach == 0 {
		return p
	}
	sums := make([]float64, len(p)+1)
	for i, v := range p {
		sums[i+1] = sums[i] + v
	}
	out := make([]float64, len(p))
	for i := range p {
		r := min(reach, i, len(p)-1-i)
		out[i] = (sums[i+r+1] - sums[i-r]) / float64(2*r+1)
	}
	return out
}

// even rounds to the nearest even number. Between even limits it stays there.
func even(v float64) int32 { return 2 * int32(math.Round(v/2)) }
