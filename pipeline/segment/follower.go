package segment

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"uredit/pipeline/frame"
	"uredit/pipeline/resize"
	"uredit/pipeline/segment/mask"
	"uredit/pipeline/segment/track"
	"uredit/pipeline/tensor"
)

// Query is what to find in a video.
type Query struct {
	// Prompt names the concept; several are separated by semicolons, as in
	// "hair; red dress". Objects of different prompts never become one.
	Prompt string
	// Negative names what is not meant: a detection that is mostly a detection
	// of one of these does not count. It may be empty.
	Negative string
	Select   Selection
	// Boxes say which objects of the first picture count, alone of all: left,
	// top, right, bottom as parts of the picture. None means all. See pick.
	Boxes [][4]float32
	// Width and Height are the size of the pictures that Next is given, from
	// Detector.PictureSize; 0 for S by S, stretched by the caller.
	Width, Height int
	// Frames is the video's length where it is known, else 0. It matters for
	// videos shorter than the tracker's memory only.
	Frames int
	// Ops move masks between keyframes, where the folder's detector need not look
	// at every picture. Without them it does.
	Ops frame.Ops
	// MaxObjects bounds the objects that are followed at a time; 0 leaves the
	// folder's own bound. It bounds the tracker, not the Linker.
	MaxObjects int
}

// Frame is what was found in one frame.
type Frame struct {
	Index   int      // in the video
	Objects []Object // in the order of their ids, or of the detections with a Linker
	apart   bool     // a sample is one object's only
}

// Follower finds the objects of a Query in one video, frame by frame. Where the
// folder has a tracker, frames come some calls late; else at once. It is used by
// one goroutine at a time, and of no use after an error.
type Follower struct {
	detector *Detector
	wanted   []*Prompt
	unwanted []*Prompt
	boxes    [][4]float32
	missed   []int // boxes in which nothing lies
	unnamed  []int // boxes in which something lies that the prompt does not name
	begun    bool  // a picture was seen
	found    []Detection
	identify identifier
	between  *between // nil where every picture is looked at
	choice   choice
	measure  mask.Bits
	others   []mask.Bits
	store    planes
	shown    map[int]bool // by id
	width    int          // of the pictures
	height   int
	stretch  resize.Resizer // nil where pictures come in the network's size
	picture  []byte         // S by S, stretched
}

// identifier gives detections identities over time.
type identifier interface {
	// next takes the detections of the next frame and what the tracker sees of
	// it, and returns the frames that are complete, in order.
	next(ctx context.Context, features []*tensor.Tensor, found []Detection) ([]Frame, error)
	// cut ends a shot, flush the video; both return what was held back.
	cut() []Frame
	flush() []Frame
	refused() int
}

// mostly is the part of a detection and of an unwanted one that they share, of
// what either has, from which on the detection is unwanted.
const mostly = 0.5

// SplitPrompt returns the parts of a prompt that semicolons separate, without
// empty ones.
func SplitPrompt(s string) []string {
	var parts []string
	for part := range strings.SplitSeq(s, ";") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// Follow starts finding the objects of q in a video. The Detector serves one
// Follower at a time.
func (d *Detector) Follow(ctx context.Context, q Query) (*Follower, error) {
	f := &Follower{detector: d, choice: newChoice(q), boxes: q.Boxes, shown: make(map[int]bool), width: q.Width, height: q.Height}
	for _, list := range []struct {
		to   *[]*Prompt
		text string
	}{{&f.wanted, q.Prompt}, {&f.unwanted, q.Negative}} {
		for _, s := range SplitPrompt(list.text) {
			p, err := d.Prompt(ctx, s)
			if err != nil {
				return nil, err
			}
			*list.to = append(*list.to, p)
		}
	}
	if len(f.wanted) == 0 {
		return nil, fmt.Errorf("prompt %q names nothing", q.Prompt)
	}
	if q.Width > 0 {
		var err error
		if f.stretch, err = d.Stretcher(q.Width, q.Height); err != nil {
			return nil, err
		}
		f.picture = make([]byte, 3*d.ImageSize()*d.ImageSize())
	}
	if d.tracker == nil {
		f.identify = &linking{area: d.config.Thresholds.HoleArea}
		if n := d.config.Keyframes.every(f.wanted); n > 1 && q.Ops != nil {
			f.between = &between{ops: q.Ops, interval: n}
		}
		return f, nil
	}
	f.identify = &tracking{tracker: d.tracker.Track(track.Options{Frames: q.Frames, MaxObjects: q.MaxObjects, Given: len(q.Boxes) > 0})}
	return f, nil
}

// LeftOut returns the words of the prompts that did not fit into the network's
// context.
func (f *Follower) LeftOut() []string {
	var words []string
	for _, p := range slices.Concat(f.wanted, f.unwanted) {
		words = append(words, p.Cut...)
	}
	return words
}

// Next sees the next picture: packed R, G, B bytes, rows from the top, of the
// size that the Query says. It returns the frames that are complete now, in
// order: with a tracker none at first, later one each time; between keyframes
// none, with a keyframe all since the last. They are valid until the next call of any method.
func (f *Follower) Next(ctx context.Context, rgb []byte) ([]Frame, error) {
	if f.stretch != nil {
		if want := 3 * f.width * f.height; len(rgb) != want {
			return nil, fmt.Errorf("detect: picture of %d bytes, want %d by %d by 3", len(rgb), f.width, f.height)
		}
		f.stretch.Run(f.picture, rgb)
		rgb = f.picture
	}
	if want := 3 * f.detector.ImageSize() * f.detector.ImageSize(); len(rgb) != want {
		return nil, fmt.Errorf("detect: picture of %d bytes, want %d", len(rgb), want)
	}
	if f.between != nil && f.between.hold(rgb, f.detector.ImageSize()) {
		return nil, nil
	}
	if err := f.detector.look(ctx, rgb); err != nil {
		return nil, err
	}
	if err := f.detect(ctx); err != nil {
		return nil, err
	}
	if !f.begun && len(f.boxes) > 0 {
		if err := f.pick(ctx); err != nil {
			return nil, err
		}
	}
	f.begun = true
	frames, err := f.identify.next(ctx, f.detector.network.tracked, f.found)
	if f.between != nil && err == nil {
		frames = f.between.join(frames[0])
	}
	return f.give(frames), err
}

// NewShot says that the next picture begins a shot: objects of the one before
// are not looked for again. It returns the frames that were held back, valid as
// those of Next.
func (f *Follower) NewShot() []Frame {
	frames := f.identify.cut()
	if f.between != nil {
		frames = f.between.finish()
	}
	frames = f.give(frames)
	f.choice.reset()
	return frames
}

// Flush returns the frames that were held back, after the last picture; valid as
// those of Next.
func (f *Follower) Flush() []Frame {
	if f.between != nil {
		return f.give(f.between.finish())
	}
	return f.give(f.identify.flush())
}

// give returns frames with what is selected of them.
func (f *Follower) give(frames []Frame) []Frame {
	f.choice.choose(frames)
	for _, frame := range frames {
		for _, o := range frame.Objects {
			f.shown[o.ID] = true
		}
	}
	return frames
}

// Count returns how many objects the frames so far had.
func (f *Follower) Count() int { return len(f.shown) }

// Missed returns the numbers of the Query's boxes in which nothing is followed.
func (f *Follower) Missed() []int { return f.missed }

// Unnamed returns the numbers of the Query's boxes in which the prompt names
// nothing, but the tracker sees something: that is followed.
func (f *Follower) Unnamed() []int { return f.unnamed }

// Warnings returns sentences about what was left out.
func (f *Follower) Warnings() []string {
	if n := f.identify.refused(); n > 0 {
		return []string{fmt.Sprintf("the prompt names more objects than are followed at a time; %d detections of others were left out", n)}
	}
	return nil
}

// detect sets found to the detections of all prompts in the picture that was
// looked at.
func (f *Follower) detect(ctx context.Context) error {
	f.found = f.found[:0]
	f.store.reset()
	alone := len(f.wanted) == 1 && len(f.unwanted) == 0
	for i, p := range f.wanted {
		found, err := f.detector.ask(ctx, p)
		if err != nil {
			return err
		}
		for _, d := range found {
			d.Prompt = i
			if !alone { // the next question is answered in the same memory
				d.Logits = f.store.clone(d.Logits)
			}
			f.found = append(f.found, d)
		}
	}
	for _, p := range f.unwanted {
		found, err := f.detector.ask(ctx, p)
		if err != nil {
			return err
		}
		f.refuse(found)
	}
	return nil
}

// refuse drops what is mostly one of the unwanted detections.
func (f *Follower) refuse(unwanted []Detection) {
	for len(f.others) < len(unwanted) {
		f.others = append(f.others, mask.Bits{})
	}
	for i, d := range unwanted {
		f.others[i].Threshold(d.Logits)
	}
	f.found = slices.DeleteFunc(f.found, func(d Detection) bool {
		f.measure.Threshold(d.Logits)
		for i := range unwanted {
			if f.measure.IoU(&f.others[i]) >= mostly {
				return true
			}
		}
		return false
	})
}
