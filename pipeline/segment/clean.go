package segment

import (
	"cmp"
	"slices"

	"uredit/pipeline/segment/mask"
)

// cleaner removes duplicates among detections and holes and specks in their
// masks. It holds the memory for both.
type cleaner struct {
	bits  []mask.Bits
	order []int
	keep  []bool
	masks mask.Cleaner
}

// suppress drops each detection whose mask overlaps one of a better score by
// more than threshold. The order of the others stays.
func (c *cleaner) suppress(found []Detection, threshold float32) []Detection {
	c.order, c.keep = c.order[:0], c.keep[:0]
	for i := range found {
		if i == len(c.bits) {
			c.bits = append(c.bits, mask.Bits{})
		}
		c.bits[i].Threshold(found[i].Logits)
		c.order = append(c.order, i)
		c.keep = append(c.keep, false)
	}
	slices.SortStableFunc(c.order, func(a, b int) int { return cmp.Compare(found[b].Score, found[a].Score) })
	for n, i := range c.order {
		c.keep[i] = !slices.ContainsFunc(c.order[:n], func(j int) bool {
			return c.keep[j] && c.bits[i].IoU(&c.bits[j]) > threshold
		})
	}
	kept := found[:0]
	for i, d := range found {
		if c.keep[i] {
			kept = append(kept, d)
		}
	}
	return kept
}

// clean fills holes of at most area samples and then removes specks of at most
// area samples or half the mask, whichever is less. Detections without a sample
// left are dropped.
func (c *cleaner) clean(found []Detection, area int) []Detection {
	kept := found[:0]
	for _, d := range found {
		if c.masks.Clean(d.Logits, area) > 0 {
			kept = append(kept, d)
		}
	}
	return kept
}
