package pipeline

import (
	"context"
	"fmt"
	"slices"

	"uredit/pipeline/crop"
	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/pix2pix"
	"uredit/pipeline/preset"
)

// frameEdit is one frame of pass 2 on its way, with what belongs to it.
type frameEdit struct {
	frame  *frame.Frame
	patch  *frame.Patch
	window crop.Window
	cut    bool
	eroded bool   // there is a mask, and the erosion left nothing of it
	views  *views // nil where nothing is edited

	picture *preset.Picture // nil but with a preset
}

// views are the editor's picture of a frame, before and after.
type views struct{ source, edited []float32 }

func (v *views) resize(w, h int) {
	n := 3 * w * h
	v.source = slices.Grow(v.source[:0], n)[:n]
	v.edited = slices.Grow(v.edited[:0], n)[:n]
}

// edit is pass 2, from the first frame that is not sealed.
func (r *run) edit(ctx context.Context) error {
	total := r.result.Frames
	r.enter(Editing, total, r.spec.EditPrompt)
	if err := r.segmentsKnown(ctx); err != nil {
		return err
	}
	from := min(len(r.done)*r.segmentFrames(), total)
	r.continued(from)
	m, err := r.method()
	if err != nil {
		return err
	}
	session, err := r.session(ctx, m.params)
	if err != nil {
		return err
	}
	if from == total {
		r.enter(Saving, total, "writing the result")
		return r.erosion()
	}
	size := r.batchSize(session)
	if err := r.warm(ctx, session, size); err != nil {
		return err
	}
	if err := r.editFrom(ctx, from, m, session, size); err != nil {
		return err
	}
	return r.erosion()
}

// editFrom edits and writes the frames from a segment's first one on, in batches
// of size: decode → prepare → network → blend → encode.
func (r *run) editFrom(ctx context.Context, from int, m method, session *pix2pix.Session, size int) error {
	total := r.result.Frames
	// The mean over time of the first frame needs those before it, edited in the
	// batches that they were edited in.
	first := max(0, from-m.blend.delay()) / size * size
	r.masks.Skip(first)
	p, ctx := r.pass(ctx, 2)
	defer p.close()
	decoder, err := r.engine.Video.Decode(ctx, r.spec.Input, r.result.Input, r.decodeFrom(first))
	if err != nil {
		return err
	}
	p.closes(decoder)
	out, err := r.outputSink(ctx)
	if err != nil {
		return err
	}
	p.closes(out)

	stock := r.frameEdits(m.blend.delay() + 3*size)
	// Those of a batch, as many before it and after it, and one for each of the
	// steps beside.
	r.views = newStock(3*size+2, func() *views { return &views{} })
	read, ready := make(chan *frameEdit, 1), make(chan *frameEdit, size)
	edited, done := make(chan *frameEdit, size), make(chan *frameEdit, 1)
	decoding, preparing, editing := p.lane("decode"), p.lane("prepare"), p.lane("edit")
	blending, encoding := p.lane("blend"), p.lane("encode")
	batches := &batch{run: r, session: session, lane: editing, size: size}
	p.group.Go(func() error {
		return produce(ctx, decoding, p.turn, read, stock.get, func(f *frameEdit) (more bool, err error) {
			more, err = hasMore(decoder.Read(f.frame))
			f.frame.Index += first
			return more, err
		})
	})
	p.group.Go(func() error {
		return each(ctx, preparing, p.turn, read, ready, func(f *frameEdit) (*frameEdit, error) { return f, m.prepare(ctx, f) })
	})
	p.group.Go(func() error {
		return spread(ctx, editing, p.turn, ready, edited, func(f *frameEdit, emit func(*frameEdit) error) error {
			return batches.add(ctx, f, emit)
		}, func(emit func(*frameEdit) error) error {
			return batches.edit(ctx, emit)
		})
	})
	p.group.Go(func() error { return m.blend.run(ctx, r, blending, p.turn, edited, done) })
	p.group.Go(func() error {
		err := consume(ctx, encoding, p.turn, done, func(f *frameEdit) error {
			defer stock.put(f)
			if f.frame.Index < from {
				return nil
			}
			if f.eroded {
				r.eroded++
			}
			if err := out.Write(f.frame); err != nil {
				return err
			}
			r.send(Progress{Stage: Smoothing, Frame: f.frame.Index + 1, Total: total})
			return nil
		})
		if err != nil {
			return err
		}
		r.enter(Saving, total, "writing the result")
		return out.Close()
	})
	if err := p.group.Wait(); err != nil {
		return err
	}
	if n := first + encoding.Frames; n != total {
		return fmt.Errorf("the input gave %d frames in the first pass and %d in the second", total, n)
	}
	return nil
}

// session starts the editor on the request's prompt.
func (r *run) session(ctx context.Context, p pix2pix.Params) (*pix2pix.Session, error) {
	s, err := r.editor.Start(ctx, p)
	if err != nil {
		return nil, err
	}
	r.warn(s.Warnings()...)
	return s, nil
}

// frameEdits makes the frames of pass 2 for steps that hold back so many: one
// more for each step and channel that holds one.
func (r *run) frameEdits(held int) *stock[*frameEdit] {
	info := &r.result.Input
	return newStock(held+6, func() *frameEdit {
		return &frameEdit{frame: frame.New(info.FrameWidth(), info.FrameHeight()), patch: &frame.Patch{}}
	})
}

// erosion speaks of frames in which the mask was too thin for erode_kernel.
func (r *run) erosion() error {
	found := r.result.Frames - r.result.EmptyFrames
	switch {
	case r.eroded == 0:
		return nil
	case r.eroded == found:
		return fault.New(fault.NothingFound, "give a smaller erode_kernel; 0 leaves the mask as it is",
			fmt.Errorf("erode_kernel %d leaves nothing of what mask_prompt %q names", r.spec.ErodeKernel, r.spec.MaskPrompt))
	}
	r.warn(fmt.Sprintf("erode_kernel %d leaves nothing of the mask in %d of %d frames; they are left as they are", r.spec.ErodeKernel, r.eroded, r.result.Frames))
	return nil
}

// preparation returns the step that gives a frame its mask, its window and the
// editor's picture of it.
func (r *run) preparation() (func(context.Context, *frameEdit) error, error) {
	compositor, err := r.compositor()
	if err != nil {
		return nil, err
	}
	info := &r.result.Input
	mask := frame.NewPlane(info.FrameWidth(), info.FrameHeight())
	return func(ctx context.Context, f *frameEdit) error {
		i := f.frame.Index
		if i >= r.windows.Len() {
			return fmt.Errorf("the input has more frames in the second pass than the first pass' %d", r.windows.Len())
		}
		if err := r.masks.Next(mask); err != nil {
			return err
		}
		f.eroded = false
		f.window, f.cut = r.windows.Window(i), r.windows.Cut(i)
		if !compositor.Alpha(f.patch, mask, r.masks.Boxes()[i]) {
			f.eroded = !r.masks.Boxes()[i].Empty()
			return nil
		}
		if f.views, err = r.views.get(ctx); err != nil {
			return err
		}
		f.views.resize(f.window.Width, f.window.Height)
		compositor.Extract(f.views.source, f.frame, f.window.Source, f.window.Width, f.window.Height)
		return nil
	}, nil
}
