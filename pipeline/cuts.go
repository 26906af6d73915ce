package pipeline

// cutFinder finds the first frames of shots in the small pictures of pass 1. A
// cut changes most of the picture at once, far more than the motion around it.
type cutFinder struct {
	last   []byte  // samples of the picture before
	change float64 // mean difference between pictures of late, in levels
	frames int
}

const (
	cutStep    = 7  // bytes of RGB between two looked at: not a multiple of 3, so all channels count
	cutLevels  = 24 // a smaller mean difference is no cut
	cutFactor  = 4  // nor is one that is less than this times what was usual
	cutHistory = 0.2
)

// next reports whether the packed RGB picture begins a shot.
func (c *cutFinder) next(rgb []byte) bool {
	n := (len(rgb) + cutStep - 1) / cutStep
	if len(c.last) != n {
		c.last = make([]byte, n)
		c.frames = 0
	}
	sum := 0
	for i := range c.last {
		v := rgb[i*cutStep]
		sum += max(int(v), int(c.last[i])) - min(int(v), int(c.last[i]))
		c.last[i] = v
	}
	c.frames++
	if c.frames == 1 {
		return false
	}
	diff := float64(sum) / float64(n)
	if cut := diff > cutLevels && diff > cutFactor*c.change; cut {
		return true
	}
	c.change += cutHistory * (diff - c.change)
	return false
}
