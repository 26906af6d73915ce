package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"

	"uredit/pipeline/frame"
)

var (
	errRuns      = errors.New("runs do not fill the mask")
	errRunLength = errors.New("run without an end")
)

// encodeRuns appends the runs of a mask to dst and returns the smallest
// rectangle around what is inside. Runs go row by row, samples outside first;
// only the first can be 0.
func encodeRuns(dst []byte, mask frame.Plane) ([]byte, image.Rectangle) {
	var box image.Rectangle
	run, inside := 0, false
	for y := range mask.Height {
		row := mask.Row(y)
		for x := 0; x < len(row); {
			other := byte(255)
			if inside {
				other = 0
			}
			n := bytes.IndexByte(row[x:], other)
			if n < 0 {
				n = len(row) - x
			}
			if inside && n > 0 {
				box = box.Union(image.Rect(x, y, x+n, y+1))
			}
			run += n
			if x += n; x < len(row) {
				dst = binary.AppendUvarint(dst, uint64(run))
				run, inside = 0, !inside
			}
		}
	}
	return binary.AppendUvarint(dst, uint64(run)), box
}

// runsBox returns the smallest rectangle around what is inside, after checking
// that the runs are those of a mask of w by h samples.
func runsBox(runs []byte, w, h int) (box image.Rectangle, err error) {
	err = eachRun(runs, w*h, func(from, to int) {
		y0, y1 := from/w, (to-1)/w
		if y0 == y1 {
			box = box.Union(image.Rect(from-y0*w, y0, to-y0*w, y0+1))
		} else { // a run over the end of a row touches both borders
			box = box.Union(image.Rect(0, y0, w, y1+1))
		}
	})
	return box, err
}

// decodeRuns fills a mask with runs.
func decodeRuns(mask frame.Plane, runs []byte) error {
	for y := range mask.Height {
		clear(mask.Row(y))
	}
	return eachRun(runs, mask.Width*mask.Height, func(from, to int) {
		for from < to {
			y := from / mask.Width
			x := from - y*mask.Width
			part := mask.Row(y)[x:min(mask.Width, x+to-from)]
			fill(part)
			from += len(part)
		}
	})
}

// fill sets b to 255, by copies that double.
func fill(b []byte) {
	if len(b) == 0 {
		return
	}
	b[0] = 255
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}

// eachRun calls inside for each run inside the mask of n samples.
func eachRun(runs []byte, n int, inside func(from, to int)) error {
	at := 0
	for i := 0; len(runs) > 0; i++ {
		run, size := binary.Uvarint(runs)
		if size <= 0 {
			return errRunLength
		}
		runs = runs[size:]
		if run > uint64(n-at) || run == 0 && i > 0 {
			return errRuns
		}
		to := at + int(run)
		if i&1 == 1 {
			inside(at, to)
		}
		at = to
	}
	if at != n {
		return errRuns
	}
	return nil
}
