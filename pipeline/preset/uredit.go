package preset

import (
	"fmt"
	"image"
	"math"

	"uredit/pipeline/frame"
	"uredit/pipeline/media"
	"uredit/pipeline/resize"
)

// UREdit is the preset's name in requests.
const UREdit = "ur-edit"

// Options are those of one video.
type Options struct {
	Width, Height int // of the video's frames, even
	Colour        media.Colour
	Erode         int     // side of the square that shrinks the mask, in samples; below 2 for none
	Radius        float64 // of the mask's blur, in samples; 0 for none
	Padding       int     // kept around the mask's box where the frame has it
	EditSize      int     // long side of the editor's picture before it is rounded down
	Multiple      int     // both sides of the editor's picture are multiples of this
}

// Picture is a frame on its way through the loop. Its memory is used again by
// the next frame that it takes.
type Picture struct {
	RGB []byte // packed R, G, B bytes in rows from the top
	// Crop is what the editor sees, in samples of the frame; empty where the
	// frame stays as it is.
	Crop          image.Rectangle
	Width, Height int // of the editor's picture

	stride int         // pixels in a row of RGB
	mask   frame.Plane // of the crop's size, blurred
}

// View makes the editor's picture of each frame. It is used by one goroutine at a
// time.
type View struct {
	ops     frame.Ops
	o       Options
	colours *Colours
	eroded  frame.Plane
}

// NewView returns a view of a video. ops stays the caller's.
func NewView(ops frame.Ops, o Options) (*View, error) {
	if o.Width < 2 || o.Height < 2 || o.Width%2 == 1 || o.Height%2 == 1 {
		return nil, fmt.Errorf("preset: frames of %dx%d samples, not even", o.Width, o.Height)
	}
	if o.Multiple < 1 || o.EditSize < o.Multiple {
		return nil, fmt.Errorf("preset: edit size %d holds no multiple of %d", o.EditSize, o.Multiple)
	}
	colours, err := NewColours(o.Colour, o.Width, o.Height)
	if err != nil {
		return nil, err
	}
	return &View{ops: ops, o: o, colours: colours}, nil
}

// Take fills p with f and with what is to be edited of it: the mask's box after
// the erosion. mask is 0 or 255 and of the frame's size. It reports whether
// anything is left to edit.
func (v *View) Take(p *Picture, f *frame.Frame, mask frame.Plane) bool {
	if n := 3 * f.Width * f.Height; len(p.RGB) != n {
		p.RGB = make([]byte, n)
	}
	p.stride = f.Width
	v.colours.RGB(p.RGB, f)
	if v.o.Erode > 1 {
		v.eroded = v.eroded.Resized(mask.Width, mask.Height)
		v.ops.Erode(v.eroded, mask, v.o.Erode)
		mask = v.eroded
	}
	box := bounds(mask)
	if p.Crop = box; box.Empty() {
		return false
	}
	// The loop takes the last row and column for the end of the box: it pads by
	// one sample less there.
	box.Max = box.Max.Sub(image.Pt(1, 1))
	p.Crop = box.Inset(-v.o.Padding).Intersect(image.Rect(0, 0, f.Width, f.Height))
	if p.Crop.Empty() {
		return false // a line of samples without padding
	}
	w, h := p.Crop.Dx(), p.Crop.Dy()
	p.Width, p.Height = v.fit(w, h)
	p.mask = p.mask.Resized(w, h)
	for y := range h {
		copy(p.mask.Row(y), mask.Row(p.Crop.Min.Y + y)[p.Crop.Min.X:])
	}
	blur(p.mask, v.o.Radius)
	return true
}

// fit returns the size of the editor's picture of a crop of w by h samples.
func (v *View) fit(w, h int) (int, int) {
	scale := float64(v.o.EditSize) / float64(max(w, h))
	down := func(n int) int {
		n = int(float64(n) * scale)
		return max(n-n%v.o.Multiple, v.o.Multiple)
	}
	return down(w), down(h)
}

// bounds returns the smallest rectangle that holds all nonzero samples.
func bounds(mask frame.Plane) image.Rectangle {
	var box image.Rectangle
	for y := range mask.Height {
		row := mask.Row(y)
		first, last := -1, 0
		for x, v := range row {
			if v != 0 {
				if first < 0 {
					first = x
				}
				last = x
			}
		}
		if first >= 0 {
			box = box.Union(image.Rect(first, y, last+1, y+1))
		}
	}
	return box
}

// Source fills dst, planar RGB in -1..1 (NCHW with N = 1) of p.Width by p.Height
// samples, with p's crop.
func (v *View) Source(dst []float32, p *Picture) error {
	small, err := stretch(p.crop(), p.Crop.Dx(), p.Crop.Dy(), p.Width, p.Height)
	if err != nil {
		return err
	}
	n := p.Width * p.Height
	for i, b := range small {
		dst[i%3*n+i/3] = 2*(float32(b)/255) - 1
	}
	return nil
}

// Paste puts edited, what the editor made of the picture that Source gave, into p
// through the blurred mask.
func Paste(p *Picture, edited []float32) error {
	n := p.Width * p.Height
	small := make([]byte, 3*n)
	for i := range small {
		v := edited[i%3*n+i/3]/2 + 0.5
		small[i] = byte(math.RoundToEven(float64(min(max(v, 0), 1) * 255)))
	}
	w, h := p.Crop.Dx(), p.Crop.Dy()
	large, err := stretch(small, p.Width, p.Height, w, h)
	if err != nil {
		return err
	}
	for y := range h {
		to := p.row(y)
		for i, new := range large[3*w*y:][:3*w] {
			share := uint(p.mask.Row(y)[i/3])
			// Divided by 255 and rounded, without a division.
			sum := uint(to[i])*(255-share) + uint(new)*share + 128
			to[i] = byte((sum>>8 + sum) >> 8)
		}
	}
	return nil
}

// row returns row y of the crop.
func (p *Picture) row(y int) []byte {
	return p.RGB[3*((p.Crop.Min.Y+y)*p.stride+p.Crop.Min.X):][:3*p.Crop.Dx()]
}

// crop returns a copy of the crop.
func (p *Picture) crop() []byte {
	var c []byte
	for y := range p.Crop.Dy() {
		c = append(c, p.row(y)...)
	}
	return c
}

// stretch returns src, packed RGB of w by h samples, as toW by toH samples.
func stretch(src []byte, w, h, toW, toH int) ([]byte, error) {
	l, err := resize.New(resize.LanczosAA, w, h, toW, toH)
	if err != nil {
		return nil, fmt.Errorf("preset: %w", err)
	}
	dst := make([]byte, 3*toW*toH)
	l.Run(dst, src)
	return dst, nil
}
