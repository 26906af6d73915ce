package pipeline

// cutFinder finds the first frames of shots in the small pictures of pass 1. It
// compares mean levels of a coarse grid: motion and texture hardly move those, a
// cut changes most of them at once, far more than the frames before it did.
type cutFinder struct {
	last   [cutCells * cutCells]int // mean level of each cell in the picture before
	change float64                  // mean difference between pictures of late, in levels
	frames int
}

const (
	cutCells  = 12  // cells in a row and in a column
	cutLevels = 24  // a smaller mean difference is no cut
	cutFactor = 4   // nor is one that is less than this times what is usual
	cutUsual  = 0.2 // weight of the last difference in what is usual
)

// next reports whether the packed RGB picture, size by size, begins a shot.
func (c *cutFinder) next(rgb []byte, size int) bool {
	var sums, counts [cutCells * cutCells]int
	for y := range size {
		row := rgb[3*size*y : 3*size*(y+1)]
		cells := y * cutCells / size * cutCells
		from := 0
		for x := range cutCells {
			to := 3 * (((x+1)*size + cutCells - 1) / cutCells)
			sum := 0
			for _, v := range row[from:to] {
				sum += int(v)
			}
			sums[cells+x] += sum
			counts[cells+x] += to - from
			from = to
		}
	}
	total := 0
	for i, n := range counts {
		level := sums[i] / max(1, n)
		total += max(level, c.last[i]) - min(level, c.last[i])
		c.last[i] = level
	}
	c.frames++
	if c.frames == 1 {
		return false
	}
	diff := float64(total) / float64(len(sums))
	cut := diff > cutLevels && diff > cutFactor*c.change
	c.change += cutUsual * (diff - c.change)
	return cut
}
