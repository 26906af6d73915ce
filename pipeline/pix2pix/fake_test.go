package pix2pix

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"uredit/pipeline/tensor"
)

// fake is a network whose result is known in closed form.
type fake struct {
	inputs, outputs []tensor.Info
	run             func(in map[string]*tensor.Tensor, out *tensor.Tensor) error
	named           map[string]*tensor.Tensor
}

func (f *fake) Inputs() []tensor.Info  { return f.inputs }
func (f *fake) Outputs() []tensor.Info { return f.outputs }

func (f *fake) Run(ctx context.Context, in, out []*tensor.Tensor) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if len(in) != len(f.inputs) || len(out) != 1 {
		return fmt.Errorf("%d inputs and %d outputs, want %d and 1", len(in), len(out), len(f.inputs))
	}
	o := f.outputs[slices.IndexFunc(f.outputs, func(i tensor.Info) bool { return i.Name == out[0].Name })]
	if o.Type == tensor.Float16 && out[0].F32 == nil {
		// As ONNX Runtime's binding: memory is made before the run.
		if len(out[0].Shape) == 0 {
			return errors.New("the size of a float16 output is not known")
		}
		out[0].F32 = make([]float32, tensor.Len(out[0].Shape))
	}
	if f.named == nil {
		f.named = make(map[string]*tensor.Tensor)
	}
	for _, t := range in {
		i := slices.IndexFunc(f.inputs, func(i tensor.Info) bool { return i.Name == t.Name })
		if i < 0 {
			return fmt.Errorf("there is no input %q", t.Name)
		}
		if err := fits(f.inputs[i], t); err != nil {
			return err
		}
		f.named[t.Name] = t
	}
	return f.run(f.named, out[0])
}

// fits checks what a runtime checks.
func fits(i tensor.Info, t *tensor.Tensor) error {
	if len(i.Shape) != len(t.Shape) {
		return fmt.Errorf("%s: shape %v, want %v", i.Name, t.Shape, i.Shape)
	}
	for d, n := range i.Shape {
		if n >= 0 && t.Shape[d] != n {
			return fmt.Errorf("%s: shape %v, want %v", i.Name, t.Shape, i.Shape)
		}
	}
	if got := map[bool]int{true: len(t.F32), false: len(t.I64) + len(t.Bool)}[isFloat(i.Type)]; got != tensor.Len(t.Shape) {
		return fmt.Errorf("%s: %d values of its type for shape %v", i.Name, got, t.Shape)
	}
	return nil
}

// result gives out its shape, and memory where it has none.
func result(out *tensor.Tensor, shape ...int64) error {
	if out.F32 == nil {
		out.Shape, out.F32 = slices.Clone(shape), make([]float32, tensor.Len(shape))
	}
	if !slices.Equal(out.Shape, shape) || len(out.F32) != tensor.Len(shape) {
		return fmt.Errorf("%s: shape %v of %d values, the result has %v", out.Name, out.Shape, len(out.F32), shape)
	}
	return nil
}

// The scripted folder. Latents have six channels and half the picture's size;
// the first three are the picture's colours.
const (
	fakeChannels = 6
	fakeFactor   = 2
	fakeScaling  = 0.25
	fakeTokens   = 8
	fakeWidth    = 2

	editBy    = 0.02 // what the prompt adds to the picture
	negateBy  = -0.01
	emptyIs   = 0.05 // the picture that the network sees without one
	promptIs  = "a"
	wrongIs   = "b"
	tokenA    = 3
	tokenB    = 5
	otherHalf = 99 // the second half of the VAE's parameters
)

// world is a folder on disk with its networks in Go.
type world struct {
	dir                              string
	text, unet, toLatents, toPicture *fake
	rows                             []int     // of each UNet call
	timesteps                        []float32 // of each UNet call
	first                            []float32 // the first row of the first UNet call of an edit
	training                         *training
	oddFails                         bool
}

const schedulerFile = "scheduler/scheduler_config.json"

// newWorld makes the folder; files are laid over the usual ones, "-" removes.
func newWorld(t testing.TB, files map[string]string) *world {
	t.Helper()
	o := stableDiffusion()
	tr, err := newTraining(o, EulerAncestral)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{dir: t.TempDir(), training: tr}
	all := map[string]string{
		"tokenizer/vocab.json":              `{"<|startoftext|>":0,"<|endoftext|>":1,"a":2,"a</w>":3,"b":4,"b</w>":5}`,
		"tokenizer/merges.txt":              "#version: 0.2\n",
		"tokenizer/special_tokens_map.json": `{"unk_token":"<|endoftext|>"}`,
		"tokenizer/tokenizer_config.json":   fmt.Sprintf(`{"model_max_length":%d}`, fakeTokens),
		"vae_decoder/config.json":           fmt.Sprintf(`{"scaling_factor":%v}`, fakeScaling),
		schedulerFile: `{"_class_name":"EulerAncestralDiscreteScheduler","beta_start":0.00085,"beta_end":0.012,
			"beta_schedule":"scaled_linear","set_alpha_to_one":true,"steps_offset":1}`,
	}
	for _, part := range []string{"text_encoder", "unet", "vae_encoder", "vae_decoder"} {
		all[part+"/model.onnx"] = "scripted"
	}
	for name, data := range files {
		all[name] = data
	}
	for name, data := range all {
		if data == "-" {
			continue
		}
		path := filepath.Join(w.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(data), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	w.script()
	return w
}

func (w *world) script() {
	w.text = &fake{
		inputs:  []tensor.Info{{Name: "input_ids", Type: tensor.Int64, Shape: []int64{-1, -1}}},
		outputs: []tensor.Info{{Name: "last_hidden_state", Shape: []int64{-1, -1, fakeWidth}}, {Name: "pooler_output", Shape: []int64{-1, fakeWidth}}},
		run:     runText,
	}
	w.unet = &fake{
		inputs: []tensor.Info{
			{Name: "encoder_hidden_states", Shape: []int64{-1, -1, fakeWidth}},
			{Name: "timestep", Shape: []int64{}},
			{Name: "sample", Shape: []int64{-1, 2 * fakeChannels, -1, -1}},
		},
		outputs: []tensor.Info{{Name: "out_sample", Shape: []int64{-1, fakeChannels, -1, -1}}},
		run:     w.runUNet,
	}
	w.toLatents = &fake{
		inputs:  []tensor.Info{{Name: "sample", Shape: []int64{-1, 3, -1, -1}}},
		outputs: []tensor.Info{{Name: "latent_parameters", Shape: []int64{-1, -1, -1, -1}}},
		run:     runEncoder,
	}
	w.toPicture = &fake{
		inputs:  []tensor.Info{{Name: "latent_sample", Shape: []int64{-1, -1, -1, -1}}},
		outputs: []tensor.Info{{Name: "sample", Shape: []int64{-1, -1, -1, -1}}},
		run:     runDecoder,
	}
}

func (w *world) load(_ context.Context, path string) (tensor.Model, error) {
	switch filepath.Base(filepath.Dir(path)) {
	case "text_encoder":
		return w.text, nil
	case "unet":
		return w.unet, nil
	case "vae_encoder":
		return w.toLatents, nil
	case "vae_decoder":
		return w.toPicture, nil
	}
	return nil, errors.New("no such graph")
}

func (w *world) open(t testing.TB) *Editor {
	t.Helper()
	e, err := Open(t.Context(), w.dir, w.load)
	if err != nil {
		t.Fatal(err)
	}
	w.rows, w.timesteps, w.first = nil, nil, nil
	return e
}

// runText puts 1 into the first value for the prompt and 2 for the negative one.
func runText(in map[string]*tensor.Tensor, out *tensor.Tensor) error {
	ids := in["input_ids"]
	if err := result(out, ids.Shape[0], ids.Shape[1], fakeWidth); err != nil {
		return err
	}
	for i, id := range ids.I64 {
		if i == 1 && id == tokenA {
			out.F32[0] = 1
		}
		if i == 1 && id == tokenB {
			out.F32[0] = 2
		}
	}
	return nil
}

// runEncoder averages two by two pixels. Channels above the colours hold their
// negatives.
func runEncoder(in map[string]*tensor.Tensor, out *tensor.Tensor) error {
	x := in["sample"]
	h, w := int(x.Shape[2])/fakeFactor, int(x.Shape[3])/fakeFactor
	if err := result(out, 1, 2*fakeChannels, int64(h), int64(w)); err != nil {
		return err
	}
	for i := range out.F32 {
		c, y, col := i/(h*w), i/w%h, i%w
		if c >= fakeChannels {
			out.F32[i] = otherHalf
			continue
		}
		at := (c%3*h*fakeFactor+y*fakeFactor)*w*fakeFactor + col*fakeFactor
		mean := (x.F32[at] + x.F32[at+1] + x.F32[at+w*fakeFactor] + x.F32[at+w*fakeFactor+1]) / 4
		if c >= 3 {
			mean = -mean
		}
		out.F32[i] = mean
	}
	return nil
}

// runDecoder repeats each latent over two by two pixels.
func runDecoder(in map[string]*tensor.Tensor, out *tensor.Tensor) error {
	x := in["latent_sample"]
	h, w := int(x.Shape[2])*fakeFactor, int(x.Shape[3])*fakeFactor
	if err := result(out, 1, 3, int64(h), int64(w)); err != nil {
		return err
	}
	for i := range out.F32 {
		c, y, col := i/(h*w), i/w%h, i%w
		out.F32[i] = x.F32[(c*h/fakeFactor+y/fakeFactor)*w/fakeFactor+col/fakeFactor]
	}
	return nil
}

// runUNet returns the exact noise between its input and what each row is to
// become: the picture changed by the prompt, or emptyIs without a picture.
func (w *world) runUNet(in map[string]*tensor.Tensor, out *tensor.Tensor) error {
	x, prompt, timestep := in["sample"], in["encoder_hidden_states"], in["timestep"]
	rows, h, wd := int(x.Shape[0]), x.Shape[2], x.Shape[3]
	if w.oddFails && (h%coarse != 0 || wd%coarse != 0) {
		return errors.New("Non concat axis dimensions must match: 13 and 14")
	}
	if err := result(out, int64(rows), fakeChannels, h, wd); err != nil {
		return err
	}
	if len(timestep.Shape) == 1 && timestep.Shape[0] != 1 && int(timestep.Shape[0]) != rows {
		return fmt.Errorf("timestep of shape %v for %d rows", timestep.Shape, rows)
	}
	at := 0.
	if timestep.F32 != nil {
		at = float64(timestep.F32[len(timestep.F32)-1])
	} else {
		at = float64(timestep.I64[len(timestep.I64)-1])
	}
	sigma := float32(interpolate(w.training.sigmas, at))
	alpha := float32(1 / math.Sqrt(float64(sigma*sigma+1)))
	n := fakeChannels * int(h*wd)
	if w.first == nil {
		w.first = slices.Clone(x.F32[:n])
	}
	w.rows, w.timesteps = append(w.rows, rows), append(w.timesteps, float32(at))
	for r := range rows {
		noisy, picture := x.F32[2*r*n:][:n], x.F32[(2*r+1)*n:][:n]
		hasPicture := slices.ContainsFunc(picture, func(v float32) bool { return v != 0 })
		change := [3]float32{0, editBy, negateBy}[int(prompt.F32[r*int(prompt.Shape[1])*fakeWidth])]
		for i, v := range noisy {
			clean := picture[i] + change
			if !hasPicture {
				clean = emptyIs + change
			}
			out.F32[r*n+i] = (v - alpha*fakeScaling*clean) / (sigma * alpha)
		}
	}
	return nil
}
