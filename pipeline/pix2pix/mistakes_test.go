package pix2pix_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"uredit/pipeline/pix2pix"
	"uredit/pipeline/tensor"
)

// TestMistakesShow makes the mistakes that hosts of this model make, between the
// host and its networks, and looks whether TestAsDiffusers would see each.
func TestMistakesShow(t *testing.T) {
	const scaling = 0.18215
	r := one(t)
	for _, tt := range []struct {
		name    string
		part    string // the network that it is made at
		mistake mistake
	}{
		{"the picture's latents scaled", "unet", mistake{in: func(c *call) { multiply(c.rest(), scaling) }}},
		{"the picture's latents scaled with the step", "unet", mistake{in: func(c *call) { multiply(c.rest(), c.scale()) }}},
		{"rows in another order", "unet", mistake{out: func(noise *tensor.Tensor) {
			n := len(noise.F32) / 3
			image, none := noise.F32[n:2*n], noise.F32[2*n:]
			for i := range n {
				image[i], none[i] = none[i], image[i]
			}
		}}},
		{"the picture in the unconditional row", "unet", mistake{in: func(c *call) { copy(c.rest()[2], c.rest()[1]) }}},
		{"zeros for the empty negative prompt", "unet", mistake{in: func(c *call) {
			clear(c.named["encoder_hidden_states"].F32[len(c.named["encoder_hidden_states"].F32)/3:])
		}}},
		{"padded with 0", "text_encoder", mistake{in: func(c *call) {
			ids := c.named["input_ids"].I64
			clear(ids[slices.Index(ids, 49407)+1:])
		}}},
		{"first noise without sigma", "", withoutFirstSigma()},
		{"input without its scale", "unet", mistake{in: func(c *call) { multiply(c.noisy(), 1/c.scale()) }}},
		{"latents not divided before they are decoded", "vae_decoder", mistake{in: func(c *call) {
			multiply([][]float32{c.named["latent_sample"].F32}, scaling)
		}}},
		{"whole timesteps", "unet", mistake{in: func(c *call) {
			c.timestep().F32[0] = float32(math.Trunc(float64(c.timestep().F32[0])))
		}}},
		{"timesteps in half precision", "unet", mistake{in: func(c *call) {
			c.timestep().F32[0] = half(c.timestep().F32[0])
		}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, tinyFolder, func(path string, m tensor.Model) tensor.Model {
				if tt.part != "" && tt.part != part(path) {
					return m
				}
				return &mistaken{m, part(path), tt.mistake}
			})
			shows(t, r, edit(t, e, r, r.params()))
		})
	}
	t.Run("leading timesteps", func(t *testing.T) {
		shows(t, r, edit(t, open(t, leading(t), nil), r, r.params()))
	})
	t.Run("another scheduler", func(t *testing.T) {
		p := r.params()
		p.Scheduler = pix2pix.Euler
		shows(t, r, edit(t, open(t, tinyFolder, nil), r, p))
	})
}

// shows fails where a mistaken picture passes for diffusers', or nearly so.
func shows(t *testing.T, r reference, edited []float32) {
	t.Helper()
	d := r.compare(edited)
	t.Logf("differs by %.1e", d)
	if d < 2*exact {
		t.Errorf("the mistake changes the picture by %.1e only, %.0e is allowed", d, exact)
	}
}

// mistake changes what goes into a network or comes out of it.
type mistake struct {
	in  func(*call)
	out func(*tensor.Tensor)
}

// mistaken is a network that a mistake is made at.
type mistaken struct {
	tensor.Model
	part string
	mistake
}

// Run implements tensor.Model. The host's own tensors stay as they are.
func (m *mistaken) Run(ctx context.Context, in, out []*tensor.Tensor) error {
	c := &call{part: m.part, named: make(map[string]*tensor.Tensor)}
	var changed []*tensor.Tensor
	for _, t := range in {
		own := *t
		own.F32, own.I64 = slices.Clone(t.F32), slices.Clone(t.I64)
		c.named[t.Name] = &own
		changed = append(changed, &own)
	}
	// The host looks at each network when it loads it, one or two rows at once.
	if sample := c.named["sample"]; m.mistake.in != nil && (m.part != "unet" || sample.Shape[0] == 3) {
		m.mistake.in(c)
	}
	err := m.Model.Run(ctx, changed, out)
	if sample := c.named["sample"]; err == nil && m.out != nil && sample.Shape[0] == 3 {
		m.out(out[0])
	}
	return err
}

// call is the input of one run.
type call struct {
	part  string
	named map[string]*tensor.Tensor
}

func (c *call) timestep() *tensor.Tensor { return c.named["timestep"] }

// noisy and rest are the noisy latents and those of the picture, by row.
func (c *call) noisy() [][]float32 { return c.half(0) }
func (c *call) rest() [][]float32  { return c.half(1) }

func (c *call) half(which int) [][]float32 {
	v := c.named["sample"].F32
	n := len(v) / 6 // three rows
	return [][]float32{v[which*n:][:n], v[(2+which)*n:][:n], v[(4+which)*n:][:n]}
}

// scale is the factor of the noisy latents at the timestep: 1/sqrt(sigma²+1) of
// the scaled linear schedule, between its entries by sigma.
func (c *call) scale() float32 {
	const steps, from, to = 1000, 0.00085, 0.012
	at := float64(c.timestep().F32[0])
	bar, before := 1., 0.
	for i := range steps {
		root := math.Sqrt(from) + (math.Sqrt(to)-math.Sqrt(from))*float64(i)/(steps-1)
		bar *= 1 - root*root
		sigma := math.Sqrt((1 - bar) / bar)
		if float64(i) >= at {
			sigma -= (float64(i) - at) * (sigma - before)
			return float32(1 / math.Sqrt(sigma*sigma+1))
		}
		before = sigma
	}
	return 0
}

// withoutFirstSigma takes the first noise's surplus away from all that the host
// makes of it: Euler's steps only add to the latents.
func withoutFirstSigma() mistake {
	var surplus []float32
	return mistake{in: func(c *call) {
		switch c.part {
		case "unet":
			scale := c.scale()
			if surplus == nil {
				sigma := math.Sqrt(1/float64(scale*scale) - 1)
				for _, v := range c.noisy()[0] {
					surplus = append(surplus, v/scale*float32(1-1/sigma))
				}
			}
			for _, row := range c.noisy() {
				for i := range row {
					row[i] -= surplus[i] * scale
				}
			}
		case "vae_decoder":
			latents := c.named["latent_sample"].F32
			if len(latents) != len(surplus) { // when it is loaded
				return
			}
			for i := range latents {
				latents[i] -= surplus[i] / 0.18215
			}
		}
	}}
}

// leading is the tiny folder with whole timesteps from 0 on.
func leading(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	from, err := filepath.Abs(tinyFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tokenizer", "text_encoder", "unet", "vae_encoder", "vae_decoder"} {
		if err := os.Symlink(filepath.Join(from, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	const name = "scheduler/scheduler_config.json"
	config := read(t, filepath.Join(from, name))
	changed := bytes.Replace(config, []byte(`"linspace"`), []byte(`"leading"`), 1)
	if bytes.Equal(config, changed) {
		t.Fatalf("%s has no linspace", name)
	}
	file := filepath.Join(dir, name)
	if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o755), os.WriteFile(file, changed, 0o644)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// part is the name of the network in a file.
func part(path string) string { return filepath.Base(filepath.Dir(path)) }

func multiply(rows [][]float32, by float32) {
	for _, row := range rows {
		for i := range row {
			row[i] *= by
		}
	}
}

// half rounds to the 11 significant bits of float16.
func half(v float32) float32 {
	if v == 0 {
		return 0
	}
	fraction, exponent := math.Frexp(float64(v))
	return float32(math.Ldexp(math.RoundToEven(fraction*(1<<11))/(1<<11), exponent))
}
