package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"uredit/pipeline/fault"
	"uredit/pipeline/ffmpeg/nut"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

// pipeSize is what an unprivileged process may ask for. A large pipe lets the
// decoder run ahead by a frame or so.
const pipeSize = 1 << 20

// Decoder delivers the frames of one video. It is used by one goroutine.
type Decoder struct {
	proc   *process
	stdout io.ReadCloser
	nut    *nut.Reader // nil until the first frame is asked for
	info   media.Info
	asked  media.Decode

	// A tick of the pipe is mul/div ticks of the input's time base.
	mul, div int64

	count    int
	last     int64
	err      error // once the stream has ended
	warnings []string
}

// Decode starts reading frames of in as d says. info is Probe's answer for the
// same file. HDR without tone mapping has the code fault.InputUnsupported.
func (t *Tool) Decode(ctx context.Context, in *os.File, info media.Info, d media.Decode) (*Decoder, error) {
	if info.HDR {
		switch {
		case !d.ToneMap:
			return nil, fault.New(fault.InputUnsupported, "hdr: tonemap",
				fmt.Errorf("the input is HDR (%s); editing it as it is would wash out its colours", info.Colour.Transfer))
		case !t.zscale:
			return nil, fault.New(fault.InputUnsupported, "use an ffmpeg built with libzimg, as Debian's is, or convert the input to SDR first",
				errors.New("this ffmpeg has no zscale filter, which tone mapping needs"))
		}
	}
	if err := regular(in); err != nil {
		return nil, err
	}
	if info.TimeBase.Num <= 0 || info.TimeBase.Den <= 0 {
		return nil, fmt.Errorf("decode: time base %d/%d", info.TimeBase.Num, info.TimeBase.Den)
	}
	dec := &Decoder{info: info, asked: d, last: -1}
	proc, err := t.start(ctx, t.ffmpeg, decodeArgs(info, d), []*os.File{in}, func(c *exec.Cmd) (err error) {
		dec.stdout, err = c.StdoutPipe()
		return err
	})
	if err != nil {
		return nil, err
	}
	dec.proc = proc
	if f, ok := dec.stdout.(*os.File); ok {
		enlarge(f)
	}
	return dec, nil
}

// enlarge asks for a larger pipe. A refusal costs only speed.
func enlarge(pipe *os.File) {
	if raw, err := pipe.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
	}
}

// Read fills f, whose size is the even size of the info, with the next frame,
// its Index and its PTS. After the last frame the error is io.EOF; a damaged
// file ends early and says so in Warnings.
func (d *Decoder) Read(f *frame.Frame) error {
	if d.asked.RGBWidth > 0 {
		return errors.New("decode: Read from a decoder that was asked for RGB")
	}
	if f.Width != d.info.FrameWidth() || f.Height != d.info.FrameHeight() || len(f.Pix) != frame.Size(f.Width, f.Height) {
		return fmt.Errorf("decode: frame of %dx%d for a video of %dx%d", f.Width, f.Height, d.info.Width, d.info.Height)
	}
	w, h := d.info.Width, d.info.Height
	chroma := (f.Width / 2) * (f.Height / 2)
	pts, err := d.next(w*h + 2*chroma)
	if err != nil {
		return err
	}
	if w == f.Width && h == f.Height {
		_, err = io.ReadFull(d.nut, f.Pix)
	} else {
		err = readOdd(d.nut, f, w, h)
	}
	if err != nil {
		return d.finish(fmt.Errorf("read frame %d: %w", d.count, err))
	}
	f.Index, f.PTS = d.count, pts
	d.count++
	return nil
}

// ReadRGB fills dst, which holds RGBWidth*RGBHeight pixels of three bytes, with
// the next frame and returns its PTS; it ends as Read does.
func (d *Decoder) ReadRGB(dst []byte) (pts int64, err error) {
	size := d.asked.RGBWidth * d.asked.RGBHeight * 3
	if len(dst) != size || size == 0 {
		return 0, fmt.Errorf("decode: %d bytes for an RGB frame of %d", len(dst), size)
	}
	if pts, err = d.next(size); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(d.nut, dst); err != nil {
		return 0, d.finish(fmt.Errorf("read frame %d: %w", d.count, err))
	}
	d.count++
	return pts, nil
}

// readOdd fills f from a picture of w by h samples, repeating its last column
// and row of luma where that is odd; chroma covers the even size already.
func readOdd(r io.Reader, f *frame.Frame, w, h int) error {
	y := f.Y()
	for row := range h {
		line := y.Row(row)
		if _, err := io.ReadFull(r, line[:w]); err != nil {
			return err
		}
		if w < len(line) {
			line[w] = line[w-1]
		}
	}
	if h < y.Height {
		copy(y.Row(h), y.Row(h-1))
	}
	_, err := io.ReadFull(r, f.Pix[f.Width*f.Height:])
	return err
}

// next goes to the next frame, which must have size bytes.
func (d *Decoder) next(size int) (pts int64, err error) {
	if d.err != nil {
		return 0, d.err
	}
	if d.nut == nil {
		if err := d.readHeader(); err != nil {
			return 0, d.finish(err)
		}
	}
	ticks, n, err := d.nut.Next()
	if err != nil {
		return 0, d.finish(err)
	}
	if n != size {
		return 0, d.finish(fmt.Errorf("frame %d has %d bytes instead of %d", d.count, n, size))
	}
	// Damaged files repeat times; whoever comes next needs them to grow.
	pts = max((ticks*d.mul+d.div/2)/d.div, d.last+1)
	d.last = pts
	return pts, nil
}

func (d *Decoder) readHeader() error {
	r, err := nut.NewReader(d.stdout)
	if err != nil {
		return err
	}
	from, to := r.Header().TimeBase, d.info.TimeBase
	d.mul, d.div = from.Num*to.Den, from.Den*to.Num
	for a, b := d.mul, d.div; ; a, b = b, a%b {
		if b == 0 {
			d.mul, d.div = d.mul/a, d.div/a
			break
		}
	}
	d.nut = r
	return nil
}

// finish ends the process after the stream ended with err and returns what all
// later reads return.
func (d *Decoder) finish(err error) error {
	whole := errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
	alive := !whole && !errors.Is(err, io.ErrUnexpectedEOF) // and what it says makes no sense
	if alive {
		d.proc.stop()
	}
	_ = d.stdout.Close()
	exit := d.proc.wait()
	switch e, own := errors.AsType[*exitError](exit); {
	case exit != nil && !own:
		d.err = exit // cancelled
	case d.count == 0 && whole && (exit == nil || !e.signalled()):
		d.err = d.nothing(exit)
	case exit != nil && !alive:
		d.err = failed(fmt.Errorf("decode after %d frames: %w", d.count, exit))
	case !whole:
		d.err = fault.New(fault.ToolFailed, "", fmt.Errorf("decode after %d frames: %w", d.count, err))
	default:
		d.err = io.EOF
		d.warn()
	}
	return d.err
}

// nothing is the fault of an input without a single frame.
func (d *Decoder) nothing(exit error) error {
	if exit == nil && d.asked.First > 0 {
		return fault.New(fault.InputUnreadable, "ask for an earlier frame",
			fmt.Errorf("the video ends before frame %d", d.asked.First))
	}
	err := errors.New("no frame of the video stream can be decoded")
	if exit != nil {
		err = fmt.Errorf("%w: %w", err, exit)
	} else if lines := withoutNames(d.proc.stderr.lines()); len(lines) > 0 {
		err = fmt.Errorf("%w: %s", err, lines[len(lines)-1])
	}
	return fault.New(fault.InputUnreadable, "the file is damaged or incomplete", err)
}

// warn notes that the decoder complained or that frames are missing.
func (d *Decoder) warn() {
	if lines := withoutNames(d.proc.stderr.lines()); len(lines) > 0 {
		d.warnings = append(d.warnings, fmt.Sprintf(
			"the input is damaged: %d frames could be decoded; ffmpeg says: %s", d.count, lines[len(lines)-1]))
		return
	}
	want := d.info.Frames - d.asked.First
	if d.asked.Max > 0 {
		want = min(want, d.asked.Max)
	}
	if d.count < want*9/10 {
		d.warnings = append(d.warnings, fmt.Sprintf(
			"the input ends early: %d frames of about %d could be decoded", d.count, want))
	}
}

// Close ends the decoder, also in the middle of the video.
func (d *Decoder) Close() error {
	_ = d.stdout.Close()
	d.proc.stop()
	if d.err == nil {
		d.err = fmt.Errorf("decode: %w", os.ErrClosed)
	}
	return nil
}

// Warnings returns sentences for the user; they are complete after io.EOF.
func (d *Decoder) Warnings() []string { return d.warnings }
