package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"uredit/daemon/dispatch"
	"uredit/daemon/job"
	"uredit/daemon/report"
	"uredit/daemon/spool"
	"uredit/pipeline"
	"uredit/pipeline/fault"
)

// An Engine edits videos on one device. Its models stay loaded between jobs.
type Engine interface {
	// Device names the device: "cpu", "cuda:0".
	Device() string
	// Edit runs one edit, and returns when nothing of it is left running. The
	// error is an *fault.Error, or wraps one.
	Edit(ctx context.Context, spec pipeline.Spec, progress func(pipeline.Progress)) (pipeline.Result, error)
	// Models returns the models that an edit of spec uses: their files and the
	// sha256 of each.
	Models(spec pipeline.Spec) map[string]string
	// Provider names what computes, so far as it shows in what comes out: the
	// execution provider and the kind of device, the same for equal cards.
	Provider() string
}

// Spec turns a request into what the pipeline takes, without the open files
// (Input, Work). An error is a *job.Error.
func Spec(r *job.Request, m Models) (pipeline.Spec, error) {
	editor, err := m.editor(r)
	if err != nil {
		return pipeline.Spec{}, err
	}
	segmenter, err := m.segmenter(r)
	if err != nil {
		return pipeline.Spec{}, err
	}
	smoothing := pipeline.SmoothOff
	if r.ApplySmoothing {
		smoothing = r.Smoothing // the request's words are the pipeline's
	}
	boxes, err := r.MaskBoxes.Rectangles()
	if err != nil {
		return pipeline.Spec{}, &job.Error{Code: job.CodeInvalidRequest, Key: "mask_boxes", Message: err.Error()}
	}
	return pipeline.Spec{
		InputName: r.InputVideoPath, SegmenterModel: segmenter, EditorModel: editor,
		MaskPrompt: r.MaskPrompt, MaskNegative: r.MaskNegativePrompt, Instances: string(r.Instances), MaskBoxes: boxes,
		MaxObjects: r.MaxObjects, AcrossCuts: r.AcrossCuts, EditPrompt: r.EditPrompt, NegativePrompt: r.NegativePrompt,
		SingleFrame: r.Mode == job.SingleFrame, FrameIndex: r.FrameIndex, MaxFrames: r.MaxFrames, Steps: r.NumInferenceSteps,
		GuidanceScale: r.GuidanceScale, ImageGuidanceScale: r.ImageGuidanceScale, EditPreset: r.Preset, Scheduler: r.Scheduler, Seed: r.Seed,
		ErodeKernel: r.ErodeKernel, Feather: r.Feather, CropPadding: r.CropPadding, EditSize: r.EditSize, Smoothing: smoothing,
		SmoothingWindow: r.SmoothingWindow, SmoothingAlpha: r.SmoothingAlpha, Codec: r.VideoCodec, CRF: r.VideoCRF,
		Preset: r.VideoPreset, ToneMap: r.HDR == "tonemap",
	}, nil
}

// runner runs claimed jobs on one engine. It implements dispatch.Runner.
type runner struct {
	daemon *Daemon
	engine Engine
	now    atCurrent
}

// Device implements dispatch.Runner.
func (r *runner) Device() string { return r.engine.Device() }

// attempt runs the edit and says in the output directory how it ended. The spool
// learns of it afterwards, and never the opposite: a result that was published
// but could not be announced is announced by whoever rolls the job forward.
func (r *runner) attempt(ctx context.Context, w *work, a *attempt, in *os.File) ending {
	d := r.daemon
	began := time.Now().Truncate(time.Millisecond) // as records have it
	result, failure := a.edit(ctx, r.engine, &w.request, d.models, in, d.at)
	defer func() { d.measure(a.rep.Stages(), began) }()
	a.keepMasks(ctx)
	end := r.judge(ctx, w, failure)
	if ctx.Err() == nil { // else it was ended by somebody
		d.observeEnd(failure)
	}
	if end.left {
		return end
	}
	err := d.insist(w, passing, func() error { return a.tell(end, result) })
	if err == nil {
		return end
	}
	d.log.Warn("tell of an attempt's end in output_dir", "job", w.claim.Job, "err", err)
	if w.claim.Committed {
		return ending{left: true}
	}
	return end
}

// edit runs an engine on in and publishes what it made; that the job is finished
// remains to be said. A panic of the engine is an error of this job. at is told
// of the points behind each.
func (a *attempt) edit(ctx context.Context, e Engine, r *job.Request, m Models, in *os.File, at func(string)) (made report.Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			p := &dispatch.PanicError{Value: v, Stack: debug.Stack()}
			a.rep.Logger().Error("the engine broke", "panic", v, "stack", string(p.Stack))
			err = p
		}
	}()
	spec, err := Spec(r, m)
	if err != nil {
		return made, err
	}
	spec.Input, spec.Work = in, a.work
	models := e.Models(spec)
	a.rep.Models(models)
	p := &progress{attempt: a, request: r}
	result, err := p.make(ctx, e, spec, models)
	if err != nil {
		return made, err
	}
	at("edited")
	if made, err = p.publish(result, at); err == nil {
		at("published")
	}
	return made, err
}

// make takes an earlier job's result over, or else runs the engine.
func (p *progress) make(ctx context.Context, e Engine, spec pipeline.Spec, models map[string]string) (*product, error) {
	info, err := spec.Input.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at the input: %w", err)
	}
	before := stampOf(info)
	use := p.attempt.reuse
	if use != nil {
		p.attempt.rep.Stage(job.Extracting, 0, 0, "reading the input")
		if err := use.look(ctx, spec.Input, before, models, e.Provider()); err != nil {
			return nil, err
		}
	}
	if made := use.result(ctx, spec.Work); made != nil {
		p.replay(made, use.answer)
		return made, unchanged(spec.Input, before, p.request)
	}
	p.attempt.takeMasks(ctx)
	if p.attempt.commit != nil { // else no other attempt follows
		spec.Attempt, spec.Origin = p.attempt.number, p.attempt.origin(&spec, before, models)
		spec.Origin.Provider = e.Provider()
	}
	result, err := e.Edit(ctx, spec, func(q pipeline.Progress) {
		p.report(q)
		p.attempt.pause(ctx, job.State(q.Stage), q.Frame, q.Total, q.Message)
	})
	if known := fault.Of(err).Code; ctx.Err() == nil && (err == nil || known == fault.InputUnreadable || known == fault.Internal) {
		if changed := unchanged(spec.Input, before, p.request); changed != nil {
			return nil, changed
		}
	}
	if err != nil {
		return nil, err
	}
	return &product{Output: result.OutputFile, Mask: result.MaskFile, Input: p.input, Probe: encode(result.Output),
		Frames: result.Frames, Warnings: result.Warnings, States: p.states}, nil
}

// report takes a report of the pipeline.
func (p *progress) report(q pipeline.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rep := p.attempt.rep
	if q.Input != nil {
		p.input = encode(q.Input)
		rep.Input(p.input)
	}
	if s := job.State(q.Stage); !slices.Contains(p.states, s) {
		p.states = append(p.states, s)
	}
	if c := q.Continues; c != nil {
		p.attempt.continues(c.Attempt, c.Segments, c.Frame, c.Total, c.Left)
		if c.Mixed {
			p.attempt.reuse.forget()
		}
	}
	rep.Stage(job.State(q.Stage), q.Frame, q.Total, q.Message)
	if q.MaskFile != "" {
		p.err = errors.Join(p.err, p.publishMask(q.MaskFile))
	}
}

// origin says what the files of an edit depend on. Where a model's files are not
// known for certain it is not complete, and no attempt uses another's files. The
// input is known by its hash where the cache had to read all of it, else by its
// size and time.
func (a *attempt) origin(spec *pipeline.Spec, input stamp, hashes map[string]string) pipeline.Origin {
	return pipeline.Origin{
		Input:     cmp.Or(a.reuse.input(), fmt.Sprintf("%d bytes of %d", input.size, input.mtime.UnixNano())),
		Segmenter: modelIdentity("sam3/", spec.SegmenterModel, hashes),
		Editor:    modelIdentity("pix2pix/", spec.EditorModel, hashes),
		Versions:  list(a.versions),
	}
}

// sealedOf returns those of names that may be files of sealed parts: masks are
// what the first pass found, all has the second one's segments too.
func sealedOf(names []string) (masks, all []string) {
	masks, segments := pipeline.SealedFiles(names)
	return masks, slices.Concat(masks, segments)
}

// judge decides what an attempt's error means for its job.
func (r *runner) judge(ctx context.Context, w *work, failure error) ending {
	cause := context.Cause(ctx)
	cancelled, byUser := errors.AsType[*cancelledError](cause)
	known := fault.Of(failure)
	switch {
	case failure == nil:
		return ending{}
	case w.claim.Committed:
		r.daemon.log.Warn("publish a result; will be tried again", "job", w.claim.Job, "err", failure)
		return ending{left: true}
	case errors.Is(failure, spool.ErrLost), errors.Is(cause, errTaken):
		return ending{again: errTaken.Error()} // said to nobody: the attempt is shut out
	case errors.Is(cause, errDrained):
		return ending{again: "its host is drained; the job goes on elsewhere, or when that is over"}
	case errors.Is(cause, errSilent):
		return ending{again: "its host lost the spool for a while; the job is tried again"}
	case byUser:
		return ending{why: &job.Error{Code: job.CodeCancelled, Message: cancelled.Error(), Err: failure}}
	case errors.Is(cause, dispatch.ErrDrained):
		return ending{again: "the daemon stopped; the job goes on when it is back"}
	case known.Code == fault.DeviceFault && r.Device() != "cpu":
		mark := spool.Suspect
		if r.daemon.dispatcher.Running() == 1 {
			mark = spool.Crashed
		}
		if mark == spool.Suspect || w.claim.Crashes+1 < spool.MaxCrashes {
			return ending{again: "the device failed; the job is tried again", mark: mark, err: fmt.Errorf("%w: %w", ErrDevice, failure)}
		}
		return ending{why: explain(failure), err: fmt.Errorf("%w: %w", ErrDevice, failure)}
	}
	return r.daemon.verdict(w, explain(failure))
}

// explain turns an error into what users read.
func explain(failure error) *job.Error {
	if e, ok := errors.AsType[*job.Error](failure); ok {
		return e
	}
	if p, ok := errors.AsType[*dispatch.PanicError](failure); ok {
		return &job.Error{Code: job.CodeInternal, Message: p.Error(), Err: p, Hint: "the log of the job has the stack; please report it"}
	}
	known := fault.Of(failure)
	e := &job.Error{Code: known.Code, Stage: job.State(known.Stage), Message: failure.Error(), Hint: known.Hint, Retryable: known.Retryable, Err: failure}
	if known.Code != fault.Internal {
		return e
	}
	switch {
	case errors.Is(failure, syscall.ENOSPC), errors.Is(failure, syscall.EDQUOT):
		e.Code, e.Hint, e.Retryable = fault.DiskFull, "free some space where the results go, then try again", true
	case errors.Is(failure, syscall.EACCES), errors.Is(failure, syscall.EROFS), errors.Is(failure, syscall.ENOENT):
		e.Code, e.Hint = fault.OutputUnwritable, "is the directory of the results still there, and may it be written in?"
	}
	return e
}

// blamesHost reports whether an error speaks of this host, not of the job.
func blamesHost(e *job.Error) bool {
	return e.Code == fault.DeviceMemory || e.Code == fault.ToolMissing || e.Code == fault.DeviceFault && e.Retryable
}

// mayPass reports whether a job that ended in an error is tried again by itself.
// A full disk and ffmpeg that is missing or was killed may pass as well, but not
// soon and not alone: whoever submitted the job is told at once, can do something
// about it, and runs it again with uredit retry. Until there is room no other
// job begins.
func mayPass(e *job.Error) bool {
	switch e.Code {
	case job.CodeDiskFull, fault.ToolMissing, fault.ToolFailed:
		return false
	case fault.DeviceMemory:
		return true
	}
	return e.Retryable
}
