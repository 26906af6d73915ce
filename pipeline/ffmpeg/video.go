package ffmpeg

import (
	"context"
	"os"

	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

// Video is a Tool whose Decode and Encode return interfaces of the caller. It
// makes a Tool satisfy an interface that this package need not import:
//
//	var v pipeline.Video = ffmpeg.Video[pipeline.Decoder, pipeline.Encoder]{Tool: tool}
//
// D and E must be interfaces that *Decoder and *Encoder implement.
type Video[D decoder, E encoder] struct{ *Tool }

// decoder and encoder make a mismatch of Video's arguments a compile error.
type decoder interface {
	Read(f *frame.Frame) error
	ReadRGB(dst []byte) (pts int64, err error)
	Close() error
	Warnings() []string
}

type encoder interface {
	Write(f *frame.Frame) error
	Close() error
}

// Decode is Tool.Decode.
func (v Video[D, E]) Decode(ctx context.Context, in *os.File, info media.Info, d media.Decode) (D, error) {
	dec, err := v.Tool.Decode(ctx, in, info, d)
	if err != nil {
		var none D
		return none, err
	}
	return any(dec).(D), nil
}

// Encode is Tool.Encode.
func (v Video[D, E]) Encode(ctx context.Context, out *os.File, e media.Encode) (E, error) {
	enc, err := v.Tool.Encode(ctx, out, e)
	if err != nil {
		var none E
		return none, err
	}
	return any(enc).(E), nil
}
