package colours

import (
	"fmt"
	"math"

	"uredit/models"
	"uredit/models/bpe"
	"uredit/models/onnxfile"
)

// Sizes of the editor, as its configs give them.
const (
	promptLength  = 77
	latents       = 6 // four luma samples and two chroma of a 2 by 2 cell
	paintWidth    = 8 // channels of a token's embedding
	trainSteps    = 1000
	betaStart     = 0.00085
	betaEnd       = 0.012
	scalingFactor = 0.5
)

// The guidance scales at which the result is the repaint itself.
const (
	textScale  = 9.0
	imageScale = 1.5
)

// Channels of a token's embedding. A token that names a colour has isColour 1
// and the colour's paint; every token that is not start or end has isWord 1.
const (
	isColour = iota
	isWord
	paintLuma
	paintCb
	paintCr
	paintBelow
	paintAbove
)

// editor is what the graphs of one are made from.
type editor struct {
	palette    []colour
	vocabulary bpe.Vocabulary
	detail     float32
	finish     Finish
}

// latents is the number of channels that the editor works in: a cell's own, then
// those of the finish.
func (e editor) latents() int { return latents + e.finish.Channels }

// width is the number of channels of a token's embedding: the paint, then weight
// and vector of the finish, where there is one.
func (e editor) width() int {
	if e.finish.Channels == 0 {
		return paintWidth
	}
	return paintWidth + 1 + e.finish.Channels
}

// promptEncoder returns the graph that gives each token its embedding.
func (e editor) promptEncoder() ops {
	g := newGraph("text_encoder")
	v, width := e.vocabulary, e.width()
	ids := g.Input("input_ids", onnxfile.Int64, fmt.Sprint("batch ", promptLength))
	table := make([]float32, len(v.Tokens)*width)
	for id, token := range v.Tokens {
		if token != bpe.StartOfText && token != bpe.EndOfText {
			table[id*width+isWord] = 1
		}
	}
	for name, w := range e.finish.Words {
		copy(table[v.Word(name)*width+paintWidth:], append([]float32{w.weight()}, w.Vector...))
	}
	for _, c := range e.palette {
		p := paintOf(c.target)
		for _, w := range c.words {
			row := table[v.Word(w)*width:]
			row[isColour], row[paintLuma] = 1, float32(p.luma)
			row[paintCb], row[paintCr] = float32(p.cb), float32(p.cr)
			row[paintBelow], row[paintAbove] = float32(p.below), float32(p.above)
		}
	}
	embedding := g.Floats([]int64{int64(len(v.Tokens)), int64(width)}, table...)
	g.Output("last_hidden_state", onnxfile.Float32, fmt.Sprint("batch ", promptLength, " ", width),
		g.gather(embedding, ids, 0))
	return g
}

// vaeEncoder returns the graph from a picture to its cells. With R, G, B in
// -1..1 the first four latents are the luma of the cell's samples in reading
// order, the next two the mean of its chroma, those of the finish 0; the second
// half is the logarithm of a variance that is as good as none.
func (e editor) vaeEncoder() ops {
	g := newGraph("vae_encoder")
	picture := g.Input("sample", onnxfile.Float32, "batch 3 height width")
	n := e.latents()
	weights := make([]float32, 2*n*3*4)
	at := func(out, in, sample int) *float32 { return &weights[(out*3+in)*4+sample] }
	for in := range 3 {
		var unit rgb
		unit[in] = 1
		cb, cr := unit.chroma()
		for sample := range 4 {
			*at(sample, in, sample) = float32(unit.luma())
			*at(4, in, sample) = float32(cb / 4)
			*at(5, in, sample) = float32(cr / 4)
		}
	}
	bias := make([]float32, 2*n)
	for i := n; i < 2*n; i++ {
		bias[i] = -30
	}
	moments := g.OpAttr("Conv", []onnxfile.Attr{onnxfile.IntsAttr("strides", 2, 2)},
		picture, g.Floats([]int64{int64(2 * n), 3, 2, 2}, weights...), g.Floats([]int64{int64(2 * n)}, bias...))
	g.Output("latent_parameters", onnxfile.Float32, fmt.Sprint("batch ", 2*n, " latent_height latent_width"), moments)
	return g
}

// vaeDecoder returns the inverse of vaeEncoder: each sample of a cell gets its
// own luma and the cell's chroma. The finish draws on that picture.
func (e editor) vaeDecoder() (ops, error) {
	g := newGraph("vae_decoder")
	all := g.Input("latent_sample", onnxfile.Float32, fmt.Sprint("batch ", e.latents(), " latent_height latent_width"))
	cells := all
	if e.finish.Channels > 0 {
		cells = g.channels(all, 0, latents)
	}
	fromCb := rgb{0, -2 * lumaBlue * (1 - lumaBlue) / lumaGreen, 2 * (1 - lumaBlue)}
	fromCr := rgb{2 * (1 - lumaRed), -2 * lumaRed * (1 - lumaRed) / lumaGreen, 0}
	weights := make([]float32, latents*3*4)
	at := func(in, out, sample int) *float32 { return &weights[(in*3+out)*4+sample] }
	for out := range 3 {
		for sample := range 4 {
			*at(sample, out, sample) = 1
			*at(4, out, sample) = float32(fromCb[out])
			*at(5, out, sample) = float32(fromCr[out])
		}
	}
	picture := g.OpAttr("ConvTranspose", []onnxfile.Attr{onnxfile.IntsAttr("strides", 2, 2)},
		cells, g.Floats([]int64{latents, 3, 2, 2}, weights...))
	picture, err := e.finish.draw(g, picture, all)
	g.Output("sample", onnxfile.Float32, "batch 3 height width", picture)
	return g, err
}

// sigmas returns the noise of each training step: sqrt((1-ā)/ā).
func sigmas() []float32 {
	var table []float32
	product := 1.0
	for i := range trainSteps {
		root := math.Sqrt(betaStart) + (math.Sqrt(betaEnd)-math.Sqrt(betaStart))*float64(i)/(trainSteps-1)
		product *= 1 - float64(root*root) // not fused, as in multiply
		table = append(table, float32(math.Sqrt((1-product)/product)))
	}
	return table
}

// part returns the files of the editor, a diffusers folder, and its graphs'
// signatures.
func (e editor) part() (*part, error) {
	p := newPart()
	decoder, err := e.vaeDecoder()
	if err != nil {
		return nil, err
	}
	p.graph("text_encoder/model.onnx", e.promptEncoder())
	p.graph("unet/model.onnx", e.unet())
	p.graph("vae_encoder/model.onnx", e.vaeEncoder())
	p.graph("vae_decoder/model.onnx", decoder)
	for name, data := range e.vocabulary.Files(promptLength) {
		p.files["tokenizer/"+name] = data
	}
	for name, config := range e.configs() {
		p.files[name] = models.EncodeJSON(config)
	}
	return p, nil
}

// configs returns the JSON files that diffusers puts beside its models.
func (e editor) configs() map[string]map[string]any {
	v, n := e.vocabulary, e.latents()
	start, end := v.ID(bpe.StartOfText), v.ID(bpe.EndOfText)
	vae := map[string]any{
		"_class_name": "AutoencoderKL", "in_channels": 3, "out_channels": 3, "latent_channels": n,
		// Two blocks: the picture is halved once.
		"block_out_channels": []int{n, n}, "scaling_factor": scalingFactor,
	}
	return map[string]map[string]any{
		"model_index.json": {
			"_class_name":  "StableDiffusionInstructPix2PixPipeline",
			"scheduler":    []string{"diffusers", "EulerDiscreteScheduler"},
			"text_encoder": []string{"transformers", "CLIPTextModel"},
			"tokenizer":    []string{"transformers", "CLIPTokenizer"},
			"unet":         []string{"diffusers", "UNet2DConditionModel"},
			"vae":          []string{"diffusers", "AutoencoderKL"},
		},
		"scheduler/scheduler_config.json": {
			"_class_name": "EulerDiscreteScheduler", "beta_start": betaStart, "beta_end": betaEnd,
			"beta_schedule": "scaled_linear", "num_train_timesteps": trainSteps,
			"prediction_type": "epsilon", "timestep_spacing": "linspace", "interpolation_type": "linear",
			"use_karras_sigmas": false, "steps_offset": 0, "clip_sample": false,
		},
		"text_encoder/config.json": {
			"architectures": []string{"CLIPTextModel"}, "model_type": "clip_text_model",
			"hidden_size": e.width(), "max_position_embeddings": promptLength, "vocab_size": len(v.Tokens),
			"bos_token_id": start, "eos_token_id": end, "pad_token_id": end,
		},
		"unet/config.json": {
			"_class_name": "UNet2DConditionModel", "in_channels": 2 * n, "out_channels": n,
			"cross_attention_dim": e.width(),
		},
		"vae_encoder/config.json": vae,
		"vae_decoder/config.json": vae,
	}
}
