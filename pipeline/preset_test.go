package pipeline_test

import (
	"bytes"
	"errors"
	"testing"

	"uredit/pipeline"
	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/opencv"
	"uredit/pipeline/pipelinetest"
	"uredit/pipeline/pix2pix"
	"uredit/pipeline/preset"
)

// TestPreset edits with the preset "ur-edit" and by hand, with the masks of the
// edit: package preset's own test compares that with Python.
func TestPreset(t *testing.T) {
	t.Parallel()
	const n = 6
	red := pipelinetest.RGB{200, 30, 30}
	input := shared.clip(t, pipelinetest.Clip{
		Width: 192, Height: 128, Background: pipelinetest.Texture,
		Balls: []pipelinetest.Ball{{Colour: red, Radius: 30, At: pipelinetest.Glide(60, 64, 7, -2)}},
	}, n)
	s := spec()
	s.EditPreset, s.Steps, s.EditSize, s.CropPadding, s.Seed = preset.UREdit, 2, 128, 20, 5
	r, err := shared.edit(t, input, s)
	if err != nil {
		t.Fatal(err)
	}
	want := byHand(t, s, input, r.mask())
	if len(want) != n {
		t.Fatalf("%d frames by hand, want %d", len(want), n)
	}
	got := shared.frames(t, r.output(), func(f *frame.Frame) {
		if !bytes.Equal(f.Pix, want[f.Index]) {
			t.Errorf("frame %d is not what the loop makes", f.Index)
		}
	})
	if got != n {
		t.Errorf("%d frames, want %d", got, n)
	}
}

// byHand runs the loop of the preset and returns its frames' samples.
func byHand(t *testing.T, s pipeline.Spec, input, maskFile string) (frames [][]byte) {
	t.Helper()
	folder, err := shared.bundle.Pix2Pix()
	if err != nil {
		t.Fatal(err)
	}
	editor, err := pix2pix.Open(t.Context(), folder, shared.device.Load)
	if err != nil {
		t.Fatal(err)
	}
	session, err := editor.Start(t.Context(), pix2pix.Params{
		Prompt: s.EditPrompt, Steps: s.Steps, GuidanceScale: s.GuidanceScale, ImageGuidanceScale: s.ImageGuidanceScale,
		Scheduler: pix2pix.EulerAncestral, Seed: s.Seed, Noise: pix2pix.NoiseTorchStream,
	})
	if err != nil {
		t.Fatal(err)
	}
	var masks []frame.Plane
	shared.frames(t, maskFile, func(f *frame.Frame) {
		mask := frame.NewPlane(f.Width, f.Height)
		for i, v := range f.Y().Pix {
			if v > 128 {
				mask.Pix[i] = 255
			}
		}
		masks = append(masks, mask)
	})
	ops := opencv.New()
	defer ops.Close()
	var view *preset.View
	var colours *preset.Colours
	mean := preset.NewMean(s.SmoothingWindow, s.SmoothingAlpha)
	out := &frame.Frame{}
	take := func(done []*preset.Picture) {
		for _, p := range done {
			colours.Planes(out, p.RGB)
			frames = append(frames, bytes.Clone(out.Pix))
		}
	}
	shared.frames(t, input, func(f *frame.Frame) {
		if view == nil {
			out = frame.New(f.Width, f.Height)
			o := preset.Options{
				Width: f.Width, Height: f.Height, Colour: pipelinetest.Colour(), Erode: s.ErodeKernel,
				Radius: s.Feather, Padding: s.CropPadding, EditSize: s.EditSize, Multiple: 8,
			}
			var err2 error
			view, err = preset.NewView(ops, o)
			colours, err2 = preset.NewColours(o.Colour, f.Width, f.Height)
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
		}
		p := &preset.Picture{}
		if view.Take(p, f, masks[f.Index]) {
			v := make([]float32, 3*p.Width*p.Height)
			edit := func() error { return session.Edit(t.Context(), v, v, p.Width, p.Height, 0, 0) }
			if err := errors.Join(view.Source(v, p), edit(), preset.Paste(p, v)); err != nil {
				t.Fatal(err)
			}
		}
		take(mean.Push(p))
	})
	take(mean.Flush())
	return frames
}

func TestUnknownPreset(t *testing.T) {
	t.Parallel()
	s := spec()
	s.EditPreset = "other"
	_, err := shared.edit(t, shared.clip(t, pipelinetest.Clip{Width: 64, Height: 48, Background: pipelinetest.Texture}, 1), s)
	if f := fault.Of(err); f == nil || f.Code != fault.InputUnsupported || f.Hint == "" {
		t.Errorf("an unknown preset gives %v", err)
	}
}
