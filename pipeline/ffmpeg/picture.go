package ffmpeg

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"

	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

// WritePNG writes f to out as an 8-bit RGB picture of the shown size of info,
// read with the matrix and range of info's colour.
func (t *Tool) WritePNG(ctx context.Context, out *os.File, f *frame.Frame, info media.Info) error {
	if f.Width != info.FrameWidth() || f.Height != info.FrameHeight() || len(f.Pix) != frame.Size(f.Width, f.Height) {
		return fmt.Errorf("write picture: frame of %dx%d for a video of %dx%d", f.Width, f.Height, info.Width, info.Height)
	}
	p, err := t.start(ctx, t.ffmpeg, pngArgs(f.Width, f.Height, info), []*os.File{out}, func(c *exec.Cmd) error {
		c.Stdin = bytes.NewReader(f.Pix)
		return nil
	})
	if err != nil {
		return err
	}
	if err := p.complete(); err != nil {
		return failed(fmt.Errorf("write picture: %w", err))
	}
	return nil
}
