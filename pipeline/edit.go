package pipeline

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"uredit/pipeline/composite"
	"uredit/pipeline/crop"
	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
	"uredit/pipeline/pix2pix"
	"uredit/pipeline/smooth"
)

// shown is a frame of pass 2 on its way, with what belongs to it.
type shown struct {
	frame  *frame.Frame
	patch  *frame.Patch
	window crop.Window
	cut    bool
	views  *views // nil where nothing is edited
}

// views are the editor's picture of a frame, before and after.
type views struct{ source, edited []float32 }

func (v *views) resize(w, h int) {
	n := 3 * w * h
	v.source = slices.Grow(v.source[:0], n)[:n]
	v.edited = slices.Grow(v.edited[:0], n)[:n]
}

// edit is pass 2: decode → prepare → network → blend → encode.
func (r *run) edit(ctx context.Context) error {
	total := r.result.Frames
	r.enter(Editing, total, r.spec.EditPrompt)
	session, err := r.editor.Start(ctx, pix2pix.Params{
		Prompt:             r.spec.EditPrompt,
		Negative:           r.spec.NegativePrompt,
		Steps:              r.spec.Steps,
		GuidanceScale:      r.spec.GuidanceScale,
		ImageGuidanceScale: r.spec.ImageGuidanceScale,
		Scheduler:          r.spec.Scheduler,
		Seed:               r.spec.Seed,
	})
	if err != nil {
		return err
	}
	r.warn(session.Warnings()...)
	group, ctx := errgroup.WithContext(ctx)
	decoder, err := r.engine.Video.Decode(ctx, r.spec.Input, r.result.Input, r.decode())
	if err != nil {
		return err
	}
	defer decoder.Close()
	out, err := r.outputSink(ctx)
	if err != nil {
		return err
	}
	defer out.Close()
	prepare, err := r.preparation()
	if err != nil {
		return err
	}
	blend, err := r.blending()
	if err != nil {
		return err
	}

	info := &r.result.Input
	stock := newStock(blend.smoother.Delay()+9, func() *shown {
		return &shown{frame: frame.New(info.FrameWidth(), info.FrameHeight()), patch: &frame.Patch{}}
	})
	t := r.turn()
	read, ready := make(chan *shown, 1), make(chan *shown, 1)
	edited, done := make(chan *shown, 1), make(chan *shown, 1)
	decoding, preparing, editing := r.lane(2, "decode"), r.lane(2, "prepare"), r.lane(2, "edit")
	blending, encoding := r.lane(2, "blend"), r.lane(2, "encode")
	group.Go(func() error {
		return produce(ctx, decoding, t, read, stock.get, func(s *shown) (more bool, err error) {
			err = decoder.Read(s.frame)
			if errors.Is(err, io.EOF) {
				return false, nil
			}
			return err == nil, err
		})
	})
	group.Go(func() error {
		return each(ctx, preparing, t, read, ready, func(s *shown) (*shown, error) { return s, prepare(ctx, s) })
	})
	group.Go(func() error {
		return each(ctx, editing, t, ready, edited, func(s *shown) (*shown, error) {
			return s, r.editOne(ctx, session, s, editing)
		})
	})
	group.Go(func() error { return blend.run(ctx, r, blending, t, edited, done) })
	group.Go(func() error {
		err := consume(ctx, encoding, t, done, func(s *shown) error {
			defer stock.put(s)
			if err := out.Write(s.frame); err != nil {
				return err
			}
			r.send(Progress{Stage: Editing, Frame: s.frame.Index + 1, Total: total})
			return nil
		})
		if err != nil {
			return err
		}
		r.enter(Saving, total, "writing the result")
		return out.Close()
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if n := encoding.Frames; n != total {
		return fmt.Errorf("the input gave %d frames in the first pass and %d in the second", total, n)
	}
	return r.erosion()
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
func (r *run) preparation() (func(context.Context, *shown) error, error) {
	compositor, err := r.compositor()
	if err != nil {
		return nil, err
	}
	// One for each step that holds them, and for each channel between.
	r.views = newStock(5, func() *views { return &views{} })
	info := &r.result.Input
	mask := frame.NewPlane(info.FrameWidth(), info.FrameHeight())
	return func(ctx context.Context, s *shown) error {
		i := s.frame.Index
		if i >= r.windows.Len() {
			return fmt.Errorf("the input has more frames in the second pass than the first pass' %d", r.windows.Len())
		}
		if err := r.masks.Next(mask); err != nil {
			return err
		}
		s.window, s.cut = r.windows.Window(i), r.windows.Cut(i)
		if !compositor.Alpha(s.patch, mask, r.masks.Boxes()[i]) {
			if !r.masks.Boxes()[i].Empty() {
				r.eroded++
			}
			return nil
		}
		if s.views, err = r.views.get(ctx); err != nil {
			return err
		}
		s.views.resize(s.window.Width, s.window.Height)
		compositor.Extract(s.views.source, s.frame, s.window.Source, s.window.Width, s.window.Height)
		return nil
	}, nil
}

// editOne lets the network edit a frame's picture. The window's place on the
// scaled canvas keys the noise, so that the same place sees the same noise in
// every frame.
func (r *run) editOne(ctx context.Context, session *pix2pix.Session, s *shown, l *Lane) error {
	if s.views == nil {
		return nil
	}
	at := origin(s.window)
	if err := session.Edit(ctx, s.views.edited, s.views.source, s.window.Width, s.window.Height, at.X, at.Y); err != nil {
		return err
	}
	l.Parts["networks"], l.Parts["scheduler"], l.Parts["noise"] = session.Times()
	return nil
}

// origin is the window's corner in samples of the editor's picture.
func origin(w crop.Window) image.Point {
	scale := float64(w.Width) / float64(w.Source.Dx())
	return image.Pt(int(float64(w.Source.Min.X)*scale), int(float64(w.Source.Min.Y)*scale))
}

// blender brings edits back into their frames.
type blender struct {
	ops        frame.Ops
	compositor *composite.Compositor
	smoother   *smooth.Smoother
	held       []*shown // frames that the smoother holds, oldest first
}

func (r *run) blending() (*blender, error) {
	compositor, err := r.compositor()
	if err != nil {
		return nil, err
	}
	info := &r.result.Input
	o := smooth.Options{
		Width:   info.FrameWidth(),
		Height:  info.FrameHeight(),
		Window:  max(1, r.spec.SmoothingWindow),
		Alpha:   r.spec.SmoothingAlpha,
		Classic: r.spec.Smoothing == SmoothClassic,
	}
	if r.spec.Smoothing == SmoothOff {
		o.Window = 1
	}
	ops := r.engine.NewOps()
	r.closers = append(r.closers, ops.Close)
	smoother, err := smooth.New(ops, o)
	return &blender{ops: ops, compositor: compositor, smoother: smoother}, err
}

// run takes edited frames, smooths their residuals in time, and hands on the
// frames with the edit pasted in.
func (b *blender) run(ctx context.Context, r *run, l *Lane, t turn, in <-chan *shown, out chan<- *shown) error {
	defer close(out)
	hand := func(items []smooth.Item) error {
		for _, it := range items {
			s := b.held[0]
			b.held = b.held[:copy(b.held, b.held[1:])]
			it.Patch.Paste(b.ops, s.frame)
			if err := handOver(ctx, l, t, out, s); err != nil {
				return err
			}
		}
		return nil
	}
	err := consume(ctx, l, t, in, func(s *shown) error {
		start := time.Now()
		if s.views != nil {
			b.compositor.Residual(s.patch, s.views.edited, s.views.source, s.window.Source, s.window.Width, s.window.Height)
			r.views.put(s.views)
			s.views = nil
		}
		start = l.part("pixels", start)
		b.held = append(b.held, s)
		flow := b.smoother.FlowTime()
		items := b.smoother.Push(smooth.Item{
			Frame: s.frame, Patch: s.patch, Cut: s.cut,
			Window: s.window.Source, Scale: float64(s.window.Source.Dx()) / float64(s.window.Width),
		})
		l.part("smoothing", start)
		flow = b.smoother.FlowTime() - flow
		l.Parts["smoothing"] -= flow
		l.Parts["flow"] += flow
		return hand(items)
	})
	if err != nil {
		return err
	}
	if r.spec.Smoothing != SmoothOff {
		r.enter(Smoothing, r.result.Frames, "smoothing the last frames")
	}
	t.take()
	defer t.give()
	return hand(b.smoother.Flush())
}

func (r *run) compositor() (*composite.Compositor, error) {
	ops := r.engine.NewOps()
	r.closers = append(r.closers, ops.Close)
	info := &r.result.Input
	return composite.New(ops, composite.Options{
		Width:   info.FrameWidth(),
		Height:  info.FrameHeight(),
		Colour:  r.decode().Colour(*info),
		Erode:   r.spec.ErodeKernel,
		Feather: r.spec.Feather,
	})
}

// encoding says how the output's picture is written.
func (r *run) encoding() media.Encode {
	info := &r.result.Input
	return media.Encode{
		Width:     info.FrameWidth(),
		Height:    info.FrameHeight(),
		TimeBase:  info.TimeBase,
		FrameRate: info.FrameRate,
		Aspect:    info.Aspect,
		Colour:    r.decode().Colour(*info),
		Codec:     r.spec.Codec,
		CRF:       r.spec.CRF,
		Preset:    r.spec.Preset,
	}
}

// outputSink opens what pass 2 writes to.
func (r *run) outputSink(ctx context.Context) (Encoder, error) {
	if !r.spec.SingleFrame {
		return r.sink(ctx, pictureName, r.encoding())
	}
	r.result.OutputFile = outputPNG
	info := r.result.Input
	info.Colour = r.decode().Colour(info)
	return r.pictureSink(ctx, outputPNG, info)
}

// save joins the new picture with the sound and everything else of the input,
// and looks at what came out.
func (r *run) save(ctx context.Context) error {
	name := r.result.OutputFile
	if !r.spec.SingleFrame {
		name = outputName
		if err := r.mux(ctx, name); err != nil {
			return err
		}
	}
	out, err := r.spec.Work.Open(name)
	if err != nil {
		return err
	}
	defer out.Close()
	if r.result.Output, err = r.engine.Video.Probe(ctx, out); err != nil {
		return fmt.Errorf("look at the result: %w", err)
	}
	r.result.OutputFile = name
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endStage(time.Now())
	return nil
}

func (r *run) mux(ctx context.Context, name string) error {
	picture, err := r.spec.Work.Open(pictureName)
	if err != nil {
		return err
	}
	defer picture.Close()
	out, err := r.create(name)
	if err != nil {
		return err
	}
	warnings, err := r.engine.Video.Mux(ctx, out, picture, r.spec.Input, r.result.Input)
	if err != nil {
		return err
	}
	r.warn(warnings...)
	return r.spec.Work.Remove(pictureName)
}
