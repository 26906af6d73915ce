package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"uredit/pipeline/crop"
	"uredit/pipeline/fault"
	"uredit/pipeline/pix2pix"
	"uredit/pipeline/preset"
	"uredit/pipeline/segment"
)

// Names of the files in Spec.Work.
const (
	runsName   = "masks.runs" // pass 1's masks
	outputName = "output.mp4"
	maskName   = "mask.mp4"
	outputPNG  = "output.png"
	maskPNG    = "mask.png"
)

// run is one edit on its way. Its methods are the steps of Engine.Edit, in
// order.
type run struct {
	engine *Engine
	spec   Spec
	result Result

	detector *segment.Detector
	editor   *pix2pix.Editor
	masks    *segment.Masks
	cuts     []int // first frame of each shot but the first
	windows  *crop.Plan
	views    *stock[*views]
	eroded   int // frames whose mask the erosion took away
	closers  []func() error

	maskKey     string // what the masks depend on; "" where nothing is sealed
	sealedMasks string // sha256 of the sealed masks
	segmentKey  string // what segments depend on; "" where none is sealed
	done        []segmentFacts
	continues   Continuation

	mu     sync.Mutex // guards what follows, and the result's stages and warnings
	report func(Progress)
	stage  Stage
}

// probe reads what the input is and opens the models, which may take long.
func (r *run) probe(ctx context.Context) error {
	r.enter(Extracting, 0, "reading the input")
	info, err := r.engine.Video.Probe(ctx, r.spec.Input)
	if err != nil {
		return err
	}
	r.result.Input = info
	r.warn(info.Warnings...)
	if err := r.suits(); err != nil {
		return err
	}
	r.send(Progress{Stage: Extracting, Total: r.total(), Message: "loading the models", Input: &r.result.Input})
	if r.detector, r.editor, err = r.engine.models(ctx, &r.spec); err != nil {
		return err
	}
	r.warn(r.editor.Warnings()...)
	// Before the masks of a long video are made, not after.
	if err := r.editor.Check(r.spec.EditPrompt); err != nil {
		return err
	}
	return ctx.Err()
}

// suits refuses what the request cannot mean: inputs of another kind than its
// mode, presets that there are not. It says what it changes in the others.
func (r *run) suits() error {
	if r.result.Input.Image && !r.spec.SingleFrame {
		return fault.New(fault.InputUnsupported, "set mode: single_frame to edit a picture",
			fmt.Errorf("%s is a picture, not a video", r.spec.InputName))
	}
	if p := r.spec.EditPreset; p != "" && p != preset.UREdit {
		return fault.New(fault.InputUnsupported, "leave preset out, or write "+preset.UREdit, fmt.Errorf("preset %q is unknown", p))
	}
	if i := &r.result.Input; !r.spec.SingleFrame && (i.Width != i.FrameWidth() || i.Height != i.FrameHeight()) {
		r.warn(fmt.Sprintf("the input's %dx%d samples are written as %dx%d, since 4:2:0 video has even sizes only; the last column or row is repeated",
			i.Width, i.Height, i.FrameWidth(), i.FrameHeight()))
	}
	return nil
}

// plan lays the editor's window through every shot.
func (r *run) plan(context.Context) error {
	info := &r.result.Input
	plan, err := crop.New(r.masks.Boxes(), r.cuts, crop.Options{
		Width:    info.FrameWidth(),
		Height:   info.FrameHeight(),
		Padding:  r.spec.CropPadding,
		EditSize: max(r.spec.EditSize, r.editor.Multiple()),
		Multiple: r.editor.Multiple(),
	})
	r.windows = plan
	return err
}

// total is the number of frames that the edit will have, as far as it is known.
func (r *run) total() int {
	n := r.result.Input.Frames
	switch {
	case r.spec.SingleFrame:
		return 1
	case r.spec.MaxFrames > 0 && (n == 0 || n > r.spec.MaxFrames):
		return r.spec.MaxFrames
	}
	return n
}

// enter begins a stage and ends the one before.
func (r *run) enter(s Stage, total int, message string) {
	r.mu.Lock()
	if r.stage != s {
		now := time.Now()
		r.endStage(now)
		r.stage = s
		r.result.Stages = append(r.result.Stages, StageTime{Stage: s, Started: now})
	}
	r.mu.Unlock()
	r.send(Progress{Stage: s, Total: total, Message: message})
}

// endStage notes the end of the stage at hand. The caller holds r.mu.
func (r *run) endStage(now time.Time) {
	if n := len(r.result.Stages); n > 0 && r.result.Stages[n-1].Ended.IsZero() {
		r.result.Stages[n-1].Ended = now
	}
}

// send passes progress on, one report at a time, and never one of a stage that
// is over.
func (r *run) send(p Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.Stage != r.stage {
		return
	}
	if n := len(r.result.Stages); n > 0 {
		r.result.Stages[n-1].Frames = max(r.result.Stages[n-1].Frames, p.Frame)
	}
	if r.report != nil {
		r.report(p)
	}
}

func (r *run) warn(sentences ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range sentences {
		if !slices.Contains(r.result.Warnings, s) {
			r.result.Warnings = append(r.result.Warnings, s)
		}
	}
}

// fail gives an error its stage and, where it has none, its code.
func (r *run) fail(ctx context.Context, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endStage(time.Now())
	if cause := context.Cause(ctx); cause != nil {
		// Whatever a step says of an edit that was ended from outside, that it
		// was ended is the reason.
		err = cause
	}
	f := *fault.Of(err)
	f.Err = err
	f.Stage = string(r.stage)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		f.Code = fault.Cancelled
	case f.Code == fault.Internal && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)):
		f.Code, f.Retryable, f.Hint = fault.DiskFull, true, "make room where output_dir lies"
	}
	return &f
}

// create makes a file in the working directory.
func (r *run) create(name string) (*os.File, error) {
	f, err := createIn(r.spec.Work, name)
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, f.Close)
	return f, nil
}

// close frees what the steps left open. Their own errors came earlier.
func (r *run) close() {
	for i := len(r.closers) - 1; i >= 0; i-- {
		_ = r.closers[i]()
	}
}
