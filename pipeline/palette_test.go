package pipeline_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"uredit/models"
	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/pipelinetest"
)

// otherColours is a palette that shares no word with the built-in one.
const otherColours = `{"colours": [
	{"name": "mint", "srgb": "#60d8a0", "synonyms": ["jade"], "samples": ["#98ffcc", "#3eb489", "#1f7a5a"]},
	{"name": "plum", "srgb": "#703070", "synonyms": ["aubergine"], "samples": ["#8e4585", "#4b1f4b"]},
	{"name": "rust", "srgb": "#b7410e", "samples": ["#8b3a1a", "#d9622b"]},
	{"name": "stone", "srgb": "#808080", "samples": ["#404040", "#b0b0b0", "#f0f0f0"]}
]}`

// TestAnotherPalette edits with a bundle of other words and colours. Nothing
// but the bundle's folder differs, so nothing else can know a colour.
func TestAnotherPalette(t *testing.T) {
	dir := t.TempDir()
	palette, folder := filepath.Join(dir, "colours.json"), filepath.Join(dir, "bundle")
	if err := os.WriteFile(palette, []byte(otherColours), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "run", "uredit/models/generate", "-palette", palette, "-out", folder).CombinedOutput(); err != nil {
		t.Fatalf("generate: %v\n%s", err, out)
	}
	bundle, warnings, err := models.Open(folder)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("open: %v, warnings %q", err, warnings)
	}
	b := &bench{shared.tool, shared.runtime, shared.device, bundle}

	clip := redBall(640, 360, 90)
	clip.Balls[0].Colour = pipelinetest.RGB{62, 180, 137}
	input := shared.clip(t, clip, 3)
	s := spec()
	for _, c := range []struct {
		mask, edit string
		to         target
	}{
		{"mint ball", "make it plum", target{"plum", [3]float64{0x70, 0x30, 0x70}}},
		{"jade", "a rust thing", target{"rust", [3]float64{0xb7, 0x41, 0x0e}}},
	} {
		t.Run(c.to.word, func(t *testing.T) {
			s := s
			s.MaskPrompt, s.EditPrompt = c.mask, c.edit
			e, err := b.edit(t, input, s)
			if err != nil {
				t.Fatal(err)
			}
			if err := colourError(t, clip, e.output(), c.to, s.GuidanceScale, s.ImageGuidanceScale, s.ErodeKernel/2); err > 2 {
				t.Errorf("the mean error inside the shrunk mask is %.2f of 255, want at most 2", err)
			}
			scratch, mask := frame.New(clip.Width, clip.Height), frame.NewPlane(clip.Width, clip.Height)
			shared.frames(t, e.mask(), func(f *frame.Frame) {
				clip.Draw(scratch, f.Index, mask)
				if iou := overlap(f.Y(), mask); iou < 0.98 {
					t.Errorf("frame %d: intersection over union %.4f, want 0.98", f.Index, iou)
				}
			})
		})
	}
	t.Run("words of the built-in palette", func(t *testing.T) {
		s := s
		s.MaskPrompt = "green ball"
		if _, err := b.edit(t, input, s); err == nil || fault.Of(err).Code != fault.NothingFound {
			t.Errorf("error %v, want %s", err, fault.NothingFound)
		}
		s.MaskPrompt, s.EditPrompt = "mint ball", "make it blue"
		e, err := b.edit(t, input, s)
		if err != nil {
			t.Fatal(err)
		}
		source := frame.New(clip.Width, clip.Height)
		shared.frames(t, e.output(), func(f *frame.Frame) {
			// Words that name no colour change nothing but the last rounding.
			clip.Draw(source, f.Index)
			for i, v := range source.Pix {
				if d := int(f.Pix[i]) - int(v); d < -1 || d > 1 {
					t.Fatalf("frame %d: sample %d is %d, was %d", f.Index, i, f.Pix[i], v)
				}
			}
		})
	})
}
