package pipeline

import (
	"context"
	"time"

	"uredit/pipeline/composite"
	"uredit/pipeline/frame"
	"uredit/pipeline/smooth"
)

// blender brings edits back into their frames.
type blender struct {
	ops        frame.Ops
	compositor *composite.Compositor
	smoother   *smooth.Smoother
	shelf      *frame.Shelf // of residuals; the smoother's too
	held       []*frameEdit // frames that the smoother holds, oldest first
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
		Shelf:   &frame.Shelf{},
	}
	if r.spec.Smoothing == SmoothOff {
		o.Window = 1
	}
	ops := r.engine.NewOps()
	r.closers = append(r.closers, ops.Close)
	smoother, err := smooth.New(ops, o)
	return &blender{ops: ops, compositor: compositor, smoother: smoother, shelf: o.Shelf}, err
}

// delay implements blending.
func (b *blender) delay() int { return b.smoother.Delay() }

// run takes edited frames, smooths their residuals in time, and hands on the
// frames with the edit pasted in.
func (b *blender) run(ctx context.Context, r *run, l *Lane, t turn, in <-chan *frameEdit, out chan<- *frameEdit) error {
	return spread(ctx, l, t, in, out, func(f *frameEdit, emit func(*frameEdit) error) error {
		start := time.Now()
		if f.views != nil {
			f.patch.Residual = b.shelf.Take()
			b.compositor.Residual(f.patch, f.views.edited, f.views.source, f.window.Source, f.window.Width, f.window.Height)
			r.views.put(f.views)
			f.views = nil
		}
		start = l.part("pixels", start)
		b.held = append(b.held, f)
		flow := b.smoother.FlowTime()
		items := b.smoother.Push(smooth.Item{
			Frame: f.frame, Patch: f.patch, Cut: f.cut,
			Window: f.window.Source, Scale: float64(f.window.Source.Dx()) / float64(f.window.Width),
		})
		l.part("smoothing", start)
		flow = b.smoother.FlowTime() - flow
		l.Parts["smoothing"] -= flow
		l.Parts["flow"] += flow
		return b.paste(items, emit)
	}, func(emit func(*frameEdit) error) error {
		if r.spec.Smoothing != SmoothOff {
			r.enter(Smoothing, r.result.Frames, "smoothing the last frames")
		}
		return b.paste(b.smoother.Flush(), emit)
	})
}

// paste puts the edits that are complete into their frames and hands them on.
func (b *blender) paste(items []smooth.Item, emit func(*frameEdit) error) error {
	for _, it := range items {
		f := b.held[0]
		b.held = b.held[:copy(b.held, b.held[1:])]
		it.Patch.Paste(b.ops, f.frame)
		b.shelf.Put(it.Patch.Residual)
		it.Patch.Residual = frame.Residual{}
		if err := emit(f); err != nil {
			return err
		}
	}
	return nil
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
