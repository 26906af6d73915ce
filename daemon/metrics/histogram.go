package metrics

import "slices"

// Upper ends of the buckets, in seconds: of stages, and of single runs of networks.
var (
	stageBounds = bounds{1, 5, 15, 60, 300, 900, 3600, 14400}
	runBounds   = bounds{.001, .003, .01, .03, .1, .3, 1, 3}
)

type bounds [8]float64

// histogram counts durations.
type histogram struct {
	bounds  bounds
	buckets [len(bounds{}) + 1]uint64 // not cumulative; the last is above all bounds
	sum     float64
}

func (h *histogram) add(seconds float64) {
	i, _ := slices.BinarySearch(h.bounds[:], seconds)
	h.buckets[i]++
	h.sum += seconds
}
