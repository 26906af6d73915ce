package pix2pix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"uredit/pipeline/fault"
	"uredit/pipeline/tensor"
	"uredit/pipeline/text"
)

// Editor is an opened folder. Its networks are shared; sessions of one Editor
// may run at once where the models allow it.
type Editor struct {
	tokenizer *text.Tokenizer
	known     text.Vocabulary // all words, unless vocabulary.json says otherwise
	tokens    int             // the text encoder's length
	width     int             // values for each token
	encoder   textEncoder
	unet      unet
	toLatents vae
	toPicture vae

	channels int     // of latents
	factor   int     // pixels for each latent sample, each way
	multiple int     // pixels
	sampled  bool    // the VAE encoder draws its latents
	scaling  float32 // of latents against what the VAE's decoder takes
	options  options
	warnings []string
}

// Open loads a folder in the layout of diffusers' ONNX exports. model_index.json
// and scheduler may be missing; vocabulary.json, which diffusers does not have,
// bounds the words of prompts. What inputs and outputs are called and how large
// latents are is read from the graphs; small runs at load find the VAE's factor
// and the sizes that the UNet takes.
func Open(ctx context.Context, dir string, load tensor.Loader) (*Editor, error) {
	e := &Editor{}
	if err := e.openText(ctx, dir, load); err != nil {
		return nil, err
	}
	if err := e.openGraphs(ctx, dir, load); err != nil {
		return nil, err
	}
	if err := e.openScheduler(dir); err != nil {
		return nil, err
	}
	if err := e.probe(ctx, dir); err != nil {
		return nil, err
	}
	return e, nil
}

// Multiple returns the number of pixels that width and height of a picture must
// be a multiple of.
func (e *Editor) Multiple() int { return e.multiple }

// Check refuses a prompt that the folder says it cannot follow, by a fault of code
// UnknownWords.
func (e *Editor) Check(prompt string) error { return e.known.Check("edit_prompt", prompt) }

// Warnings returns sentences about what the folder lacks.
func (e *Editor) Warnings() []string { return e.warnings }

func (e *Editor) openText(ctx context.Context, dir string, load tensor.Loader) error {
	var err error
	if e.tokenizer, err = text.Load(filepath.Join(dir, "tokenizer")); err != nil {
		return err
	}
	if err := readConfig(dir, "vocabulary.json", &e.known); err != nil {
		return err
	}
	g, err := openGraph(ctx, dir, textPart, load)
	if err != nil {
		return err
	}
	if e.encoder, err = g.textEncoder(); err != nil {
		return err
	}
	var config struct {
		MaxPositions int  `json:"max_position_embeddings"`
		UseMask      bool `json:"use_attention_mask"`
		HiddenSize   int  `json:"hidden_size"`
	}
	if err := readConfig(dir, "text_encoder/config.json", &config); err != nil {
		return err
	}
	e.encoder.useMask, e.encoder.hiddenSize = config.UseMask, config.HiddenSize
	const clip = 77
	e.tokens = firstPositive(e.encoder.ids.Shape[1], int64(e.tokenizer.MaxLength()), int64(config.MaxPositions), clip)
	return nil
}

func (e *Editor) openGraphs(ctx context.Context, dir string, load tensor.Loader) error {
	g, err := openGraph(ctx, dir, unetPart, load)
	if err != nil {
		return err
	}
	if e.unet, err = g.unet(); err != nil {
		return err
	}
	if g, err = openGraph(ctx, dir, encoderPart, load); err != nil {
		return err
	}
	e.toLatents, err = g.vae(port{"the picture", []string{"sample"}, []int{4}, isFloat},
		port{"the latents", []string{"latent_parameters", "latent_sample"}, []int{4}, isFloat})
	if err != nil {
		return err
	}
	if g, err = openGraph(ctx, dir, decoderPart, load); err != nil {
		return err
	}
	e.toPicture, err = g.vae(port{"the latents", []string{"latent_sample"}, []int{4}, isFloat},
		port{"the picture", []string{"sample"}, []int{4}, isFloat})
	return err
}

func (e *Editor) openScheduler(dir string) error {
	const name = "scheduler/scheduler_config.json"
	data, err := os.ReadFile(filepath.Join(dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.options = stableDiffusion()
		return nil
	case err != nil:
		return missing(err)
	}
	if e.options, err = parseOptions(data); err != nil {
		return invalidConfig(dir, name, err)
	}
	if scheduler, known := e.options.scheduler(); !known {
		e.warnings = append(e.warnings, fmt.Sprintf(
			"the model's scheduler %s is not supported, %s runs with its settings", e.options.Class, scheduler))
	}
	return nil
}

// readConfig decodes a file of the folder that may be missing.
func readConfig(dir, name string, to any) error {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return missing(err)
	}
	if err := json.Unmarshal(plainJSON(data), to); err != nil {
		return invalidConfig(dir, name, err)
	}
	return nil
}

func invalidConfig(dir, name string, err error) error {
	return fault.New(fault.ModelInvalid, "export the folder again, or choose another one",
		fmt.Errorf("load %s: %w", filepath.Join(dir, name), err))
}
