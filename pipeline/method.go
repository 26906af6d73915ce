package pipeline

import (
	"context"

	"uredit/pipeline/pix2pix"
	"uredit/pipeline/preset"
)

// method is how frames are shown to the editor and how its edits come back.
type method struct {
	params  pix2pix.Params
	prepare func(context.Context, *frameEdit) error // gives a frame its views
	blend   blending
}

// blending is the step that brings edits back into their frames.
type blending interface {
	// delay is how many frames are held at most.
	delay() int
	// run takes edited frames from in and hands them on, in order.
	run(ctx context.Context, r *run, l *Lane, t turn, in <-chan *frameEdit, out chan<- *frameEdit) error
}

// method returns the program's own method, or the preset's.
func (r *run) method() (m method, err error) {
	if r.spec.EditPreset == preset.UREdit {
		return r.urEdit()
	}
	m.params = r.params()
	if m.prepare, err = r.preparation(); err != nil {
		return method{}, err
	}
	m.blend, err = r.blending()
	return m, err
}

// params are the request's parameters of the editor.
func (r *run) params() pix2pix.Params {
	return pix2pix.Params{
		Prompt:             r.spec.EditPrompt,
		Negative:           r.spec.NegativePrompt,
		Steps:              r.spec.Steps,
		GuidanceScale:      r.spec.GuidanceScale,
		ImageGuidanceScale: r.spec.ImageGuidanceScale,
		Scheduler:          r.spec.Scheduler,
		Seed:               r.spec.Seed,
	}
}
