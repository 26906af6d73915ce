package pipeline

import (
	"context"
	"image"

	"uredit/pipeline/crop"
	"uredit/pipeline/pix2pix"
)

// batch is the step that lets the network edit frames, several at once. Which
// frames go together depends on their numbers and windows only, not on what is
// ready: another composition would round differently.
type batch struct {
	run      *run
	session  *pix2pix.Session
	lane     *Lane
	size     int
	frames   []*frameEdit // that wait, in order
	pictures []pix2pix.Picture
	window   crop.Window // of the pictures
}

// batchSize is how many frames go through the UNet at once.
func (r *run) batchSize(s *pix2pix.Session) int {
	if !s.Batches() {
		return 1
	}
	return max(1, r.engine.Batch)
}

// warm runs the editor once for each size of picture that the video will have. A
// preset has sizes of its own, one for each frame if need be.
func (r *run) warm(ctx context.Context, s *pix2pix.Session, size int) error {
	if !r.engine.Warm || r.spec.EditPreset != "" {
		return nil
	}
	r.send(Progress{Stage: Editing, Total: r.result.Frames, Message: "warming up"})
	seen := map[image.Point]bool{}
	for i, box := range r.masks.Boxes() {
		w := r.windows.Window(i)
		if at := image.Pt(w.Width, w.Height); !box.Empty() && !seen[at] {
			seen[at] = true
			if err := s.Warm(ctx, size, w.Width, w.Height); err != nil {
				return err
			}
		}
	}
	return nil
}

// add takes the next frame and edits those that wait once they are a batch: up
// to a frame whose number is the last of size, or whose successor has another
// window.
func (b *batch) add(ctx context.Context, f *frameEdit, emit func(*frameEdit) error) error {
	if f.views != nil {
		if len(b.pictures) > 0 && (f.window.Width != b.window.Width || f.window.Height != b.window.Height) {
			if err := b.edit(ctx, emit); err != nil {
				return err
			}
		}
		at := origin(f.window)
		b.window = f.window
		b.pictures = append(b.pictures, pix2pix.Picture{Source: f.views.source, Edited: f.views.edited, X: at.X, Y: at.Y})
	}
	b.frames = append(b.frames, f)
	if f.frame.Index%b.size < b.size-1 {
		return nil
	}
	return b.edit(ctx, emit)
}

// edit edits the frames that wait and hands them on.
func (b *batch) edit(ctx context.Context, emit func(*frameEdit) error) error {
	if len(b.pictures) > 0 {
		if err := b.session.EditBatch(ctx, b.pictures, b.window.Width, b.window.Height); err != nil {
			return err
		}
		b.lane.Parts["networks"], b.lane.Parts["scheduler"], b.lane.Parts["noise"] = b.session.Times()
	}
	for _, f := range b.frames {
		// Frames leave the later steps some frames late; what is edited is counted
		// here.
		b.run.send(Progress{Stage: Editing, Frame: f.frame.Index + 1, Total: b.run.result.Frames})
		if err := emit(f); err != nil {
			return err
		}
	}
	b.frames, b.pictures = b.frames[:0], b.pictures[:0]
	return nil
}

// origin is the window's corner in samples of the editor's picture. It keys the
// noise, so that the same place sees the same noise in every frame.
func origin(w crop.Window) image.Point {
	scale := float64(w.Width) / float64(w.Source.Dx())
	return image.Pt(int(float64(w.Source.Min.X)*scale), int(float64(w.Source.Min.Y)*scale))
}
