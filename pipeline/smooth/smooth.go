// Package smooth takes the flicker out of an edit. An editor that sees one
// frame at a time draws each a little differently; the mean over neighbouring
// frames, taken along the motion of the video, keeps what they agree on.
//
// Only the residual of the edit is averaged, and only inside the mask. The
// video's own samples are never mixed between frames, so nothing ghosts, and
// motion comes from the source alone, which does not flicker.
package smooth

import (
	"fmt"
	"image"
	"time"

	"uredit/pipeline/frame"
)

// Options say how strongly neighbouring frames count.
type Options struct {
	Width, Height int // of the video's frames, even

	// Window is the number of frames that an average spans: half of it before
	// the frame and half after. 1 changes nothing; an even number counts as
	// the next odd one.
	Window int
	// Alpha is the strength, 0..1. Along motion it is the weight of a
	// neighbour: a frame d away counts Alpha^|d|. 0 changes nothing, 1 is the
	// plain mean. With Window 5 and Alpha 0.3 flicker that is independent from
	// frame to frame falls to 0.38 of its variance. For Classic it is the share
	// of the mean in the result.
	Alpha float64
	// Classic averages the edited frames at equal places with weights
	// exp(-|d|/2), without regard to motion.
	Classic bool

	// Shelf is where residuals that are not needed any more go and new ones come
	// from; nil for one of the smoother's own. The caller of Push uses it from the
	// same goroutine.
	Shelf *frame.Shelf
}

// Item is one frame on its way. The smoother holds it from Push until it is
// returned; its frame must be unedited all that time.
type Item struct {
	Frame *frame.Frame
	Patch *frame.Patch // never nil; empty where the frame has no edit
	// Window is the editor's window in the frame. Within a shot its size is
	// constant; the first one's decides how finely motion is estimated.
	Window image.Rectangle
	// Scale is the number of samples of Window for one of the editor's picture,
	// constant within a shot; 0 counts as 1. From 2 on the residual holds nothing
	// that luma at half size could not, and is smoothed there.
	Scale float64
	// Cut marks the first frame of a shot. Nothing is averaged across it.
	Cut bool
}

// Smoother smooths one video. It keeps as many residuals as the window has
// frames, and nothing that grows with the video. It is used by one goroutine
// at a time.
type Smoother struct {
	ops  frame.Ops
	o    Options
	half int

	slots   []slot // frame i of the shot in slots[i%len(slots)]
	pushed  int    // frames of this shot so far
	emitted int    // frames of this shot returned so far
	scale   scale  // of this shot's motion
	done    []Item

	motion  motion
	classic classic
}

// slot is what is known of one frame while it is a neighbour of others.
type slot struct {
	item     Item
	region   image.Rectangle // of the patch, empty where there is none
	residual frame.Residual  // as the editor left it
	coarse   frame.Plane32   // luma of residual at half size, where the shot is smoothed there
	alpha    field           // of the patch, 0..1, a sample for each cell
	link     link            // to the frame before
	edited   *frame.Frame    // for the classic mean
}

// New returns a smoother. ops stays the caller's.
func New(ops frame.Ops, o Options) (*Smoother, error) {
	if o.Width < 2 || o.Height < 2 || o.Width%2 == 1 || o.Height%2 == 1 {
		return nil, fmt.Errorf("smooth: frames of %dx%d samples, not even", o.Width, o.Height)
	}
	if o.Window < 1 {
		return nil, fmt.Errorf("smooth: window of %d frames", o.Window)
	}
	if !(o.Alpha >= 0 && o.Alpha <= 1) {
		return nil, fmt.Errorf("smooth: alpha %g is not in 0..1", o.Alpha)
	}
	if o.Shelf == nil {
		o.Shelf = &frame.Shelf{}
	}
	half := o.Window / 2
	if o.Alpha == 0 {
		half = 0
	}
	return &Smoother{ops: ops, o: o, half: half, slots: make([]slot, 2*half+1)}, nil
}

// Delay returns the number of frames that are held at most after a Push.
func (s *Smoother) Delay() int { return s.half }

// FlowTime returns how much of the time spent so far went into estimating
// motion.
func (s *Smoother) FlowTime() time.Duration { return s.motion.spent }

// Push takes the next frame and returns those that are complete, in order: the
// residuals of their patches are smoothed, everything else is as it came. The
// slice is valid until the next call.
func (s *Smoother) Push(it Item) []Item {
	s.done = s.done[:0]
	if it.Cut {
		s.finishShot()
	}
	if s.half == 0 {
		s.done = append(s.done, it)
		return s.done
	}
	s.take(it)
	if s.pushed > s.half {
		s.emit()
	}
	return s.done
}

// Flush returns the frames that are still held and makes the smoother ready
// for another video. The slice is valid until the next call.
func (s *Smoother) Flush() []Item {
	s.done = s.done[:0]
	s.finishShot()
	return s.done
}

func (s *Smoother) finishShot() {
	for s.emitted < s.pushed {
		s.emit()
	}
	s.pushed, s.emitted = 0, 0
}

// take puts an item into the ring. The raw residual moves into the slot; the
// patch gets another one when its result is made.
func (s *Smoother) take(it Item) {
	if s.pushed == 0 {
		s.scale = scaleOf(it)
	}
	sl := s.at(s.pushed)
	sl.item = it
	sl.region = it.Patch.Region
	s.o.Shelf.Put(sl.residual)
	sl.residual, it.Patch.Residual = it.Patch.Residual, frame.Residual{}
	if s.o.Classic {
		s.takePlaces(sl)
	} else {
		s.takeMotion(sl)
	}
	s.pushed++
}

// emit completes the oldest frame that is held.
func (s *Smoother) emit() {
	sl := s.at(s.emitted)
	p := sl.item.Patch
	if !p.Empty() {
		p.Residual = s.o.Shelf.Take()
		p.ResizeResidual()
		if s.o.Classic {
			s.averagePlaces(s.emitted)
		} else {
			s.averageAlongMotion(s.emitted)
		}
	}
	s.done = append(s.done, sl.item)
	sl.item = Item{}
	s.emitted++
}

func (s *Smoother) at(i int) *slot { return &s.slots[i%len(s.slots)] }
