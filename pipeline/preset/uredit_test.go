package preset_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/media"
	"uredit/pipeline/onnx/onnxtest"
	"uredit/pipeline/opencv"
	"uredit/pipeline/pix2pix"
	"uredit/pipeline/preset"
)

const (
	models   = "../../models/testdata"
	recorded = "testdata/ur-edit"
)

// parameters are those that models/export/ur_edit.py edited with.
type parameters struct {
	Clip          string
	Frames        int
	Seed          uint64
	EditPrompt    string  `json:"edit_prompt"`
	Steps         int     `json:"steps"`
	Guidance      float64 `json:"guidance_scale"`
	ImageGuidance float64 `json:"image_guidance_scale"`
	Erode         int     `json:"erode_kernel"`
	Padding       int     `json:"padding"`
	EditSize      int     `json:"edit_size"`
	Radius        float64 `json:"radius"`
	Window        int     `json:"smoothing_window"`
	Alpha         float64 `json:"smoothing_alpha"`
}

// TestUREdit edits a clip and compares with the worker's loop in Python, on the
// same networks and with the same masks.
func TestUREdit(t *testing.T) {
	var p parameters
	readJSON(t, filepath.Join(recorded, "loop.json"), &p)
	w, h, masks := readMasks(t, p.Clip)
	want := slices.Collect(slices.Chunk(unzip(t, filepath.Join(recorded, "frames.gz")), frame.Size(w, h)))
	if len(want) != p.Frames {
		t.Fatalf("%d frames are recorded, not %d", len(want), p.Frames)
	}
	ops := opencv.New()
	defer ops.Close()
	colour := media.Colour{Matrix: "bt709", Range: "tv"}
	view, err := preset.NewView(ops, preset.Options{
		Width: w, Height: h, Colour: colour, Erode: p.Erode, Radius: p.Radius,
		Padding: p.Padding, EditSize: p.EditSize, Multiple: 8,
	})
	if err != nil {
		t.Fatal(err)
	}
	colours, err := preset.NewColours(colour, w, h)
	if err != nil {
		t.Fatal(err)
	}
	session := open(t, pix2pix.Params{
		Prompt: p.EditPrompt, Steps: p.Steps, GuidanceScale: p.Guidance, ImageGuidanceScale: p.ImageGuidance,
		Scheduler: pix2pix.EulerAncestral, Seed: p.Seed, Noise: pix2pix.NoiseTorchStream,
	})
	mean := preset.NewMean(p.Window, p.Alpha)
	out, next, sum := frame.New(w, h), 0, 0.
	compare := func(done []*preset.Picture) {
		for _, d := range done {
			colours.Planes(out, d.RGB)
			off := difference(out.Pix, want[next])
			if db := decibel(off); db < 45 {
				t.Errorf("frame %d: %.1f dB", next, db)
			}
			sum += off / float64(p.Frames)
			next++
		}
	}
	for i, f := range decode(t, p.Clip, w, h)[:p.Frames] {
		picture := &preset.Picture{}
		if view.Take(picture, f, masks[i]) {
			source := make([]float32, 3*picture.Width*picture.Height)
			edit := func() error { return session.Edit(t.Context(), source, source, picture.Width, picture.Height, 0, 0) }
			if err := errors.Join(view.Source(source, picture), edit(), preset.Paste(picture, source)); err != nil {
				t.Fatal(err)
			}
		}
		compare(mean.Push(picture))
	}
	compare(mean.Flush())
	if next != p.Frames {
		t.Errorf("%d frames came out of %d", next, p.Frames)
	}
	t.Logf("%.1f dB", decibel(sum))
}

// difference is the mean squared difference of levels.
func difference(a, b []byte) (mean float64) {
	for i, v := range a {
		d := float64(v) - float64(b[i])
		mean += d * d / float64(len(a))
	}
	return mean
}

// decibel is the PSNR of a mean squared difference.
func decibel(mean float64) float64 { return 10 * math.Log10(255*255/max(mean, 1e-9)) }

// open starts a session of the small Instruct-Pix2Pix.
func open(t *testing.T, p pix2pix.Params) *pix2pix.Session {
	t.Helper()
	e, err := pix2pix.Open(t.Context(), filepath.Join(models, "pix2pix-tiny"), onnxtest.Device(t).Load)
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Start(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// readMasks returns the size of a clip of the small SAM 3 and, for each frame,
// the union of the objects that are recorded for it.
func readMasks(t *testing.T, clip string) (w, h int, masks []frame.Plane) {
	t.Helper()
	var r struct {
		Width, Height int
		Frames        []struct {
			Objects []struct{ RLE struct{ Counts []int } }
		}
	}
	if err := json.Unmarshal(unzip(t, filepath.Join(models, "sam3-tiny/clips", clip+".json.gz")), &r); err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Frames {
		mask := frame.NewPlane(r.Width, r.Height)
		for _, o := range f.Objects {
			at := 0
			for i, n := range o.RLE.Counts { // column by column, zeros first
				for ; n > 0; n-- {
					if i%2 == 1 {
						mask.Pix[at%r.Height*r.Width+at/r.Height] = 255
					}
					at++
				}
			}
		}
		masks = append(masks, mask)
	}
	return r.Width, r.Height, masks
}

// decode returns the frames of a clip of the small SAM 3.
func decode(t *testing.T, clip string, w, h int) (frames []*frame.Frame) {
	t.Helper()
	raw, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", filepath.Join(models, "sam3-tiny/clips", clip+".mp4"),
		"-pix_fmt", "yuv420p", "-f", "rawvideo", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pix := range slices.Chunk(raw, frame.Size(w, h)) {
		frames = append(frames, &frame.Frame{Index: len(frames), Width: w, Height: h, Pix: pix})
	}
	return frames
}

func unzip(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readJSON(t *testing.T, name string, to any) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err := errors.Join(err, json.Unmarshal(data, to)); err != nil {
		t.Fatal(err)
	}
}
