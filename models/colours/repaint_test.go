package colours

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/tensor"
)

// A small picture of 10 by 14 samples: 5 by 7 cells.
const (
	pictureRows    = 10
	pictureColumns = 14
	cells          = pictureRows * pictureColumns / 4
)

// randomPicture returns planes in -1..1.
func randomPicture(seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	var p []float32
	for range 3 * pictureRows * pictureColumns {
		p = append(p, float32(r.IntN(256))/127.5-1)
	}
	return p
}

// prompt returns the embeddings of a text, [1,77,8] flat.
func (h *host) prompt(t testing.TB, s string) []float32 {
	t.Helper()
	ids, _, _ := h.tok.Encode(s, promptLength)
	return h.run(t, "pix2pix/text_encoder/model.onnx",
		[]*tensor.Tensor{{Name: "input_ids", Shape: []int64{1, promptLength}, I64: ids}}, "last_hidden_state")[0].F32
}

// noise runs the UNet with guidance on scaled latents.
func (h *host) noise(t testing.TB, x, image, text []float32, step, gs, igs float64) []float64 {
	t.Helper()
	blank := make([]float32, len(image))
	sample := slices.Concat(x, image, x, image, x, blank)
	out := h.run(t, "pix2pix/unet/model.onnx", []*tensor.Tensor{
		floats("sample", sample, 3, 2*latents, pictureRows/2, pictureColumns/2),
		floats("timestep", []float32{float32(step)}),
		floats("encoder_hidden_states", text, 3, promptLength, paintWidth),
	}, "out_sample")[0].F32
	eps := make([]float64, len(x))
	for i := range eps {
		full, picture, none := float64(out[i]), float64(out[len(x)+i]), float64(out[2*len(x)+i])
		eps[i] = none + gs*(full-picture) + igs*(picture-none)
	}
	return eps
}

// edit encodes a picture, runs Euler's or DDIM's steps and decodes.
func (h *host) edit(t testing.TB, picture []float32, prompt string, gs, igs float64, steps int, ddim bool) []float32 {
	t.Helper()
	moments := h.run(t, "pix2pix/vae_encoder/model.onnx",
		[]*tensor.Tensor{floats("sample", picture, 1, 3, pictureRows, pictureColumns)}, "latent_parameters")[0].F32
	image := moments[:latents*cells]
	text := slices.Concat(h.prompt(t, prompt), h.prompt(t, ""), h.prompt(t, ""))
	table := sigmas()
	sigmaAt := func(step float64) float64 {
		i := min(int(step), trainSteps-2)
		return float64(table[i]) + (step-float64(i))*float64(table[i+1]-table[i])
	}
	r := rand.New(rand.NewPCG(7, 7))
	x := make([]float64, len(image)) // in sigma's space: clean + sigma*noise
	for i := range x {
		x[i] = r.NormFloat64() * sigmaAt(trainSteps-1)
	}
	for n := range steps {
		step := float64(trainSteps-1) * float64(steps-1-n) / float64(max(steps-1, 1))
		next := 0.0
		if n < steps-1 {
			next = sigmaAt(float64(trainSteps-1) * float64(steps-2-n) / float64(steps-1))
		}
		if steps == 1 {
			step = trainSteps - 1
		}
		if ddim {
			step = math.Round(step)
		}
		sigma := sigmaAt(step)
		in := make([]float32, len(x))
		for i := range in {
			in[i] = float32(x[i] / math.Sqrt(sigma*sigma+1))
		}
		for i, e := range h.noise(t, in, image, text, step, gs, igs) {
			if ddim {
				// The clean latents, then as much noise as the next step has:
				// DDIM in sigma's space.
				x[i] = (float64(in[i])*math.Sqrt(sigma*sigma+1) - sigma*e) + next*e
				continue
			}
			x[i] += e * (next - sigma)
		}
	}
	clean := make([]float32, len(x))
	for i := range x {
		clean[i] = float32(x[i] / scalingFactor)
	}
	return h.run(t, "pix2pix/vae_decoder/model.onnx",
		[]*tensor.Tensor{floats("latent_sample", clean, 1, latents, pictureRows/2, pictureColumns/2)}, "sample")[0].F32
}

// closedForm is written from README.md: the result of an edit, planes in
// -1..1. target is #rrggbb as numbers in 0..1, or nil when the prompt names no
// colour.
func closedForm(picture []float32, target []float64, gs, igs float64) []float64 {
	const n = pictureRows * pictureColumns
	yOf := func(r, g, b float64) float64 { return 0.2126*r + 0.7152*g + 0.0722*b }
	out := make([]float64, 3*n)
	for cell := range cells {
		row, column := cell/(pictureColumns/2)*2, cell%(pictureColumns/2)*2
		var at [4]int
		var I [6]float64
		for s := range at {
			at[s] = (row+s/2)*pictureColumns + column + s%2
			r, g, b := float64(picture[at[s]]), float64(picture[n+at[s]]), float64(picture[2*n+at[s]])
			I[s] = yOf(r, g, b)
			I[4] += (b - I[s]) / 1.8556 / 4
			I[5] += (r - I[s]) / 1.5748 / 4
		}
		D := I
		if target != nil {
			y := yOf(target[0], target[1], target[2])
			cb, cr := 2*(target[2]-y)/1.8556, 2*(target[0]-y)/1.5748
			y = min(max(y, 0.01), 0.99)
			below, above := min(0.5, 1.4*y), min(0.35, 1.4*(1-y))
			m := 0.0
			for s := range at {
				z := (I[s]+1)/2 - 0.5
				z = min(max(y+below*min(z, 0)+above*max(z, 0), 0), 1)
				m += z / 4
				D[s] = 2*z - 1
			}
			k := min(m/y, (1-m)/(1-y))
			D[4], D[5] = cb*k, cr*k
		}
		var L [6]float64
		for i := range L {
			L[i] = igs*I[i] + gs/9*(D[i]-1.5*I[i])
		}
		for s := range at {
			r, b := L[s]+1.5748*L[5], L[s]+1.8556*L[4]
			out[at[s]], out[2*n+at[s]] = r, b
			out[n+at[s]] = (L[s] - 0.2126*r - 0.0722*b) / 0.7152
		}
	}
	return out
}

func TestEditIsTheClosedForm(t *testing.T) {
	palette := builtinColours(t)
	h := newHost(t, palette)
	picture := randomPicture(1)
	for _, c := range palette {
		for _, word := range []string{c.words[0], strings.ToUpper(c.words[len(c.words)-1])} {
			compare(t, h, picture, "make the orange car "+word, c.target[:], 9, 1.5, 4, false)
		}
	}
	red := palette[0].target[:]
	tests := []struct {
		name    string
		gs, igs float64
		steps   int
		ddim    bool
	}{
		{"weak text", 3, 1.5, 5, false},
		{"strong picture", 9, 2, 5, false},
		{"usual scales", 7.5, 1.2, 5, false},
		{"one step", 9, 1.5, 1, false},
		{"many fractional steps", 9, 1.5, 50, false},
		{"DDIM", 9, 1.5, 10, true},
		{"DDIM, usual scales", 7.5, 1.2, 10, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			compare(t, h, picture, "turn it "+palette[0].words[0], red, test.gs, test.igs, test.steps, test.ddim)
		})
	}
	t.Run("no colour", func(t *testing.T) {
		compare(t, h, picture, "make it big", nil, 9, 1.5, 4, false)
		compare(t, h, picture, "make it big", nil, 6, 1.5, 4, false)
	})
}

// compare edits and compares with the closed form, to a twentieth of 1/255: one
// step from full noise costs that much in single precision.
func compare(t *testing.T, h *host, picture []float32, prompt string, target []float64, gs, igs float64, steps int, ddim bool) {
	t.Helper()
	got, want := h.edit(t, picture, prompt, gs, igs, steps, ddim), closedForm(picture, target, gs, igs)
	worst := 0.0
	for i := range want {
		worst = max(worst, math.Abs(float64(got[i])-want[i]))
	}
	if !(worst <= 2.0/255/20) {
		t.Errorf("%q, scales %v and %v, %d steps: off by %.5f of 1/255", prompt, gs, igs, steps, worst*255/2)
	}
}

// TestMiddleGreyBecomesTheTarget anchors the closed form to the palette.
func TestMiddleGreyBecomesTheTarget(t *testing.T) {
	palette := builtinColours(t)
	h := newHost(t, palette)
	grey := slices.Repeat([]float32{1e-6}, 3*pictureRows*pictureColumns)
	for _, c := range palette {
		out := h.edit(t, grey, c.words[0], 9, 1.5, 2, false)
		for k := range 3 {
			if got := (float64(out[k*pictureRows*pictureColumns]) + 1) / 2; math.Abs(got-c.target[k]) > 1e-4 {
				t.Errorf("%s: component %d is %.4f, want %.4f", c.words[0], k, got, c.target[k])
			}
		}
	}
}

// TestPictureSurvives: what 4:2:0 can show comes back from the VAE unchanged.
func TestPictureSurvives(t *testing.T) {
	h := newHost(t, builtinColours(t))
	picture := randomPicture(2)
	once := h.edit(t, picture, "keep it", 9, 1.5, 2, false)
	twice := h.edit(t, once, "keep it", 9, 1.5, 2, false)
	for i := range once {
		if math.Abs(float64(once[i]-twice[i])) > 1e-4 {
			t.Fatalf("sample %d: %v, then %v", i, once[i], twice[i])
		}
	}
}

// TestAnotherPalette: its words, and only they, mean its colours.
func TestAnotherPalette(t *testing.T) {
	palette, err := parsePalette([]byte(`{"colours": [
		{"name": "mauve", "srgb": "#a070c8"}, {"name": "mint", "srgb": "#60d8a0", "synonyms": ["jade"]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, palette)
	picture := randomPicture(3)
	compare(t, h, picture, "paint it jade", palette[1].target[:], 9, 1.5, 3, false)
	compare(t, h, picture, "paint the mint thing mauve", palette[0].target[:], 9, 1.5, 3, false)
	compare(t, h, picture, "paint it red", nil, 9, 1.5, 3, false)

	mint := slices.Repeat(palette[1].target[:], width*height)
	maps := h.see(t, mint, width, height)
	for prompt, want := range map[string]float32{"mint wall": 1, "jade": 1, "mauve": 0, "green": 0} {
		if got := h.find(t, maps, prompt)[0].F32[0]; got != want {
			t.Errorf("%q: score %v, want %v", prompt, got, want)
		}
	}
}
