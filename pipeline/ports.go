package pipeline

import (
	"context"
	"os"

	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

// Video reads and writes files of moving pictures. The ffmpeg package
// implements it. Files are passed open, so that a name that changes meanwhile
// changes nothing.
type Video interface {
	// Probe says what is in the file, or why it cannot be edited.
	Probe(ctx context.Context, in *os.File) (media.Info, error)
	// Decode starts reading frames of in.
	Decode(ctx context.Context, in *os.File, info media.Info, d media.Decode) (Decoder, error)
	// Encode starts writing frames to out: an MP4 with a video stream only.
	Encode(ctx context.Context, out *os.File, e media.Encode) (Encoder, error)
	// Mux writes out from the video streams of parts, one after the other, and
	// everything else of source that MP4 can carry, ending with the last frame.
	// It returns sentences about what it had to leave or convert.
	Mux(ctx context.Context, out *os.File, parts media.Parts, source *os.File, info media.Info) (warnings []string, err error)
	// WritePNG writes one frame as a picture of the shown size of info.
	WritePNG(ctx context.Context, out *os.File, f *frame.Frame, info media.Info) error
}

// Decoder delivers frames in the order of presentation.
type Decoder interface {
	// Read fills f, its Index and PTS included; io.EOF after the last frame.
	Read(f *frame.Frame) error
	// ReadRGB fills dst (width*height*3) when media.Decode asked for RGB.
	ReadRGB(dst []byte) (pts int64, err error)
	// Close ends the decoder, also early. After io.EOF its warnings are
	// complete: a damaged file that ended early says so here.
	Close() error
	Warnings() []string
}

// Encoder takes frames in the order of presentation.
type Encoder interface {
	Write(f *frame.Frame) error
	// Close flushes and returns when the file is complete.
	Close() error
}
