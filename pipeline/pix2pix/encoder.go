package pix2pix

import (
	"context"
	"fmt"

	"uredit/pipeline/tensor"
)

// textEncoder is the network from token ids to one vector for each token.
type textEncoder struct {
	graph
	ids, mask  tensor.Info // mask has no name where the graph takes none
	hidden     tensor.Info
	useMask    bool // keep the padding out, as the checkpoint's config says
	hiddenSize int  // from that config, 0 where it does not say
}

func (g graph) textEncoder() (e textEncoder, err error) {
	e.graph = g
	inputs := g.model.Inputs()
	for _, i := range inputs {
		if i.Name == "attention_mask" {
			e.mask = i
		}
	}
	e.ids, err = port{"the token ids", []string{"input_ids"}, []int{2}, isInteger}.find(inputs)
	if err != nil {
		return e, g.invalid(err)
	}
	if err := g.onlyInputs(e.ids.Name, "attention_mask"); err != nil {
		return e, g.invalid(err)
	}
	e.hidden, err = port{"the hidden states", []string{"last_hidden_state"}, []int{3}, isFloat}.find(g.model.Outputs())
	if err != nil {
		return e, g.invalid(err)
	}
	return e, nil
}

// encode returns the hidden states of one text, tokens by width. width is what
// is known of it before, for networks in half precision, or 0.
func (e textEncoder) encode(ctx context.Context, ids, attention []int64, width int) ([]float32, int, error) {
	shape := []int64{1, int64(len(ids))}
	in := []*tensor.Tensor{{Name: e.ids.Name, Shape: shape, I64: ids}}
	if e.mask.Name != "" {
		in = append(in, e.attention(shape, attention))
	}
	out := &tensor.Tensor{Name: e.hidden.Name}
	if width > 0 {
		out.Shape = []int64{1, int64(len(ids)), int64(width)}
	}
	if err := e.model.Run(ctx, in, []*tensor.Tensor{out}); err != nil {
		return nil, 0, fmt.Errorf("encode the prompt: %w", err)
	}
	if len(out.Shape) != 3 || out.Shape[0] != 1 || int(out.Shape[1]) != len(ids) || tensor.Len(out.Shape) != len(out.F32) {
		return nil, 0, e.invalid(fmt.Errorf("hidden states of shape %v for %d tokens", out.Shape, len(ids)))
	}
	return out.F32, int(out.Shape[2]), nil
}

// attention returns the mask input. Stable Diffusion's text encoder sees the
// padding as it sees words, so the mask is all ones unless the config says
// otherwise.
func (e textEncoder) attention(shape []int64, attention []int64) *tensor.Tensor {
	mask := &tensor.Tensor{Name: e.mask.Name, Shape: shape}
	for _, a := range attention {
		if !e.useMask {
			a = 1
		}
		if e.mask.Type == tensor.Bool {
			mask.Bool = append(mask.Bool, a != 0)
		} else {
			mask.I64 = append(mask.I64, a)
		}
	}
	return mask
}
