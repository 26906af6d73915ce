package pipeline

import (
	"context"
	"errors"
	"io"
)

// picture is what pass 1 reads: a frame as packed R, G, B bytes.
type picture struct {
	rgb []byte
	pts int64
}

// pictures are the frames of the input in the segmenter's size.
type pictures struct {
	*stock[*picture] // where a picture goes when it was seen
	ready            <-chan *picture
	decoder          Decoder
}

// pictures starts the steps that read the input for the segmenter. A filter that
// must be exact is a step of its own; else the decoder stretches.
func (r *run) pictures(ctx context.Context, p *pass) (*pictures, error) {
	info, size := &r.result.Input, r.detector.ImageSize()
	d := r.decode()
	d.RGBWidth, d.RGBHeight = r.detector.PictureSize(info.Width, info.Height)
	decoder, err := r.engine.Video.Decode(ctx, r.spec.Input, *info, d)
	if err != nil {
		return nil, err
	}
	p.closes(decoder)
	// One for each of two steps and one between: getting one never waits.
	seen := newStock(3, newPicture(size, size))
	read := make(chan *picture, 1)
	decode := func(from *stock[*picture], to chan<- *picture) {
		decoding := p.lane("decode")
		p.group.Go(func() error {
			return produce(ctx, decoding, p.turn, to, from.get, func(c *picture) (more bool, err error) {
				c.pts, err = decoder.ReadRGB(c.rgb)
				return hasMore(err)
			})
		})
	}
	stretch, err := r.detector.Stretcher(d.RGBWidth, d.RGBHeight)
	if err != nil {
		return nil, err
	}
	if stretch == nil {
		decode(seen, read)
		return &pictures{seen, read, decoder}, nil
	}
	whole := newStock(3, newPicture(d.RGBWidth, d.RGBHeight))
	stretched := make(chan *picture, 1)
	decode(whole, read)
	stretching := p.lane("stretch")
	p.group.Go(func() error {
		return each(ctx, stretching, p.turn, read, stretched, func(c *picture) (*picture, error) {
			defer whole.put(c)
			to, err := seen.get(ctx)
			if err != nil {
				return nil, err
			}
			stretch.Run(to.rgb, c.rgb)
			to.pts = c.pts
			return to, nil
		})
	})
	return &pictures{seen, stretched, decoder}, nil
}

func newPicture(w, h int) func() *picture {
	return func() *picture { return &picture{rgb: make([]byte, 3*w*h)} }
}

// hasMore tells the end of the input from a failure to read it.
func hasMore(err error) (bool, error) {
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, err
}
