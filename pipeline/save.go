package pipeline

import (
	"context"
	"fmt"
	"time"

	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

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
		Fields:    info.Fields,
		Codec:     r.spec.Codec,
		CRF:       r.spec.CRF,
		Preset:    r.spec.Preset,
	}
}

// outputSink opens what pass 2 writes to: what follows the segments that are
// done.
func (r *run) outputSink(ctx context.Context) (Encoder, error) {
	if !r.spec.SingleFrame {
		return r.segmentSink(ctx)
	}
	r.result.OutputFile = outputPNG
	info := r.result.Input
	info.Colour = r.decode().Colour(info)
	return r.pictureSink(ctx, outputPNG, info)
}

// maskSink opens what the mask preview is written to.
func (r *run) maskSink(ctx context.Context) (Encoder, error) {
	e := r.encoding()
	e.CRF = max(e.CRF, 12) // a mask needs no lossless encoder
	e.Colour = media.Colour{Matrix: "bt709", Primaries: "bt709", Transfer: "bt709", Range: "tv"}
	e.Fields = ""
	if !r.spec.SingleFrame {
		r.result.MaskFile = maskName
		return r.sink(ctx, maskName, e)
	}
	r.result.MaskFile = maskPNG
	info := r.result.Input
	info.Colour = e.Colour
	return r.pictureSink(ctx, maskPNG, info)
}

// sink opens an encoder on a new file in the working directory.
func (r *run) sink(ctx context.Context, name string, e media.Encode) (Encoder, error) {
	out, err := r.create(name)
	if err != nil {
		return nil, err
	}
	return r.engine.Video.Encode(ctx, out, e)
}

// pictureSink opens a new PNG in the working directory.
func (r *run) pictureSink(ctx context.Context, name string, info media.Info) (Encoder, error) {
	out, err := r.create(name)
	if err != nil {
		return nil, err
	}
	return &picturesOf{write: func(f *frame.Frame) error {
		return r.engine.Video.WritePNG(ctx, out, f, info)
	}}, nil
}

// picturesOf is an Encoder of one picture.
type picturesOf struct{ write func(*frame.Frame) error }

func (p *picturesOf) Write(f *frame.Frame) error { return p.write(f) }
func (p *picturesOf) Close() error               { return nil }

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
	r.send(Progress{Stage: Saving, Frame: r.result.Frames, Total: r.result.Frames})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endStage(time.Now())
	return nil
}

func (r *run) mux(ctx context.Context, name string) error {
	out, err := r.create(name)
	if err != nil {
		return err
	}
	warnings, err := r.engine.Video.Mux(ctx, out, parts(r.spec.Work, r.done), r.spec.Input, r.result.Input)
	if err != nil {
		return err
	}
	r.warn(warnings...)
	return nil
}
