package track

import (
	"context"
	"fmt"
	"math"
	"slices"

	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/segment/mask"
	"uredit/pipeline/tensor"
)

// Detection is one instance that the detector found in a picture.
type Detection struct {
	Score  float32       // in 0..1
	Prompt int           // number of the prompt that it answers
	Logits frame.Plane32 // L by L without padding
}

// Object is an instance with an identity in one frame.
type Object struct {
	ID       int // from 0, in the order of the detections that began them
	Prompt   int
	Score    float32       // the detection's that began it
	Presence float32       // in 0..1: how sure it is there; contested samples are the surest one's
	Logits   frame.Plane32 // L by L
}

// Frame is what is shown of one frame: the objects in the order of their ids.
type Frame struct {
	Index   int // in the video
	Objects []Object
}

// Options are those of one video.
type Options struct {
	Frames     int // the video's length if it is known, else 0: short ones count time differently
	MaxObjects int // objects at a time, 0 for the folder's own limit
	// Given says that the detections of the first frame are the objects that
	// someone chose: each is one, whatever its score, for as long as it is seen,
	// and nothing else is.
	Given bool
}

// Tracker follows the objects of one video. It is used by one goroutine at a
// time, and of no use after an error.
type Tracker struct {
	networks  *networks
	config    Config
	span      span
	unit      float32 // frames that a pointer's age is told in
	frames    int     // Options.Frames
	given     bool    // Options.Given
	time      int     // frames since the beginning or a cut
	nextID    int
	refused   int
	objects   []*object
	delay     delay
	masks     pool // L by L
	memories  pool
	pointers  pool
	cleaner   mask.Cleaner
	found     association
	arrivals  []mask.Bits
	chosen    []memory
	looked    []pointer
	encodings []remembered
}

// object is one that is followed. The lower half is about the frame under way.
type object struct {
	id, prompt int
	score      float32
	life       life
	hidden     int // last frame in which it was empty or gave way
	empty      int // frames in a row without a sample
	bank       bank

	raw, shown []float32 // logits as the network gave them, and cleaned
	bits       mask.Bits // of shown
	logit      float32
	verdict    verdict
	yields     bool
	conditions bool // the frame is a conditioning one for it
	confirmed  int  // detection, or -1
}

// Track starts following the objects of a video.
func (m *Model) Track(o Options) *Tracker {
	c := m.config
	if o.MaxObjects > 0 {
		c.Thresholds.MaxObjects = min(c.Thresholds.MaxObjects, o.MaxObjects)
	}
	t := &Tracker{
		networks: newNetworks(m),
		config:   c,
		span: span{
			memories: c.Memories, conditioning: c.Conditioning, most: c.MaxConditioningPointers,
			quality: c.Selection.Quality, differences: c.differences(),
		},
		delay:    delay{frames: c.Thresholds.HotStart},
		masks:    pool{size: m.sizes.maskLen()},
		memories: pool{size: m.sizes.memoryLen()},
		pointers: pool{size: m.sizes.hidden},
		given:    o.Given,
	}
	if o.Given {
		t.delay.frames = 0 // no object turns out to be none
	}
	t.last(o.Frames)
	return t
}

// last sets how far pointers reach, for a video of n frames; 0 is unknown.
func (t *Tracker) last(n int) {
	t.frames, t.span.pointers = n, t.config.Pointers
	if n > 0 {
		t.span.pointers = min(n, t.config.Pointers)
	}
	t.unit = float32(max(t.span.pointers-1, 1))
}

// Count returns how many identities were given, those of objects that turned out
// to be none included.
func (t *Tracker) Count() int { return t.nextID }

// Refused returns how many detections did not become objects because there were
// as many as allowed.
func (t *Tracker) Refused() int { return t.refused }

// Next takes the next frame: the outputs of the graph that saw it, named as
// FeatureNames, and what the detector found, in the order of its queries. It
// returns the frames that are now certain, in order; at first none. They are
// valid until the next call of any method.
func (t *Tracker) Next(ctx context.Context, features []*tensor.Tensor, found []Detection) ([]Frame, error) {
	t.delay.recycle(&t.masks)
	for _, d := range found {
		if l := t.networks.sizes.low; len(d.Logits.Pix) != l*l {
			return nil, fault.New(fault.ModelInvalid, exportHint,
				fmt.Errorf("the detector's masks are %d by %d, the tracker's %d by %d", d.Logits.Width, d.Logits.Height, l, l))
		}
	}
	if t.frames > 0 && t.delay.next >= t.frames {
		t.last(0) // it is longer than was said
	}
	if err := t.follow(ctx, features); err != nil {
		return nil, err
	}
	fresh := t.admit(found)
	t.judge()
	t.recondition(found)
	t.suppress()
	newcomers := t.introduce(found, fresh)
	if err := t.remember(ctx, features, found, len(newcomers) > 0); err != nil {
		return nil, err
	}
	if err := t.begin(ctx, features, found, fresh, newcomers); err != nil {
		return nil, err
	}
	t.show(found, fresh, newcomers)
	t.objects = append(t.objects, newcomers...)
	t.forget()
	t.time++
	return t.delay.due(), nil
}

// Cut ends the shot: it returns the frames that were held back and forgets all
// objects. Identities are not given again.
func (t *Tracker) Cut() []Frame {
	frames := t.Flush()
	for _, o := range t.objects {
		o.bank.clear(&t.memories, &t.pointers)
	}
	t.objects, t.time = nil, 0
	return frames
}

// Flush returns the frames that were held back, after the last one.
func (t *Tracker) Flush() []Frame {
	t.delay.recycle(&t.masks)
	return t.delay.flush()
}

// follow finds every object in the picture.
func (t *Tracker) follow(ctx context.Context, features []*tensor.Tensor) error {
	for _, o := range t.objects {
		t.chosen = o.bank.memories(t.chosen[:0], t.time, &t.span)
		t.looked = o.bank.pointers(t.looked[:0], t.time, &t.span)
		o.raw, o.shown = t.masks.get(), t.masks.get()
		ptr := t.pointers.get()
		logit, overlap, err := t.networks.follow(ctx, features, t.chosen, t.looked, t.unit, o.raw, ptr)
		if err != nil {
			return err
		}
		o.logit = logit
		o.bank.add(t.time, ptr, quality(logit, overlap))
		copy(o.shown, o.raw)
		t.cleaner.Clean(t.plane(o.shown), t.config.Thresholds.HoleArea)
		o.bits.Threshold(t.plane(o.shown))
	}
	return nil
}

// plane returns a mask as a picture.
func (t *Tracker) plane(pix []float32) frame.Plane32 {
	l := t.networks.sizes.low
	return frame.Plane32{Pix: pix, Stride: l, Width: l, Height: l}
}

// quality says how well an object was seen.
func quality(logit, overlap float32) float32 {
	return max(2*sigmoid(logit)-1, 0) * overlap
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

// forget lets go of what ended and of what no later frame looks at.
func (t *Tracker) forget() {
	t.objects = slices.DeleteFunc(t.objects, func(o *object) bool {
		t.masks.put(o.raw)
		o.raw, o.shown = nil, nil
		gone := t.config.Thresholds.MaxEmpty > 0 && o.empty >= t.config.Thresholds.MaxEmpty
		if o.verdict != ends && !gone {
			o.bank.evict(t.time, &t.span, &t.memories, &t.pointers)
			return false
		}
		o.bank.clear(&t.memories, &t.pointers)
		return true
	})
}
