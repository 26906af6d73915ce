package segment

import "uredit/pipeline/frame"

// RLE returns the mask's runs as COCO counts them: column by column from the
// left, each from the top, samples outside first, so that the first count may
// be 0.
func RLE(mask frame.Plane) []uint32 {
	var counts []uint32
	run, inside := uint32(0), false
	for x := range mask.Width {
		for y := range mask.Height {
			if (mask.Pix[y*mask.Stride+x] != 0) != inside {
				counts = append(counts, run)
				run, inside = 0, !inside
			}
			run++
		}
	}
	return append(counts, run)
}
