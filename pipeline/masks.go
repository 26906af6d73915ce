package pipeline

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
	"uredit/pipeline/segment"
)

// Levels of the mask preview: black and white of limited range.
const (
	previewBlack = 16
	previewWhite = 235
	grey         = 128
)

// findMasks is pass 1, unless its masks are known: decode → stretch → segment, link or track → runs → preview.
func (r *run) findMasks(ctx context.Context) error {
	known, err := r.masksKnown()
	if err != nil {
		return err
	}
	if known {
		r.masksReady()
		return nil
	}
	r.mu.Lock()
	before := len(r.result.Warnings)
	r.mu.Unlock()
	follower, err := r.follow(ctx)
	if err != nil {
		return err
	}
	p, ctx := r.pass(ctx, 1)
	defer p.close()
	pictures, err := r.pictures(ctx, p)
	if err != nil {
		return err
	}
	preview, err := r.maskSink(ctx)
	if err != nil {
		return err
	}
	p.closes(preview)
	if err := r.createMasks(); err != nil {
		return err
	}

	frames := newStock(3, r.newPreview)
	drawn := make(chan *frame.Frame, 1)
	segmenting, encoding := p.lane("segment"), p.lane("encode mask")
	s := r.segmentation(follower, frames, segmenting)
	p.group.Go(func() error {
		return spread(ctx, segmenting, p.turn, pictures.ready, drawn, func(c *picture, emit func(*frame.Frame) error) error {
			defer pictures.put(c)
			return s.see(ctx, c, emit)
		}, func(emit func(*frame.Frame) error) error {
			return s.draw(ctx, follower.Flush(), emit)
		})
	})
	p.group.Go(func() error {
		err := consume(ctx, encoding, p.turn, drawn, func(f *frame.Frame) error {
			defer frames.put(f)
			toPreview(f.Y().Pix)
			return preview.Write(f)
		})
		if err != nil {
			return err
		}
		return preview.Close()
	})
	if err := p.group.Wait(); err != nil {
		return err
	}
	r.warn(pictures.decoder.Warnings()...)
	r.warn(follower.Warnings()...)
	r.warnBoxes(follower)
	if err := r.masksFound(); err != nil {
		return err
	}
	if err := r.sealMasks(before); err != nil {
		return err
	}
	r.masksReady()
	return nil
}

// follow starts looking for what the mask prompt names.
func (r *run) follow(ctx context.Context) (*segment.Follower, error) {
	selection, err := segment.ParseSelection(r.spec.Instances)
	if err != nil {
		return nil, err
	}
	boxes, err := segment.Parts(r.spec.MaskBoxes, r.result.Input.Width, r.result.Input.Height)
	if err != nil {
		return nil, err
	}
	ops := r.engine.NewOps()
	r.closers = append(r.closers, ops.Close)
	follower, err := r.detector.Follow(ctx, segment.Query{
		Prompt: r.spec.MaskPrompt, Negative: r.spec.MaskNegative, Select: selection,
		Boxes: boxes, Frames: r.total(), MaxObjects: r.spec.MaxObjects, Ops: ops,
	})
	if err != nil {
		return nil, err
	}
	if words := follower.LeftOut(); len(words) > 0 {
		r.warn(fmt.Sprintf("mask_prompt is too long for the segmenter; it did not see: %q", words))
	}
	return follower, nil
}

// segmentation turns pictures into masks. Masks may come some pictures late.
type segmentation struct {
	run      *run
	follower *segment.Follower
	frames   *stock[*frame.Frame]
	lane     *Lane
	cuts     cutFinder
	union    *segment.Union
	times    []int64 // presentation times of pictures whose masks are to come
	seen     int     // pictures
	drawn    int     // masks
}

func (r *run) segmentation(follower *segment.Follower, frames *stock[*frame.Frame], l *Lane) *segmentation {
	r.enter(Masking, r.total(), "finding "+r.spec.MaskPrompt)
	return &segmentation{run: r, follower: follower, frames: frames, lane: l, union: segment.NewUnion(r.masks.Size())}
}

// see looks at the next picture and emits the masks that are certain now.
func (s *segmentation) see(ctx context.Context, p *picture, emit func(*frame.Frame) error) error {
	if s.cuts.next(p.rgb, s.run.detector.ImageSize()) {
		s.run.cuts = append(s.run.cuts, s.seen)
		if err := s.cut(ctx, emit); err != nil {
			return err
		}
	}
	s.seen++
	s.times = append(s.times, p.pts)
	start := time.Now()
	found, err := s.follower.Next(ctx, p.rgb)
	if err != nil {
		return err
	}
	s.lane.part("networks", start)
	if err := s.run.boxesFound(s.follower); err != nil {
		return err
	}
	return s.draw(ctx, found, emit)
}

// cut begins a shot, with objects of its own unless told otherwise.
func (s *segmentation) cut(ctx context.Context, emit func(*frame.Frame) error) error {
	if s.run.spec.AcrossCuts {
		return nil
	}
	return s.draw(ctx, s.follower.NewShot(), emit)
}

// draw fills the luma of a frame with each mask, 0 or 255, notes and emits it.
func (s *segmentation) draw(ctx context.Context, found []segment.Frame, emit func(*frame.Frame) error) error {
	for _, objects := range found {
		f, err := s.frames.get(ctx)
		if err != nil {
			return err
		}
		start := time.Now()
		s.union.Draw(f.Y(), objects.Objects)
		if err := s.run.masks.Append(f.Y()); err != nil {
			return err
		}
		f.Index, f.PTS = objects.Index, s.times[0]
		s.times = append(s.times[:0], s.times[1:]...)
		s.lane.part("pixels", start)
		s.drawn++
		s.run.masked(s.drawn, s.follower.Count())
		if err := emit(f); err != nil {
			return err
		}
	}
	return nil
}

// masked reports that the masks of the first n frames are known.
func (r *run) masked(n, objects int) {
	r.result.Objects = objects
	if n == 1 {
		r.send(Progress{Stage: Masking, Frame: 1, Total: r.total()})
		r.enter(Propagating, r.total(), "following "+r.spec.MaskPrompt)
		return
	}
	r.send(Progress{Stage: Propagating, Frame: n, Total: max(n, r.total())})
}

// masksFound completes pass 1: what it found decides whether there is anything
// to edit.
func (r *run) masksFound() error {
	if err := r.masks.Flush(); err != nil {
		return err
	}
	n, empty := r.masks.Len(), r.masks.Empty()
	switch {
	case n == 0:
		return fault.New(fault.InputUnreadable, "", fmt.Errorf("%s: no frame could be decoded", r.spec.InputName))
	case empty == n:
		return r.nothingFound(n)
	case empty > 0:
		r.warn(fmt.Sprintf("mask_prompt %q names nothing in %d of %d frames; they are left as they are", r.spec.MaskPrompt, empty, n))
	}
	return nil
}

// masksReady counts the masks and gives their preview away.
func (r *run) masksReady() {
	n := r.masks.Len()
	r.result.Frames, r.result.EmptyFrames = n, r.masks.Empty()
	r.result.Input.Frames = n
	r.send(Progress{Stage: Propagating, Frame: n, Total: n, MaskFile: r.result.MaskFile})
}

// nothingFound is the error of n frames without an object. A number may be past
// the last object, where the prompt is well chosen.
func (r *run) nothingFound(n int) error {
	if _, err := strconv.Atoi(r.spec.Instances); err == nil {
		return fault.New(fault.NothingFound, "objects are counted from 0 in each shot; instances: all edits every one, largest the largest",
			fmt.Errorf("mask_prompt %q names no object with the number %s in any of %d frames", r.spec.MaskPrompt, r.spec.Instances, n))
	}
	where := fmt.Sprintf("any of %d frames", n)
	if n == 1 {
		where = "the frame"
	}
	return fault.New(fault.NothingFound, "name something that is in the picture, in other or fewer words",
		fmt.Errorf("mask_prompt %q names nothing in %s", r.spec.MaskPrompt, where))
}

func (r *run) createMasks() error {
	f, err := r.create(runsName)
	if err != nil {
		return err
	}
	info := &r.result.Input
	if r.masks, err = segment.CreateMasks(f, info.FrameWidth(), info.FrameHeight()); err != nil {
		return err
	}
	r.masks.Expect(r.total())
	return nil
}

// newPreview makes a grey frame whose luma a mask will fill.
func (r *run) newPreview() *frame.Frame {
	f := frame.New(r.result.Input.FrameWidth(), r.result.Input.FrameHeight())
	for i := range f.Pix[f.Width*f.Height:] {
		f.Pix[f.Width*f.Height+i] = grey
	}
	return f
}

// toPreview turns a mask's samples, 0 or 255, into the preview's levels. Eight
// at a time: no sum leaves its byte.
func toPreview(mask []byte) {
	const (
		each   = 0x0101010101010101
		black  = previewBlack * each
		range8 = (previewWhite - previewBlack) * each
	)
	for len(mask) >= 8 {
		binary.NativeEndian.PutUint64(mask, black+binary.NativeEndian.Uint64(mask)&range8)
		mask = mask[8:]
	}
	for i, v := range mask {
		mask[i] = previewBlack + v&(previewWhite-previewBlack)
	}
}

// decodeFrom says how the frames are read without the first ones.
func (r *run) decodeFrom(first int) media.Decode {
	d := r.decode()
	d.First += first
	if d.Max > 0 {
		d.Max -= first
	}
	return d
}

// decode says how both passes read the input.
func (r *run) decode() media.Decode {
	d := media.Decode{Max: r.spec.MaxFrames, ToneMap: r.spec.ToneMap}
	if r.spec.SingleFrame {
		d.First, d.Max = r.spec.FrameIndex, 1
	}
	return d
}
