// Package crop decides where the editor's window lies in each frame.
//
// The editor's network gives a different picture for every size and every
// shift of what it sees, so the window of a shot has one size, one scale and a
// path as calm as the object allows. The window is wider than the object by a
// slack; within that slack its path is an average over time that still holds
// the object in every single frame.
package crop

import (
	"fmt"
	"image"
	"slices"
)

// Options say how windows are planned. Lengths are in luma samples.
type Options struct {
	Width, Height int // of the video's frames, even
	Padding       int // kept around the object on every side where the frame has it
	EditSize      int // long side of the editor's picture, in its samples
	Multiple      int // both sides of the editor's picture are multiples of this
}

// Window is what the editor sees of one frame.
type Window struct {
	// Source is the window in luma samples of the frame. Its corners are even,
	// so chroma lines up. It exceeds the frame only where the frame is smaller
	// than the window; what lies outside is to be reflected.
	Source image.Rectangle
	// Width and Height are the size of the editor's picture. The scales
	// Width/Source.Dx() and Height/Source.Dy() are equal within 0.5 %.
	Width, Height int
}

// Plan holds the windows of a whole video in 8 bytes a frame.
type Plan struct {
	shots []shot
	at    []point // top left corner of each frame's window
}

type point struct{ x, y int32 }

// shot is a run of frames without a cut.
type shot struct {
	first         int // frame
	w, h          int // of the window in the frame
	width, height int // of the editor's picture
}

// New plans the windows of a video. boxes holds the bounding box of the mask in
// each frame, empty where there is none; such frames lie on the way between
// their neighbours. cuts holds the first frame of each shot, ascending; frame 0
// need not be named.
func New(boxes []image.Rectangle, cuts []int, o Options) (*Plan, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	p := &Plan{at: make([]point, len(boxes))}
	first := 0 // frame of the shot at hand
	for _, next := range append(slices.Clone(cuts), len(boxes)) {
		if next < first || next > len(boxes) {
			return nil, fmt.Errorf("plan crop: cut at frame %d is out of order or beyond %d frames", next, len(boxes))
		}
		if next == first {
			continue
		}
		s := planShot(p.at[first:next], boxes[first:next], o)
		s.first = first
		p.shots = append(p.shots, s)
		first = next
	}
	return p, nil
}

func (o Options) validate() error {
	switch {
	case o.Width < 2 || o.Height < 2 || o.Width%2 == 1 || o.Height%2 == 1:
		return fmt.Errorf("plan crop: frames of %dx%d samples, not even", o.Width, o.Height)
	case o.Padding < 0:
		return fmt.Errorf("plan crop: padding %d is negative", o.Padding)
	case o.Multiple < 1 || o.EditSize < o.Multiple:
		return fmt.Errorf("plan crop: edit size %d holds no multiple of %d", o.EditSize, o.Multiple)
	}
	return nil
}

// Len returns the number of frames.
func (p *Plan) Len() int { return len(p.at) }

// Window returns the window of a frame. It panics when frame is not in
// [0, Len()).
func (p *Plan) Window(frame int) Window {
	s := p.shots[p.shotOf(frame)]
	at := p.at[frame]
	corner := image.Pt(int(at.x), int(at.y))
	return Window{
		Source: image.Rectangle{Min: corner, Max: corner.Add(image.Pt(s.w, s.h))},
		Width:  s.width,
		Height: s.height,
	}
}

// Cut reports whether frame is the first of its shot.
func (p *Plan) Cut(frame int) bool { return p.shots[p.shotOf(frame)].first == frame }

func (p *Plan) shotOf(frame int) int {
	i, found := slices.BinarySearchFunc(p.shots, frame, func(s shot, f int) int { return s.first - f })
	if found {
		return i
	}
	return i - 1
}
