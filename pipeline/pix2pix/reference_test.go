package pix2pix_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"uredit/pipeline/onnx/onnxtest"
	"uredit/pipeline/pix2pix"
	"uredit/pipeline/tensor"
)

// The tiny pipeline of models/export/tiny.py, and what diffusers does with it,
// as models/export/record.py wrote it down.
const (
	tinyFolder      = "../../models/testdata/pix2pix-tiny"
	referenceFolder = "testdata/reference"
)

// exact is how far a picture may be from diffusers' own, of 0 to 1. A mistake
// that a grey level does not show, such as a timestep without its fraction, is
// more than this.
const exact = 5e-5

// reference is one edit of diffusers.
type reference struct {
	Scheduler     string  `json:"scheduler"`
	Steps         int     `json:"steps"`
	Guidance      float64 `json:"guidance_scale"`
	ImageGuidance float64 `json:"image_guidance_scale"`
	Prompt        string  `json:"prompt"`
	Negative      string  `json:"negative"`
	Seed          uint64  `json:"seed"`
	Picture       string  `json:"picture"`
	Stride        int     `json:"stride"` // every so many values of the picture were kept
	Offset        int     `json:"offset"`
	Count         int     `json:"count"`

	values []float32 // 0 to 1, by channel, row and column
}

func (r reference) String() string {
	s := fmt.Sprintf("%s-%d-%g-%g-%s", r.Scheduler, r.Steps, r.Guidance, r.ImageGuidance, r.Picture)
	if r.Negative != "" {
		s += "-negative"
	}
	return s
}

func (r reference) params() pix2pix.Params {
	return pix2pix.Params{
		Prompt: r.Prompt, Negative: r.Negative, Steps: r.Steps,
		GuidanceScale: r.Guidance, ImageGuidanceScale: r.ImageGuidance,
		Scheduler: r.Scheduler, Seed: r.Seed, Noise: pix2pix.NoiseTorch,
	}
}

// compare returns the largest difference between an edited picture, in -1..1,
// and what diffusers made.
func (r reference) compare(edited []float32) float64 {
	worst := 0.
	for i, want := range r.values {
		got := float64(edited[i*r.Stride])/2 + 0.5
		worst = max(worst, math.Abs(got-float64(want)))
	}
	return worst
}

// references reads all that was recorded.
func references(t testing.TB) []reference {
	t.Helper()
	var all []reference
	if err := json.Unmarshal(read(t, filepath.Join(referenceFolder, "cases.json")), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("nothing is recorded")
	}
	data := read(t, filepath.Join(referenceFolder, "images.f32"))
	for i := range all {
		r := &all[i]
		r.values = make([]float32, r.Count)
		if _, err := binary.Decode(data[4*r.Offset:], binary.LittleEndian, r.values); err != nil {
			t.Fatalf("%v: %v", r, err)
		}
	}
	return all
}

// one returns the recorded edit that the tests of single mistakes use.
func one(t testing.TB) reference {
	t.Helper()
	for _, r := range references(t) {
		if r.Scheduler == pix2pix.EulerAncestral && r.Steps == 20 && r.Guidance == 7.5 && r.ImageGuidance == 1.5 && r.Negative == "" {
			return r
		}
	}
	t.Fatal("the edit is not recorded")
	return reference{}
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// picture reads a recorded picture as planar RGB in -1..1.
func picture(t testing.TB, name string) (values []float32, width, height int) {
	t.Helper()
	f, err := os.Open(filepath.Join(referenceFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return planes(m), m.Bounds().Dx(), m.Bounds().Dy()
}

func planes(m image.Image) []float32 {
	b := m.Bounds()
	n := b.Dx() * b.Dy()
	values := make([]float32, 3*n)
	for i := range n {
		r, g, bl, _ := m.At(i%b.Dx(), i/b.Dx()).RGBA()
		for c, v := range []uint32{r, g, bl} {
			values[c*n+i] = float32(v>>8)/255*2 - 1
		}
	}
	return values
}

// edit edits the reference's picture.
func edit(t testing.TB, e *pix2pix.Editor, r reference, p pix2pix.Params) []float32 {
	t.Helper()
	s, err := e.Start(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	values, w, h := picture(t, r.Picture)
	if err := s.Edit(t.Context(), values, values, w, h, 0, 0); err != nil {
		t.Fatal(err)
	}
	return values
}

// open opens the tiny folder, or another one, through ONNX Runtime. wrap stands
// between the host and each network; nil leaves them alone.
func open(t testing.TB, dir string, wrap func(path string, m tensor.Model) tensor.Model) *pix2pix.Editor {
	t.Helper()
	device := onnxtest.Device(t)
	e, err := pix2pix.Open(t.Context(), dir, func(ctx context.Context, path string) (tensor.Model, error) {
		m, err := device.Load(ctx, path)
		if err != nil || wrap == nil {
			return m, err
		}
		return wrap(path, m), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestAsDiffusers edits with the parameters of every recorded edit: all
// schedulers, few and many steps, with and without guidance, an odd size.
func TestAsDiffusers(t *testing.T) {
	e := open(t, tinyFolder, nil)
	worst := 0.
	for _, r := range references(t) {
		d := r.compare(edit(t, e, r, r.params()))
		worst = max(worst, d)
		if d > exact {
			t.Errorf("%v: differs from diffusers by %.1e, more than %.0e", r, d, exact)
		}
	}
	t.Logf("largest difference: %.1e", worst)
}
