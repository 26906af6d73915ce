package pipeline

import (
	"context"
	"fmt"
	"time"

	"uredit/pipeline/crop"
	"uredit/pipeline/frame"
	"uredit/pipeline/pix2pix"
	"uredit/pipeline/preset"
)

// urEdit returns the method of the preset "ur-edit": each frame alone in a crop
// of its own, with noise of its own, and the mean of whole frames over time.
// Where the model's own demands are other ones, a warning says so.
func (r *run) urEdit() (method, error) {
	params := r.params()
	params.Noise = pix2pix.NoiseTorchStream
	if params.Scheduler == "" {
		params.Scheduler = pix2pix.EulerAncestral
	}
	const multiple = 8
	o := preset.Options{
		Width: r.result.Input.FrameWidth(), Height: r.result.Input.FrameHeight(),
		Colour: r.decode().Colour(r.result.Input),
		Erode:  r.spec.ErodeKernel, Radius: r.spec.Feather, Padding: r.spec.CropPadding,
		EditSize: r.spec.EditSize, Multiple: multiple,
	}
	if m := r.editor.Multiple(); multiple%m != 0 {
		o.Multiple, o.EditSize = m, max(m, o.EditSize)
		r.warn(fmt.Sprintf("the model takes multiples of %d samples only: preset %s rounds pictures down to those, not to multiples of %d", m, preset.UREdit, multiple))
	}
	ops := r.engine.NewOps()
	r.closers = append(r.closers, ops.Close)
	view, err := preset.NewView(ops, o)
	if err != nil {
		return method{}, err
	}
	colours, err := preset.NewColours(o.Colour, o.Width, o.Height)
	if err != nil {
		return method{}, err
	}
	window := r.spec.SmoothingWindow
	if r.spec.Smoothing == SmoothOff {
		window = 1
	}
	return method{
		params:  params,
		prepare: r.urView(view),
		blend:   &urPaste{colours: colours, mean: preset.NewMean(window, r.spec.SmoothingAlpha)},
	}, nil
}

// urView returns the step that gives a frame its crop and the editor's picture
// of it.
func (r *run) urView(view *preset.View) func(context.Context, *frameEdit) error {
	mask := frame.NewPlane(r.result.Input.FrameWidth(), r.result.Input.FrameHeight())
	return func(ctx context.Context, f *frameEdit) error {
		i := f.frame.Index
		if i >= r.masks.Len() {
			return fmt.Errorf("the input has more frames in the second pass than the first pass' %d", r.masks.Len())
		}
		if err := r.masks.Next(mask); err != nil {
			return err
		}
		f.eroded = false
		if f.picture == nil {
			f.picture = &preset.Picture{}
		}
		if !view.Take(f.picture, f.frame, mask) {
			f.eroded = !r.masks.Boxes()[i].Empty()
			return nil
		}
		p := f.picture
		f.window = crop.Window{Source: p.Crop, Width: p.Width, Height: p.Height}
		var err error
		if f.views, err = r.views.get(ctx); err != nil {
			return err
		}
		f.views.resize(p.Width, p.Height)
		return view.Source(f.views.source, p)
	}
}

// urPaste brings edits back into their frames and takes the mean over time.
type urPaste struct {
	colours *preset.Colours
	mean    *preset.Mean
	held    []*frameEdit // frames that the mean holds, oldest first
}

// delay implements blending.
func (b *urPaste) delay() int { return b.mean.Delay() }

// run implements blending.
func (b *urPaste) run(ctx context.Context, r *run, l *Lane, t turn, in <-chan *frameEdit, out chan<- *frameEdit) error {
	return spread(ctx, l, t, in, out, func(f *frameEdit, emit func(*frameEdit) error) error {
		start := time.Now()
		if f.views != nil {
			if err := preset.Paste(f.picture, f.views.edited); err != nil {
				return err
			}
			r.views.put(f.views)
			f.views = nil
		}
		start = l.part("pixels", start)
		b.held = append(b.held, f)
		done := b.mean.Push(f.picture)
		l.part("smoothing", start)
		return b.hand(done, emit)
	}, func(emit func(*frameEdit) error) error {
		if r.spec.Smoothing != SmoothOff {
			r.enter(Smoothing, r.result.Frames, "smoothing the last frames")
		}
		return b.hand(b.mean.Flush(), emit)
	})
}

// hand puts pictures that are complete into their frames and hands those on.
func (b *urPaste) hand(pictures []*preset.Picture, emit func(*frameEdit) error) error {
	for _, p := range pictures {
		f := b.held[0]
		b.held = b.held[:copy(b.held, b.held[1:])]
		b.colours.Planes(f.frame, p.RGB)
		if err := emit(f); err != nil {
			return err
		}
	}
	return nil
}
