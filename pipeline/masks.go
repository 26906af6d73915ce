package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
	"uredit/pipeline/segment"
)

// picture is what pass 1 reads: one frame as the segmenter wants it.
type picture struct {
	rgb []byte
	pts int64
}

// Levels of the mask preview: black and white of limited range.
const (
	previewBlack = 16
	previewWhite = 235
	grey         = 128
)

// findMasks is pass 1: decode → segment → link → runs → preview.
func (r *run) findMasks(ctx context.Context) error {
	prompt, err := r.detector.Prompt(ctx, r.spec.MaskPrompt)
	if err != nil {
		return err
	}
	if len(prompt.Cut) > 0 {
		r.warn(fmt.Sprintf("mask_prompt is too long for the segmenter; it did not see: %q", prompt.Cut))
	}
	size := r.detector.ImageSize()
	d := r.decode()
	d.RGBWidth, d.RGBHeight, d.RGBFilter = size, size, r.detector.Resize()
	group, ctx := errgroup.WithContext(ctx)
	decoder, err := r.engine.Video.Decode(ctx, r.spec.Input, r.result.Input, d)
	if err != nil {
		return err
	}
	defer decoder.Close()
	preview, err := r.maskSink(ctx)
	if err != nil {
		return err
	}
	defer preview.Close()
	if err := r.createMasks(); err != nil {
		return err
	}

	pictures := newStock(3, func() *picture { return &picture{rgb: make([]byte, size*size*3)} })
	frames := newStock(3, r.newPreview)
	t := r.turn()
	read, drawn := make(chan *picture, 1), make(chan *frame.Frame, 1)
	decoding, segmenting, encoding := r.lane(1, "decode"), r.lane(1, "segment"), r.lane(1, "encode mask")
	group.Go(func() error {
		return produce(ctx, decoding, t, read, pictures.get, func(p *picture) (more bool, err error) {
			p.pts, err = decoder.ReadRGB(p.rgb)
			if errors.Is(err, io.EOF) {
				return false, nil
			}
			return err == nil, err
		})
	})
	group.Go(func() error {
		segment := r.segmentation(ctx, prompt, segmenting)
		return each(ctx, segmenting, t, read, drawn, func(p *picture) (*frame.Frame, error) {
			f, err := frames.get(ctx)
			if err != nil {
				return nil, err
			}
			defer pictures.put(p)
			return f, segment(p, f)
		})
	})
	group.Go(func() error {
		err := consume(ctx, encoding, t, drawn, func(f *frame.Frame) error {
			defer frames.put(f)
			toPreview(f.Y().Pix)
			return preview.Write(f)
		})
		if err != nil {
			return err
		}
		return preview.Close()
	})
	if err := group.Wait(); err != nil {
		return err
	}
	r.warn(decoder.Warnings()...)
	return r.masksFound()
}

// segmentation returns the function that fills a frame's luma with the mask of
// a picture, 0 or 255, and notes it.
func (r *run) segmentation(ctx context.Context, prompt *segment.Prompt, l *Lane) func(*picture, *frame.Frame) error {
	var (
		linker segment.Linker
		cuts   cutFinder
		union  = segment.NewUnion(r.masks.Size())
		index  int
	)
	r.enter(Masking, r.total(), "finding "+r.spec.MaskPrompt)
	return func(p *picture, f *frame.Frame) error {
		start := time.Now()
		if cuts.next(p.rgb) {
			r.cuts = append(r.cuts, index)
			linker.Reset()
		}
		found, err := r.detector.Detect(ctx, p.rgb, prompt)
		if err != nil {
			return err
		}
		start = l.part("networks", start)
		objects := linker.Link(found)
		union.Draw(f.Y(), objects)
		if err := r.masks.Append(f.Y()); err != nil {
			return err
		}
		f.Index, f.PTS = index, p.pts
		index++
		l.part("pixels", start)
		r.result.Objects = linker.Count()
		if index == 1 {
			r.send(Progress{Stage: Masking, Frame: 1, Total: r.total()})
			r.enter(Propagating, r.total(), "following "+r.spec.MaskPrompt)
		} else {
			r.send(Progress{Stage: Propagating, Frame: index, Total: max(index, r.total())})
		}
		return nil
	}
}

// masksFound completes pass 1: what it found decides whether there is anything
// to edit.
func (r *run) masksFound() error {
	if err := r.masks.Flush(); err != nil {
		return err
	}
	n, empty := r.masks.Len(), r.masks.Empty()
	switch {
	case n == 0:
		return fault.New(fault.InputUnreadable, "", fmt.Errorf("%s: no frame could be decoded", r.spec.InputName))
	case empty == n:
		return fault.New(fault.NothingFound, "name something that is in the picture, in other or fewer words",
			fmt.Errorf("mask_prompt %q names nothing in any of %d frames", r.spec.MaskPrompt, n))
	case empty > 0:
		r.warn(fmt.Sprintf("mask_prompt %q names nothing in %d of %d frames; they are left as they are", r.spec.MaskPrompt, empty, n))
	}
	r.result.Frames, r.result.EmptyFrames = n, empty
	r.result.Input.Frames = n
	r.send(Progress{Stage: Propagating, Frame: n, Total: n, MaskFile: r.result.MaskFile})
	return nil
}

func (r *run) createMasks() error {
	f, err := r.create(runsName)
	if err != nil {
		return err
	}
	info := &r.result.Input
	r.masks, err = segment.CreateMasks(f, info.FrameWidth(), info.FrameHeight())
	return err
}

// newPreview makes a grey frame whose luma a mask will fill.
func (r *run) newPreview() *frame.Frame {
	f := frame.New(r.result.Input.FrameWidth(), r.result.Input.FrameHeight())
	for i := range f.Pix[f.Width*f.Height:] {
		f.Pix[f.Width*f.Height+i] = grey
	}
	return f
}

// toPreview turns a mask's samples, 0 or 255, into the preview's levels. Eight
// at a time: no sum leaves its byte.
func toPreview(mask []byte) {
	const (
		each   = 0x0101010101010101
		black  = previewBlack * each
		range8 = (previewWhite - previewBlack) * each
	)
	for len(mask) >= 8 {
		binary.NativeEndian.PutUint64(mask, black+binary.NativeEndian.Uint64(mask)&range8)
		mask = mask[8:]
	}
	for i, v := range mask {
		mask[i] = previewBlack + v&(previewWhite-previewBlack)
	}
}

// maskSink opens what the mask preview is written to.
func (r *run) maskSink(ctx context.Context) (Encoder, error) {
	e := r.encoding()
	e.CRF = max(e.CRF, 12) // a mask needs no lossless encoder
	e.Colour = media.Colour{Matrix: "bt709", Primaries: "bt709", Transfer: "bt709", Range: "tv"}
	if !r.spec.SingleFrame {
		r.result.MaskFile = maskName
		return r.sink(ctx, maskName, e)
	}
	r.result.MaskFile = maskPNG
	info := r.result.Input
	info.Colour = e.Colour
	return r.pictureSink(ctx, maskPNG, info)
}

// decode says how both passes read the input.
func (r *run) decode() media.Decode {
	d := media.Decode{Max: r.spec.MaxFrames, ToneMap: r.spec.ToneMap}
	if r.spec.SingleFrame {
		d.First, d.Max = r.spec.FrameIndex, 1
	}
	return d
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
