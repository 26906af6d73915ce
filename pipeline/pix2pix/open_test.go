package pix2pix

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/fault"
	"uredit/pipeline/tensor"
)

// TestLayouts opens folders as different exporters write them; all give the same
// picture.
func TestLayouts(t *testing.T) {
	for _, tt := range []struct {
		name     string
		files    map[string]string
		change   func(*world)
		multiple int
		warns    string
	}{
		{name: "as exported now", multiple: fakeFactor},
		{name: "no scheduler", files: map[string]string{schedulerFile: "-"}, multiple: fakeFactor},
		{name: "a scheduler that is not here", files: map[string]string{schedulerFile: `{"_class_name":"PNDMScheduler",
			"beta_start":0.00085,"beta_end":0.012,"beta_schedule":"scaled_linear","skip_prk_steps":true}`},
			multiple: fakeFactor, warns: "PNDMScheduler"},
		{name: "traced at an even size", change: func(w *world) { w.oddFails = true }, multiple: coarse * fakeFactor},
		{name: "other names", multiple: fakeFactor, change: func(w *world) {
			rename(w.text, "input_ids", "tokens")
			w.text.outputs[0].Name = "hidden"
			rename(w.unet, "sample", "x")
			rename(w.unet, "timestep", "t")
			rename(w.unet, "encoder_hidden_states", "context")
			w.unet.outputs[0].Name = "noise"
			rename(w.toLatents, "sample", "image")
			w.toLatents.outputs[0].Name = "moments"
			rename(w.toPicture, "latent_sample", "z")
			w.toPicture.outputs[0].Name = "image"
		}},
		{name: "encoder that draws", multiple: fakeFactor, warns: "latent_parameters", change: func(w *world) {
			w.toLatents.outputs[0].Name = "latent_sample"
			run := w.toLatents.run
			w.toLatents.run = func(in map[string]*tensor.Tensor, out *tensor.Tensor) error {
				x := in["sample"]
				if err := result(out, 1, fakeChannels, x.Shape[2]/fakeFactor, x.Shape[3]/fakeFactor); err != nil {
					return err
				}
				both := &tensor.Tensor{}
				err := run(in, both)
				copy(out.F32, both.F32)
				return err
			}
		}},
		{name: "nothing known of channels", multiple: fakeFactor, change: func(w *world) {
			w.unet.inputs[2].Shape[1] = -1
			w.unet.outputs[0].Shape[1] = -1
		}},
		{name: "half precision, integer types of old exports", multiple: fakeFactor, change: func(w *world) {
			w.text.inputs[0].Type = tensor.Int32
			w.unet.inputs[0].Type, w.unet.inputs[1].Type, w.unet.inputs[2].Type = tensor.Float16, tensor.Int64, tensor.Float16
			w.unet.inputs[1].Shape = []int64{1}
			for _, f := range []*fake{w.text, w.unet, w.toLatents, w.toPicture} {
				f.outputs[0].Type = tensor.Float16
			}
		}},
		{name: "attention mask", multiple: fakeFactor, change: func(w *world) {
			w.text.inputs = append(w.text.inputs, tensor.Info{Name: "attention_mask", Type: tensor.Int64, Shape: []int64{-1, -1}})
			expectMask(w, []int64{1, 1, 1, 1, 1, 1, 1, 1})
		}},
		{name: "attention mask in use", files: map[string]string{"text_encoder/config.json": `{"use_attention_mask":true}`},
			multiple: fakeFactor, change: func(w *world) {
				w.text.inputs = append(w.text.inputs, tensor.Info{Name: "attention_mask", Type: tensor.Bool, Shape: []int64{-1, -1}})
				expectMask(w, []int64{1, 1, 1, 0, 0, 0, 0, 0})
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.files)
			if tt.change != nil {
				tt.change(w)
			}
			e := w.open(t)
			if e.Multiple() != tt.multiple {
				t.Errorf("Multiple() = %d, want %d", e.Multiple(), tt.multiple)
			}
			if got := strings.Join(e.Warnings(), "\n"); (got != "") != (tt.warns != "") || !strings.Contains(got, tt.warns) {
				t.Errorf("warnings %q, want %q", got, tt.warns)
			}
			// A last timestep of 0 and whole ones before it, for the integer inputs.
			s := start(t, e, Params{Steps: 4, Scheduler: Euler, GuidanceScale: 9, ImageGuidanceScale: 1.5})
			if d := largest(edit(t, s, 32, 16, 0, 0), guided(32, 16, "", 9, 1.5)); d > 3e-3 {
				t.Errorf("off by %v", d)
			}
		})
	}
}

// rename gives an input another name; the script keeps its own.
func rename(f *fake, from, to string) {
	i := slices.IndexFunc(f.inputs, func(i tensor.Info) bool { return i.Name == from })
	f.inputs[i].Name = to
	run := f.run
	f.run = func(in map[string]*tensor.Tensor, out *tensor.Tensor) error {
		in[from] = in[to]
		return run(in, out)
	}
}

// expectMask makes the text encoder check its mask for a prompt of one token.
func expectMask(w *world, want []int64) {
	run := w.text.run
	w.text.run = func(in map[string]*tensor.Tensor, out *tensor.Tensor) error {
		mask := in["attention_mask"]
		got := slices.Clone(mask.I64)
		for _, b := range mask.Bool {
			got = append(got, map[bool]int64{true: 1}[b])
		}
		if in["input_ids"].I64[1] == tokenA && !slices.Equal(got, want) {
			return errors.New("wrong mask")
		}
		return run(in, out)
	}
}

func TestTokenCount(t *testing.T) {
	const free = `{}`
	for _, tt := range []struct {
		name  string
		files map[string]string
		shape int64
		want  int
	}{
		{"the graph's", nil, 7, 7},
		{"the tokenizer's", nil, -1, fakeTokens},
		{"the encoder's", map[string]string{"tokenizer/tokenizer_config.json": free, "text_encoder/config.json": `{"max_position_embeddings":5}`}, -1, 5},
		{"CLIP's", map[string]string{"tokenizer/tokenizer_config.json": free}, -1, 77},
	} {
		w := newWorld(t, tt.files)
		w.text.inputs[0].Shape = []int64{1, tt.shape}
		if e := w.open(t); e.tokens != tt.want {
			t.Errorf("%s: %d tokens, want %d", tt.name, e.tokens, tt.want)
		}
	}
}

func TestBrokenFolders(t *testing.T) {
	missing := func(name string) map[string]string { return map[string]string{name: "-"} }
	for _, tt := range []struct {
		name   string
		files  map[string]string
		change func(*world)
		code   string
		says   []string
	}{
		{"no text encoder", missing("text_encoder/model.onnx"), nil, fault.ModelMissing, []string{"text_encoder/model.onnx"}},
		{"no unet", missing("unet/model.onnx"), nil, fault.ModelMissing, []string{"unet/model.onnx"}},
		{"no encoder", missing("vae_encoder/model.onnx"), nil, fault.ModelMissing, []string{"vae_encoder/model.onnx"}},
		{"no decoder", missing("vae_decoder/model.onnx"), nil, fault.ModelMissing, []string{"vae_decoder/model.onnx"}},
		{"no tokenizer", missing("tokenizer/vocab.json"), nil, fault.ModelMissing, []string{"tokenizer", "vocab.json"}},
		{"scheduler no JSON", map[string]string{schedulerFile: "{"}, nil, fault.ModelInvalid, []string{schedulerFile}},
		{"VAE config no JSON", map[string]string{"vae_decoder/config.json": "{"}, nil, fault.ModelInvalid, []string{"vae_decoder/config.json"}},
		{"scaling factor", map[string]string{"vae_decoder/config.json": `{"scaling_factor":0}`}, nil, fault.ModelInvalid, []string{"scaling_factor"}},
		{"unet config no JSON", map[string]string{"unet/config.json": "x"}, nil, fault.ModelInvalid, []string{"unet/config.json"}},
		{"plain Stable Diffusion, from the graph", nil, func(w *world) { w.unet.inputs[2].Shape[1] = fakeChannels },
			fault.ModelInvalid, []string{"unet/model.onnx", "this is not an InstructPix2Pix UNet", "expected 12", "found 6"}},
		{"plain Stable Diffusion, from the config", map[string]string{"unet/config.json": `{"in_channels":6,"out_channels":6}`},
			func(w *world) { w.unet.inputs[2].Shape[1] = -1 },
			fault.ModelInvalid, []string{"this is not an InstructPix2Pix UNet", "expected 12", "found 6"}},
		{"two candidates", nil, func(w *world) {
			w.unet.inputs[2].Name = "x"
			w.unet.inputs = append(w.unet.inputs, tensor.Info{Name: "y", Shape: []int64{-1, 12, -1, -1}})
		}, fault.ModelInvalid, []string{"unet/model.onnx", "x float32[?,12,?,?]", "y float32"}},
		{"an input too many", nil, func(w *world) {
			w.unet.inputs = append(w.unet.inputs, tensor.Info{Name: "class_labels", Type: tensor.Int64, Shape: []int64{-1}})
		}, fault.ModelInvalid, []string{"class_labels"}},
		{"a wrong rank", nil, func(w *world) { w.unet.inputs[1].Shape = []int64{-1, 1} },
			fault.ModelInvalid, []string{"timestep float32[?,1]", "the timestep"}},
		{"a wrong type", nil, func(w *world) { w.text.inputs[0].Type = tensor.Float32 },
			fault.ModelInvalid, []string{"text_encoder/model.onnx", "the token ids"}},
		{"a fixed size", nil, func(w *world) { w.unet.inputs[2].Shape = []int64{-1, 12, 64, 64} },
			fault.ModelInvalid, []string{"dimension 2", "dynamic axes"}},
		{"a fixed batch", nil, func(w *world) { w.toLatents.inputs[0].Shape[0] = 2 },
			fault.ModelInvalid, []string{"vae_encoder/model.onnx", "dimension 0"}},
		{"hidden states that do not fit", nil, func(w *world) { w.unet.inputs[0].Shape[2] = 768 },
			fault.ModelInvalid, []string{"8 tokens of 2 values", "encoder_hidden_states float32[?,?,768]"}},
		{"another decoder", nil, func(w *world) {
			w.toPicture.run = func(in map[string]*tensor.Tensor, out *tensor.Tensor) error { return result(out, 1, 3, 64, 64) }
		}, fault.ModelInvalid, []string{"vae_decoder/model.onnx", "[1 3 64 64]"}},
		{"another encoder", nil, func(w *world) {
			w.toLatents.run = func(in map[string]*tensor.Tensor, out *tensor.Tensor) error { return result(out, 1, 8, 8, 8) }
		}, fault.ModelInvalid, []string{"vae_encoder/model.onnx", "[1 8 8 8]"}},
		{"a unet that fails at any size", nil, func(w *world) {
			w.unet.run = func(map[string]*tensor.Tensor, *tensor.Tensor) error { return errors.New("bad node") }
		}, fault.ModelInvalid, []string{"unet/model.onnx", "bad node"}},
		{"a unet of another shape", nil, func(w *world) {
			w.unet.run = func(_ map[string]*tensor.Tensor, out *tensor.Tensor) error { return result(out, 2, 6, 1, 1) }
		}, fault.ModelInvalid, []string{"[2 6 1 1]"}},
		{"a device that fails", nil, func(w *world) {
			w.text.run = func(map[string]*tensor.Tensor, *tensor.Tensor) error {
				return fault.New(fault.DeviceFault, "", errors.New("no kernel image"))
			}
		}, fault.DeviceFault, []string{"text_encoder/model.onnx", "no kernel image"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.files)
			if tt.change != nil {
				tt.change(w)
			}
			_, err := Open(t.Context(), w.dir, w.load)
			if err == nil {
				t.Fatal("no error")
			}
			if f := fault.Of(err); f.Code != tt.code {
				t.Errorf("code %s, want %s: %v", f.Code, tt.code, err)
			}
			for _, s := range tt.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
		})
	}
}

func TestLoaderErrors(t *testing.T) {
	w := newWorld(t, nil)
	_, err := Open(t.Context(), w.dir, func(context.Context, string) (tensor.Model, error) { return nil, errors.New("protobuf parsing failed") })
	if fault.Of(err).Code != fault.ModelInvalid || !strings.Contains(err.Error(), "text_encoder/model.onnx: protobuf") {
		t.Errorf("error %v", err)
	}
}

// TestOpenEnds ends Open while a network is tried out.
func TestOpenEnds(t *testing.T) {
	w := newWorld(t, nil)
	why := errors.New("somebody said stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := Open(ctx, w.dir, func(ctx context.Context, path string) (tensor.Model, error) {
		m, err := w.load(ctx, path)
		return endless{m, func() { cancel(why) }}, err
	})
	if !errors.Is(err, why) {
		t.Errorf("error is %v, want %v", err, why)
	}
}

// endless is a graph that runs until its context ends.
type endless struct {
	tensor.Model
	started func()
}

func (m endless) Run(ctx context.Context, _, _ []*tensor.Tensor) error {
	m.started()
	<-ctx.Done()
	return context.Cause(ctx)
}
