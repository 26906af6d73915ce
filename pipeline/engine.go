package pipeline

import (
	"context"

	"uredit/pipeline/frame"
	"uredit/pipeline/pix2pix"
	"uredit/pipeline/segment"
	"uredit/pipeline/tensor"
)

// Engine edits videos on one device. The models of an edit stay loaded until an
// edit uses others, or their files have changed. One goroutine uses an Engine at a
// time; another device has another Engine.
type Engine struct {
	Video Video
	// NewOps makes the pixel operations of one step; each step has its own.
	NewOps func() frame.Ops
	// Load opens a graph on the engine's device.
	Load tensor.Loader
	// SegmenterModel and EditorModel are the folders of the models that are
	// used when a Spec names none. An error of theirs is returned when needed.
	SegmenterModel func() (string, error)
	EditorModel    func() (string, error)
	// Fits, if set, is asked before graphs are loaded whose files hold so many
	// bytes; an error of its ends the edit.
	Fits func(bytes int64) error
	// Warm makes the editor run once for every size of picture before the first
	// frame is edited: on a card the first run with a size takes far longer than
	// those after it, and the rest of the pass would wait.
	Warm bool
	// Batch is how many frames go through the editor's UNet at once where its
	// graph allows it; 0 counts as 1. More make a card busier and need more of
	// its memory; a processor gains nothing.
	Batch int
	// SegmentFrames is how many frames are encoded, and sealed, together; 0 counts
	// as 120.
	SegmentFrames int
	// Serial makes the steps of a pass take turns, so that each can be measured
	// alone. It is for benchmarks.
	Serial bool

	segmenter kept[*segment.Detector]
	editor    kept[*pix2pix.Editor]
}

// Edit runs one edit from the input to the files in spec.Work. It reports
// progress from several goroutines, one report at a time. An error is a
// *fault.Error with its stage; of what the edit left in spec.Work then only
// SealedFiles are of use, to another Edit of the same Spec: it goes on after
// the last segment that they hold, and its frames are those of an edit that was
// never ended.
func (e *Engine) Edit(ctx context.Context, spec Spec, report func(Progress)) (Result, error) {
	r := &run{engine: e, spec: spec, report: report}
	defer r.close()
	for _, step := range []func(context.Context) error{
		r.probe,     // what is in the input, which models
		r.findMasks, // pass 1
		r.plan,      // where the editor looks
		r.edit,      // pass 2
		r.save,      // sound, tags, what came out
	} {
		if err := step(ctx); err != nil {
			return r.result, r.fail(ctx, err)
		}
	}
	return r.result, nil
}
