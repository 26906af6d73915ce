package pix2pix

import (
	"context"
	"fmt"
	"slices"

	"uredit/pipeline/fault"
	"uredit/pipeline/tensor"
)

// defaultScaling is the scaling_factor of Stable Diffusion's VAE.
const defaultScaling = 0.18215

// coarse is the number of latent samples that sizes must be a multiple of in a
// UNet that was traced at an even size: it halves them three times and cannot
// double an odd size back.
const coarse = 8

// probe runs each network once on something small and learns from the shapes
// what the graphs leave open.
func (e *Editor) probe(ctx context.Context, dir string) error {
	var vaeConfig struct {
		Scaling  *float32 `json:"scaling_factor"`
		Channels int      `json:"latent_channels"`
	}
	for _, name := range []string{"vae/config.json", "vae_encoder/config.json", "vae_decoder/config.json"} {
		if err := readConfig(dir, name, &vaeConfig); err != nil {
			return err
		}
	}
	e.scaling = value(vaeConfig.Scaling, defaultScaling)
	if !(e.scaling > 0) {
		return invalidConfig(dir, "vae_decoder/config.json", fmt.Errorf("scaling_factor is %v", e.scaling))
	}
	var unetConfig struct {
		In  int `json:"in_channels"`
		Out int `json:"out_channels"`
	}
	if err := readConfig(dir, "unet/config.json", &unetConfig); err != nil {
		return err
	}
	e.channels = firstPositive(e.unet.noise.Shape[1], e.toPicture.in.Shape[1], int64(unetConfig.Out), int64(vaeConfig.Channels))
	if err := e.probeEncoder(ctx); err != nil {
		return err
	}
	if in := firstPositive(e.unet.sample.Shape[1], int64(unetConfig.In)); in != 0 && in != 2*e.channels {
		return fault.New(fault.ModelInvalid, "use an InstructPix2Pix checkpoint, for example an export of timbrooks/instruct-pix2pix",
			fmt.Errorf("load %s: this is not an InstructPix2Pix UNet: expected %d input channels (%d of the noisy latents, %d of the picture's), found %d",
				e.unet.path, 2*e.channels, e.channels, e.channels, in))
	}
	if err := e.probeDecoder(ctx); err != nil {
		return err
	}
	return e.probeUNet(ctx)
}

// firstPositive returns the first number that is known, or 0.
func firstPositive(numbers ...int64) int {
	for _, n := range numbers {
		if n > 0 {
			return int(n)
		}
	}
	return 0
}

// probeEncoder finds the VAE's factor, and whether its encoder returns the
// parameters of a distribution or values drawn from it.
func (e *Editor) probeEncoder(ctx context.Context) error {
	const side = 64 // pixels, a multiple of every factor in use
	parameters := e.toLatents.out.Name == "latent_parameters"
	channels := e.toLatents.out.Shape[1]
	if channels < 1 {
		channels = int64(e.channels)
		if parameters {
			channels *= 2
		}
	}
	var guesses [][]int64
	for _, factor := range []int64{8, 4, 2, 16, 1} {
		guesses = append(guesses, []int64{1, channels, side / factor, side / factor})
	}
	shape, err := e.toLatents.probe(ctx, []int64{1, 3, side, side}, guesses...)
	if err != nil {
		return err
	}
	c := int(shape[1])
	if e.channels == 0 { // nothing but the name tells
		if e.channels = c; parameters {
			e.channels = c / 2
		}
	}
	if shape[2] < 1 || shape[2] != shape[3] || side%shape[2] != 0 || c != e.channels && c != 2*e.channels {
		return e.toLatents.invalid(fmt.Errorf("%s has the shape %v for a picture of %d by %d; expected %d or %d channels, height and width divided by one factor",
			e.toLatents.out.Name, shape, side, side, e.channels, 2*e.channels))
	}
	e.factor = side / int(shape[2])
	if e.sampled = c == e.channels; e.sampled {
		e.warnings = append(e.warnings,
			"the model's vae_encoder draws its latents at random, so that equal jobs differ; export it with latent_parameters as its output")
	}
	return nil
}

// probeDecoder checks that the decoder is the encoder's.
func (e *Editor) probeDecoder(ctx context.Context) error {
	const side = 8 // latent samples
	want := []int64{1, 3, int64(side * e.factor), int64(side * e.factor)}
	shape, err := e.toPicture.probe(ctx, []int64{1, int64(e.channels), side, side}, want)
	if err != nil {
		return err
	}
	if !slices.Equal(shape, want) {
		return e.toPicture.invalid(fmt.Errorf("%s has the shape %v, expected %v", e.toPicture.out.Name, shape, want))
	}
	return nil
}

// probeUNet finds the sizes that the UNet takes: any, or multiples of coarse.
func (e *Editor) probeUNet(ctx context.Context) error {
	ids, attention, _ := e.tokenizer.Encode("", e.tokens)
	known := firstPositive(e.encoder.hidden.Shape[2], e.unet.text.Shape[2], int64(e.encoder.hiddenSize))
	hidden, width, err := e.encoder.encode(ctx, ids, attention, known)
	if err != nil {
		return e.encoder.invalid(err)
	}
	tokens, values := e.unet.text.Shape[1], e.unet.text.Shape[2]
	if tokens > 0 && int(tokens) != e.tokens || values > 0 && int(values) != width {
		return e.unet.invalid(fmt.Errorf("the text encoder gives %d tokens of %d values, which does not fit %s",
			e.tokens, width, describe(e.unet.text)))
	}
	e.width = width
	odd := e.tryUNet(ctx, hidden, width, 9, 11)
	if odd == nil {
		e.multiple = e.factor
		return nil
	}
	if err := e.tryUNet(ctx, hidden, width, coarse, 2*coarse); err != nil {
		return e.unet.invalid(err)
	}
	e.multiple = coarse * e.factor
	return nil
}

// tryUNet runs the UNet on zeros, two rows of them because sessions use more
// than one.
func (e *Editor) tryUNet(ctx context.Context, hidden []float32, width, h, w int) error {
	const rows = 2
	sample := &tensor.Tensor{Name: e.unet.sample.Name, Shape: []int64{rows, int64(2 * e.channels), int64(h), int64(w)}}
	sample.F32 = make([]float32, tensor.Len(sample.Shape))
	prompt := &tensor.Tensor{Name: e.unet.text.Name, Shape: []int64{rows, int64(e.tokens), int64(width)}}
	prompt.F32 = slices.Concat(hidden, hidden)
	want := []int64{rows, int64(e.channels), int64(h), int64(w)}
	out := &tensor.Tensor{Name: e.unet.noise.Name, Shape: slices.Clone(want)}
	in := []*tensor.Tensor{sample, e.unet.timesteps(rows), prompt}
	if err := e.unet.model.Run(ctx, in, []*tensor.Tensor{out}); err != nil {
		return fmt.Errorf("run on %s %v: %w", sample.Name, sample.Shape, err)
	}
	if !slices.Equal(out.Shape, want) {
		return fmt.Errorf("%s has the shape %v, expected %v", out.Name, out.Shape, want)
	}
	return nil
}
