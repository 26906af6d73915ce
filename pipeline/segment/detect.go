package segment

import (
	"context"
	"fmt"
	"slices"

	"uredit/pipeline/frame"
	"uredit/pipeline/tensor"
)

// Prompt encodes a text. The last few are remembered. A text with words that the
// folder says it does not know is a fault of code UnknownWords.
func (d *Detector) Prompt(ctx context.Context, s string) (*Prompt, error) {
	for i, p := range d.prompts {
		if p.Text == s {
			copy(d.prompts[1:i+1], d.prompts[:i])
			d.prompts[0] = p
			return p, nil
		}
	}
	p, err := d.encode(ctx, s)
	if err != nil {
		return nil, err
	}
	if len(d.prompts) == maxPrompts {
		d.prompts = d.prompts[:maxPrompts-1]
	}
	d.prompts = slices.Insert(d.prompts, 0, p)
	return p, nil
}

func (d *Detector) encode(ctx context.Context, s string) (*Prompt, error) {
	if err := d.config.Vocabulary.Check("mask_prompt", s); err != nil {
		return nil, err
	}
	ids, attention, cut := d.tokenizer.Encode(s, d.textLen)
	shape := []int64{1, int64(d.textLen)}
	in := []*tensor.Tensor{{Name: idsName, Shape: shape, I64: ids}}
	if has(d.text.Inputs(), attentionName) {
		in = append(in, &tensor.Tensor{Name: attentionName, Shape: shape, I64: attention})
	}
	features := &tensor.Tensor{Name: featuresName}
	mask := &tensor.Tensor{Name: textMaskName}
	out := []*tensor.Tensor{features}
	if has(d.text.Outputs(), textMaskName) {
		out = append(out, mask)
	} else {
		mask.Shape, mask.Bool = shape, make([]bool, d.textLen)
		for i, a := range attention {
			mask.Bool[i] = a > 0
		}
	}
	if err := d.text.Run(ctx, in, out); err != nil {
		return nil, err
	}
	p := &Prompt{Text: s, Cut: cut}
	for _, t := range []*tensor.Tensor{features, mask} {
		if has(d.network.detector.Inputs(), t.Name) {
			p.tensors = append(p.tensors, t)
		}
	}
	return p, nil
}

// Detect returns the instances of p in a picture, in the order of the network's
// queries. rgb holds S by S packed R, G, B bytes, rows from the top. The result
// is valid until the next Detect.
func (d *Detector) Detect(ctx context.Context, rgb []byte, p *Prompt) ([]Detection, error) {
	if err := d.look(ctx, rgb); err != nil {
		return nil, err
	}
	found, err := d.ask(ctx, p)
	if err != nil {
		return nil, err
	}
	return d.masks.clean(found, d.config.Thresholds.HoleArea), nil
}

// look takes the picture in which ask finds things.
func (d *Detector) look(ctx context.Context, rgb []byte) error {
	image := d.network.image.F32
	if len(rgb) != len(image) {
		return fmt.Errorf("detect: picture of %d bytes, want %d by %d by 3", len(rgb), d.ImageSize(), d.ImageSize())
	}
	n := len(image) / 3
	red, green, blue := image[:n], image[n:2*n], image[2*n:]
	for i := range n {
		sample := rgb[3*i : 3*i+3]
		red[i] = d.levels[0][sample[0]]
		green[i] = d.levels[1][sample[1]]
		blue[i] = d.levels[2][sample[2]]
	}
	return d.network.look(ctx)
}

// ask returns the instances of p in the picture that was looked at, their masks
// as the network gave them. The result is valid until the next ask.
func (d *Detector) ask(ctx context.Context, p *Prompt) ([]Detection, error) {
	c, err := d.network.ask(ctx, p)
	if err != nil {
		return nil, err
	}
	d.found = d.found[:0]
	area := c.width * c.height
	for k, score := range c.scores {
		if !(score > d.config.Thresholds.Score) {
			continue
		}
		d.found = append(d.found, Detection{
			Score: score,
			Box:   [4]float32(c.boxes[4*k:]),
			Logits: frame.Plane32{
				Pix: c.masks[k*area : (k+1)*area : (k+1)*area], Stride: c.width, Width: c.width, Height: c.height,
			},
		})
	}
	return d.masks.suppress(d.found, d.config.Thresholds.NMS), nil
}
