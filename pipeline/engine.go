package pipeline

import (
	"context"
	"fmt"
	"path/filepath"

	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/pix2pix"
	"uredit/pipeline/segment"
	"uredit/pipeline/tensor"
)

// Engine edits videos on one device. Networks stay loaded between edits. One
// goroutine uses it at a time; another device has another Engine.
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
	// Serial makes the steps of a pass take turns, so that each can be measured
	// alone. It is for benchmarks.
	Serial bool

	detectors map[string]*segment.Detector
	editors   map[string]*pix2pix.Editor
}

// Edit runs one edit from the input to the files in spec.Work. It reports
// progress from several goroutines, one report at a time. An error is a
// *fault.Error with its stage; whatever the edit left in spec.Work is then of
// no use.
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

// detector returns the segmenter of a folder, loaded on first use.
func (e *Engine) detector(folder string) (*segment.Detector, error) {
	folder, err := choose(folder, e.SegmenterModel)
	if err != nil {
		return nil, err
	}
	if d, ok := e.detectors[folder]; ok {
		return d, nil
	}
	d, err := segment.Open(folder, e.Load)
	if err != nil {
		return nil, fmt.Errorf("load segmenter: %w", err)
	}
	if e.detectors == nil {
		e.detectors = map[string]*segment.Detector{}
	}
	e.detectors[folder] = d
	return d, nil
}

// editor returns the editor of a folder, loaded on first use.
func (e *Engine) editor(folder string) (*pix2pix.Editor, error) {
	folder, err := choose(folder, e.EditorModel)
	if err != nil {
		return nil, err
	}
	if p, ok := e.editors[folder]; ok {
		return p, nil
	}
	p, err := pix2pix.Open(folder, e.Load)
	if err != nil {
		return nil, fmt.Errorf("load editor: %w", err)
	}
	if e.editors == nil {
		e.editors = map[string]*pix2pix.Editor{}
	}
	e.editors[folder] = p
	return p, nil
}

func choose(folder string, byDefault func() (string, error)) (string, error) {
	if folder != "" {
		return filepath.Clean(folder), nil
	}
	if byDefault == nil {
		return "", fault.New(fault.ModelMissing, "", fmt.Errorf("no model is configured"))
	}
	return byDefault()
}
