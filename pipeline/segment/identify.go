package segment

import (
	"context"

	"uredit/pipeline/segment/track"
	"uredit/pipeline/tensor"
)

// linking identifies detections by the overlap of their masks alone, for folders
// without a tracker.
type linking struct {
	linker Linker
	masks  cleaner
	area   int
	index  int
	out    [1]Frame
}

func (l *linking) next(_ context.Context, _ []*tensor.Tensor, found []Detection) ([]Frame, error) {
	l.out[0] = Frame{Index: l.index, Objects: l.linker.Link(l.masks.clean(found, l.area))}
	l.index++
	return l.out[:], nil
}

func (l *linking) cut() []Frame {
	l.linker.Reset()
	return nil
}

func (l *linking) flush() []Frame { return nil }
func (l *linking) refused() int   { return 0 }

// tracking identifies detections with the tracker's networks.
type tracking struct {
	tracker *track.Tracker
	found   []track.Detection
	frames  []Frame
}

func (t *tracking) next(ctx context.Context, features []*tensor.Tensor, found []Detection) ([]Frame, error) {
	t.found = t.found[:0]
	for _, d := range found {
		t.found = append(t.found, track.Detection{Score: d.Score, Prompt: d.Prompt, Logits: d.Logits})
	}
	frames, err := t.tracker.Next(ctx, features, t.found)
	return t.convert(frames), err
}

func (t *tracking) cut() []Frame   { return t.convert(t.tracker.Cut()) }
func (t *tracking) flush() []Frame { return t.convert(t.tracker.Flush()) }
func (t *tracking) refused() int   { return t.tracker.Refused() }

// convert makes the tracker's frames ours. Their objects have no box of the
// detector's: it is the mask's.
func (t *tracking) convert(frames []track.Frame) []Frame {
	t.frames = t.frames[:0]
	for _, f := range frames {
		objects := make([]Object, len(f.Objects))
		for i, o := range f.Objects {
			objects[i] = Object{ID: o.ID, Presence: o.Presence, Detection: Detection{
				Score: o.Score, Prompt: o.Prompt, Box: box(o.Logits), Logits: o.Logits,
			}}
		}
		t.frames = append(t.frames, Frame{Index: f.Index, Objects: objects, apart: true})
	}
	return t.frames
}
