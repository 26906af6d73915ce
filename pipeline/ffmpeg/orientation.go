package ffmpeg

import (
	"math"
	"strconv"
	"strings"

	"uredit/pipeline/media"
)

// orientation says how a decoded picture is to be shown: mirrored left to right
// if so asked, then turned clockwise by so many quarters.
type orientation struct {
	mirrored bool
	quarters int // 0..3
}

// apply notes the orientation and gives info the size and the shape of samples
// that are shown.
func (o orientation) apply(info *media.Info) {
	info.Mirrored, info.Rotation = o.mirrored, o.quarters*90
	if o.quarters%2 == 1 {
		info.Width, info.Height = info.Height, info.Width
		info.Aspect.Num, info.Aspect.Den = info.Aspect.Den, info.Aspect.Num
	}
}

// turnFilters shows a decoded picture as info says.
func turnFilters(info media.Info) []string {
	switch info.Rotation {
	case 90:
		if info.Mirrored {
			return []string{"transpose=clock_flip"}
		}
		return []string{"transpose=clock"}
	case 180:
		if info.Mirrored {
			return []string{"vflip"}
		}
		return []string{"hflip", "vflip"}
	case 270:
		if info.Mirrored {
			return []string{"transpose=cclock_flip"}
		}
		return []string{"transpose=cclock"}
	}
	if info.Mirrored {
		return []string{"hflip"}
	}
	return nil
}

// orientation reads a stream's display matrix or, where there is none, its tag.
func (s probeStream) orientation() orientation {
	for _, side := range s.SideData {
		if o, ok := side.orientation(); ok {
			return o
		}
	}
	degrees, err := strconv.ParseFloat(s.Tags["rotate"], 64)
	if err != nil {
		return orientation{}
	}
	return orientation{quarters: quarters(degrees)}
}

func (d probeSideData) orientation() (o orientation, ok bool) {
	if m, ok := parseMatrix(d.DisplayMatrix); ok {
		return orient(m), true
	}
	return orientation{quarters: quarters(-d.Rotation)}, d.Rotation != 0
}

// orient returns the orientation that is closest to the matrix (a b, c d): the
// sample at (x, y) is shown at (a·x + c·y, b·x + d·y), y downwards.
func orient(m [4]float64) orientation {
	a, b, c, d := m[0], m[1], m[2], m[3]
	o := orientation{mirrored: a*d < b*c}
	if o.mirrored {
		a, b = -a, -b
	}
	o.quarters = quarters(math.Atan2(b, a) * 180 / math.Pi)
	return o
}

// parseMatrix reads the first two columns and rows of a display matrix as
// ffprobe prints it: a line for each row, "00000000: a b u".
func parseMatrix(s string) (m [4]float64, ok bool) {
	row := 0
	for line := range strings.Lines(s) {
		_, values, found := strings.Cut(line, ":")
		words := strings.Fields(values)
		if !found || len(words) < 2 || row == 2 {
			continue
		}
		for i := range 2 {
			v, err := strconv.ParseInt(words[i], 10, 32)
			if err != nil {
				return m, false
			}
			m[2*row+i] = float64(v)
		}
		row++
	}
	return m, row == 2
}

// quarters rounds degrees to quarter turns, 0..3.
func quarters(degrees float64) int {
	if math.IsNaN(degrees) || math.Abs(degrees) > 1e6 {
		return 0
	}
	return (int(math.Round(degrees/90))%4 + 4) % 4
}

// orientation reads a picture's EXIF tag, which later releases of ffmpeg turn
// into a display matrix.
func (f probeFrame) orientation() orientation {
	for _, side := range f.SideData {
		if o, ok := side.orientation(); ok {
			return o
		}
	}
	return exif(f.Tags["Orientation"])
}

// exif returns the orientation of a picture's EXIF tag, 1..8 as text; anything
// else is a picture that lies as it should.
func exif(tag string) orientation {
	switch strings.TrimSpace(tag) {
	case "2":
		return orientation{mirrored: true}
	case "3":
		return orientation{quarters: 2}
	case "4":
		return orientation{mirrored: true, quarters: 2}
	case "5":
		return orientation{mirrored: true, quarters: 3}
	case "6":
		return orientation{quarters: 1}
	case "7":
		return orientation{mirrored: true, quarters: 1}
	case "8":
		return orientation{quarters: 3}
	}
	return orientation{}
}
