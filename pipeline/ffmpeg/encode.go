package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"

	"uredit/pipeline/fault"
	"uredit/pipeline/ffmpeg/nut"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

// Encoder writes frames to one file. It is used by one goroutine. Cancelling
// the context of Encode ends it without a usable file.
type Encoder struct {
	proc  *process
	stdin io.WriteCloser
	nut   *nut.Writer
	asked media.Encode
	count int
	last  int64
	err   error
	done  bool
}

// Encode starts writing frames to out, an MP4 with a video stream only. Times
// are kept exactly: a first frame later than 0 becomes a late start.
func (t *Tool) Encode(ctx context.Context, out *os.File, e media.Encode) (*Encoder, error) {
	if err := t.checkEncode(e); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	enc := &Encoder{asked: e, last: -1}
	proc, err := t.start(ctx, t.ffmpeg, encodeArgs(e), []*os.File{out}, func(c *exec.Cmd) (err error) {
		enc.stdin, err = c.StdinPipe()
		return err
	})
	if err != nil {
		return nil, err
	}
	enc.proc = proc
	enc.nut, err = nut.NewWriter(enc.stdin, nut.Header{
		FourCC: nut.I420, Width: e.Width, Height: e.Height,
		TimeBase: nut.Rational(e.TimeBase), Aspect: nut.Rational(e.Aspect), FrameRate: nut.Rational(e.FrameRate),
	})
	if err != nil {
		return nil, enc.fail(err)
	}
	return enc, nil
}

func (t *Tool) checkEncode(e media.Encode) error {
	switch {
	case e.Width <= 0 || e.Height <= 0 || e.Width%2 != 0 || e.Height%2 != 0:
		return fmt.Errorf("size %dx%d is not even", e.Width, e.Height)
	case e.TimeBase.Num <= 0 || e.TimeBase.Den <= 0 || e.TimeBase.Num > math.MaxInt32 || e.TimeBase.Den > math.MaxInt32/2:
		return fmt.Errorf("time base %d/%d", e.TimeBase.Num, e.TimeBase.Den)
	case e.Codec != "h264" && e.Codec != "hevc":
		return fmt.Errorf("codec %q is neither h264 nor hevc", e.Codec)
	case e.CRF < 0 || e.CRF > 51:
		return fmt.Errorf("CRF %d is not in 0..51", e.CRF)
	case e.Codec == "hevc" && !t.hevc:
		return fault.New(fault.ToolMissing, "use h264, or an ffmpeg built with libx265", errors.New("this ffmpeg has no encoder libx265"))
	}
	return nil
}

// Write encodes one frame. Its PTS is not negative and greater than the one
// before. The frame is the caller's again when Write returns.
func (e *Encoder) Write(f *frame.Frame) error {
	switch {
	case e.err != nil:
		return e.err
	case e.done:
		return fmt.Errorf("encode: %w", os.ErrClosed)
	case f.Width != e.asked.Width || f.Height != e.asked.Height || len(f.Pix) != frame.Size(f.Width, f.Height):
		return fmt.Errorf("encode frame %d: size %dx%d instead of %dx%d", e.count, f.Width, f.Height, e.asked.Width, e.asked.Height)
	case f.PTS <= e.last:
		return fmt.Errorf("encode frame %d: time %d does not come after %d", e.count, f.PTS, e.last)
	}
	if err := e.nut.WriteFrame(f.PTS, f.Pix); err != nil {
		return e.fail(err)
	}
	e.last = f.PTS
	e.count++
	return nil
}

// Close flushes the encoder and returns when the file is complete. It may be
// called again and then returns the same.
func (e *Encoder) Close() error {
	if e.done || e.err != nil {
		return e.err
	}
	e.done = true
	if err := e.stdin.Close(); err != nil {
		return e.fail(err)
	}
	if err := e.proc.complete(); err != nil {
		e.err = failed(fmt.Errorf("encode after %d frames: %w", e.count, err))
		return e.err
	}
	if e.count == 0 {
		e.err = errors.New("encode: no frames")
	}
	return e.err
}

// fail is called when the pipe broke: the process says why.
func (e *Encoder) fail(err error) error {
	_ = e.stdin.Close()
	exit := e.proc.complete()
	if exit == nil {
		exit = err
	}
	e.err = failed(fmt.Errorf("encode after %d frames: %w", e.count, exit))
	return e.err
}

// complete waits for a process that writes a file. ffmpeg leaves with status 0
// when only the end of the file, where an MP4's index is, could not be written;
// what it says then counts as its failure.
func (p *process) complete() error {
	if err := p.wait(); err != nil {
		return err
	}
	lines := p.stderr.lines()
	if says(lines, "No space left on device", "Disk quota exceeded", "Error writing trailer", "Error closing file", "Input/output error") {
		return &exitError{program: p.name, stderr: lines, err: errors.New("the output is incomplete")}
	}
	return nil
}
