package pipeline_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"slices"
	"testing"

	"uredit/pipeline"
	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/pipelinetest"
	"uredit/pipeline/preset"
)

// loop is a recording of what models/export/ur_edit.py did, and with which parameters.
type loop struct {
	Clip           string
	Frames         int
	Seed           uint64
	EditPrompt     string  `json:"edit_prompt"`
	Steps          int     `json:"steps"`
	Guidance       float64 `json:"guidance_scale"`
	ImageGuidance  float64 `json:"image_guidance_scale"`
	Erode          int     `json:"erode_kernel"`
	Padding        int     `json:"padding"`
	EditSize       int     `json:"edit_size"`
	Radius         float64 `json:"radius"`
	Window         int     `json:"smoothing_window"`
	Alpha          float64 `json:"smoothing_alpha"`
	recordedFrames [][]byte
}

func readLoop(t *testing.T) *loop {
	t.Helper()
	l := new(loop)
	data, err := os.ReadFile("preset/testdata/ur-edit/loop.json")
	if err := errors.Join(err, json.Unmarshal(data, l)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("preset/testdata/ur-edit/frames.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	planes, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	l.recordedFrames = slices.Collect(slices.Chunk(planes, len(planes)/l.Frames))
	return l
}

// TestPreset edits a clip with the preset and compares with the worker's loop in
// Python: the small SAM 3 finds the masks, the small Instruct-Pix2Pix edits, and
// the encoder is lossless.
func TestPreset(t *testing.T) {
	t.Parallel()
	l := readLoop(t)
	s := pipeline.Spec{
		SegmenterModel: "../models/testdata/sam3-tiny/sam3", EditorModel: "../models/testdata/pix2pix-tiny",
		MaskPrompt: "object", EditPrompt: l.EditPrompt, MaxFrames: l.Frames, EditPreset: preset.UREdit, Seed: l.Seed,
		Steps: l.Steps, GuidanceScale: l.Guidance, ImageGuidanceScale: l.ImageGuidance,
		ErodeKernel: l.Erode, Feather: l.Radius, CropPadding: l.Padding, EditSize: l.EditSize,
		Smoothing: pipeline.SmoothClassic, SmoothingWindow: l.Window, SmoothingAlpha: l.Alpha,
		Codec: "h264", CRF: 0, Preset: "ultrafast",
	}
	r, err := shared.edit(t, "../models/testdata/sam3-tiny/clips/"+l.Clip+".mp4", s)
	if err != nil {
		t.Fatal(err)
	}
	sum, samples := 0., 0
	n := shared.frames(t, r.output(), func(f *frame.Frame) {
		if f.Index >= len(l.recordedFrames) {
			return
		}
		own := 0.
		for i, want := range l.recordedFrames[f.Index] {
			d := float64(f.Pix[i]) - float64(want)
			own += d * d
		}
		if psnr := decibel(own / float64(len(f.Pix))); psnr < 45 {
			t.Errorf("frame %d: %.1f dB", f.Index, psnr)
		}
		sum, samples = sum+own, samples+len(f.Pix)
	})
	if n != l.Frames {
		t.Fatalf("%d frames, want %d", n, l.Frames)
	}
	t.Logf("%.1f dB", decibel(sum/float64(samples)))
}

// decibel is the PSNR of a mean squared difference of levels.
func decibel(meanSquare float64) float64 { return 10 * math.Log10(255*255/max(meanSquare, 1e-9)) }

func TestUnknownPreset(t *testing.T) {
	t.Parallel()
	s := spec()
	s.EditPreset = "other"
	_, err := shared.edit(t, shared.clip(t, pipelinetest.Clip{Width: 64, Height: 48, Background: pipelinetest.Texture}, 1), s)
	if f := fault.Of(err); f == nil || f.Code != fault.InputUnsupported || f.Hint == "" {
		t.Errorf("an unknown preset gives %v", err)
	}
}
