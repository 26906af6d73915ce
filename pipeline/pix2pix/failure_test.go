package pix2pix

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/fault"
	"uredit/pipeline/tensor"
)

// TestClampAndNaN: values beyond -1..1 are cut, values that are none are an
// error.
func TestClampAndNaN(t *testing.T) {
	w := newWorld(t, nil)
	s := start(t, w.open(t), Params{Steps: 1, GuidanceScale: 1, ImageGuidanceScale: 1})
	result := []float32{2, -2, 0.5, 1, -1, -0.25}
	w.toPicture.run = func(_ map[string]*tensor.Tensor, out *tensor.Tensor) error {
		copy(out.F32, result)
		return nil
	}
	if got, want := edit(t, s, 2, 2, 0, 0)[:6], []float32{1, -1, 0.5, 1, -1, -0.25}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	result[3] = float32(math.NaN())
	v := make([]float32, 12)
	err := s.Edit(t.Context(), v, v, 2, 2, 0, 0)
	if !errors.Is(err, errNaN) || fault.Of(err).Code != fault.ModelInvalid {
		t.Errorf("error %v", err)
	}
}

// TestNaNDoesNotStay: a frame that failed does not spoil the one after, also
// where a solver remembers the step before.
func TestNaNDoesNotStay(t *testing.T) {
	w := newWorld(t, nil)
	s := start(t, w.open(t), Params{Steps: 3, Scheduler: DPMSolver2M, GuidanceScale: 1, ImageGuidanceScale: 1})
	run := w.unet.run
	w.unet.run = func(_ map[string]*tensor.Tensor, out *tensor.Tensor) error {
		for i := range out.F32 {
			out.F32[i] = float32(math.NaN())
		}
		return nil
	}
	v := make([]float32, 12)
	if err := s.Edit(t.Context(), v, v, 2, 2, 0, 0); !errors.Is(err, errNaN) {
		t.Errorf("error %v", err)
	}
	w.unet.run = run
	edit(t, s, 2, 2, 0, 0)
}

// TestErrorsOfNetworks: an error of a network ends the edit and says where.
func TestErrorsOfNetworks(t *testing.T) {
	broken := errors.New("out of memory")
	for part, says := range map[string]string{"toLatents": "encode the picture", "unet": "step 1 of 4", "toPicture": "decode the picture"} {
		w := newWorld(t, nil)
		s := start(t, w.open(t), Params{Steps: 4, GuidanceScale: 1, ImageGuidanceScale: 1})
		f := map[string]*fake{"toLatents": w.toLatents, "unet": w.unet, "toPicture": w.toPicture}[part]
		f.run = func(map[string]*tensor.Tensor, *tensor.Tensor) error { return broken }
		v := make([]float32, 12)
		if err := s.Edit(t.Context(), v, v, 2, 2, 0, 0); !errors.Is(err, broken) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v, want one that says %q", part, err, says)
		}
	}
}

func TestCancel(t *testing.T) {
	w := newWorld(t, nil)
	e := w.open(t)
	s := start(t, e, Params{Steps: 4, GuidanceScale: 1, ImageGuidanceScale: 1})
	ctx, cancel := context.WithCancel(t.Context())
	unet := w.unet.run
	calls := 0
	w.unet.run = func(in map[string]*tensor.Tensor, out *tensor.Tensor) error {
		if calls++; calls == 2 {
			cancel()
		}
		return unet(in, out)
	}
	v := make([]float32, 12)
	if err := s.Edit(ctx, v, v, 2, 2, 0, 0); !errors.Is(err, context.Canceled) || calls != 2 {
		t.Errorf("error %v after %d steps", err, calls)
	}
	if _, err := e.Start(ctx, Params{Steps: 1, GuidanceScale: 1, ImageGuidanceScale: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("Start: error %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	e := newWorld(t, nil).open(t)
	for name, p := range map[string]Params{
		"scheduler": {Steps: 1, Scheduler: "heun"}, "no steps": {}, "steps": {Steps: 51, Scheduler: LCM},
		"noise": {Steps: 1, Noise: "perlin"}, "scale": {Steps: 1, GuidanceScale: math.NaN()},
		"infinite scale": {Steps: 1, ImageGuidanceScale: math.Inf(1)},
	} {
		_, err := e.Start(t.Context(), p)
		if f := fault.Of(err); err == nil || f.Code != fault.InputUnsupported || f.Hint == "" {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestVocabulary: a folder that knows some words only refuses others.
func TestVocabulary(t *testing.T) {
	e := newWorld(t, map[string]string{"vocabulary.json": `{"words":["a"],"passed_over":["the"],"about":"a alone"}`}).open(t)
	for prompt, good := range map[string]bool{"the A": true, "a b": false, "the": false} {
		_, err := e.Start(t.Context(), Params{Prompt: prompt, Steps: 1})
		if good != (err == nil) {
			t.Errorf("%q: %v", prompt, err)
		}
		if f := fault.Of(err); err != nil && (f.Code != fault.UnknownWords || !strings.Contains(f.Hint, "a alone")) {
			t.Errorf("%q: code %s, hint %q", prompt, f.Code, f.Hint)
		}
	}
}
