package pipeline_test

import (
	"context"
	"errors"
	"image"
	"image/png"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"uredit/pipeline"
	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/pipelinetest"
)

// redBall is a clip of a shaded red ball that glides over a texture.
func redBall(w, h int, radius float64) pipelinetest.Clip {
	return pipelinetest.Clip{
		Width: w, Height: h, Background: pipelinetest.Texture,
		Balls: []pipelinetest.Ball{{
			Colour: pipelinetest.RGB{210, 40, 40}, Radius: radius, Shaded: true,
			At: pipelinetest.Glide(float64(w)/3, float64(h)/2, 5, -2),
		}},
	}
}

// reach is how far outside a drawn object an edit of spec() can be seen, in
// samples: its soft edge lies inside the mask, which may be found a little too
// large.
const reach = 2

// TestOutsideTheMask shows what the project promises: a sample that the
// feathered mask does not touch is the decoder's own.
func TestOutsideTheMask(t *testing.T) {
	const n = 6
	c := redBall(640, 360, 60)
	input := shared.clip(t, c, n)
	for _, smoothing := range []string{pipeline.SmoothOff, pipeline.SmoothMotion, pipeline.SmoothClassic} {
		t.Run(smoothing, func(t *testing.T) {
			t.Parallel()
			s := spec()
			s.Smoothing = smoothing
			e, err := shared.edit(t, input, s)
			if err != nil {
				t.Fatal(err)
			}
			source := frame.New(c.Width, c.Height)
			mask := frame.NewPlane(c.Width, c.Height)
			inside := 0
			got := shared.frames(t, e.output(), func(f *frame.Frame) {
				c.Draw(source, f.Index, mask)
				near := dilate(mask, reach)
				for i, touched := range near.Pix {
					if touched == 0 && f.Pix[i] != source.Pix[i] {
						t.Fatalf("frame %d: luma sample %d is %d, was %d", f.Index, i, f.Pix[i], source.Pix[i])
					}
					if mask.Pix[i] > 0 && f.Pix[i] != source.Pix[i] {
						inside++
					}
				}
				for y := range c.Height / 2 {
					for x := range c.Width / 2 {
						if near.Row(2 * y)[2*x]|near.Row(2 * y)[2*x+1]|near.Row(2*y + 1)[2*x]|near.Row(2*y + 1)[2*x+1] != 0 {
							continue
						}
						if f.Cb().Row(y)[x] != source.Cb().Row(y)[x] || f.Cr().Row(y)[x] != source.Cr().Row(y)[x] {
							t.Fatalf("frame %d: chroma sample (%d, %d) changed", f.Index, x, y)
						}
					}
				}
			})
			if got != n {
				t.Errorf("%d frames, want %d", got, n)
			}
			if inside == 0 {
				t.Error("nothing changed inside the mask either")
			}
		})
	}
}

// dilate marks every sample that is within r samples of a mask, in a square.
func dilate(mask frame.Plane, r int) frame.Plane {
	rows := frame.NewPlane(mask.Width, mask.Height)
	for y := range mask.Height {
		spread(rows.Row(y), mask.Row(y), r)
	}
	out := frame.NewPlane(mask.Width, mask.Height)
	column, wide := make([]byte, mask.Height), make([]byte, mask.Height)
	for x := range mask.Width {
		for y := range column {
			column[y] = rows.Row(y)[x]
		}
		spread(wide, column, r)
		for y := range wide {
			out.Row(y)[x] = wide[y]
		}
	}
	return out
}

func spread(dst, src []byte, r int) {
	clear(dst)
	for i, v := range src {
		if v > 0 {
			for k := max(0, i-r); k <= min(len(src)-1, i+r); k++ {
				dst[k] = 255
			}
		}
	}
}

// TestMasks compares the preview with the drawn masks.
func TestMasks(t *testing.T) {
	for _, c := range []struct {
		name, prompt string
		ball         pipelinetest.RGB
		background   func(x, y, i int) pipelinetest.RGB
	}{
		{"red on texture", "red ball", pipelinetest.RGB{210, 40, 40}, pipelinetest.Texture},
		{"green on grey", "the green thing", pipelinetest.RGB{40, 170, 60}, pipelinetest.Flat(pipelinetest.RGB{90, 90, 90})},
		{"blue on white", "blue", pipelinetest.RGB{40, 70, 220}, pipelinetest.Flat(pipelinetest.RGB{235, 235, 235})},
		{"yellow on blue", "yellow ball", pipelinetest.RGB{230, 210, 40}, pipelinetest.Flat(pipelinetest.RGB{40, 60, 140})},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			clip := redBall(1280, 720, 90)
			clip.Background = c.background
			clip.Balls[0].Colour = c.ball
			s := spec()
			s.MaskPrompt, s.Steps = c.prompt, 1
			e, err := shared.edit(t, shared.clip(t, clip, 3), s)
			if err != nil {
				t.Fatal(err)
			}
			scratch, mask := frame.New(1280, 720), frame.NewPlane(1280, 720)
			shared.frames(t, e.mask(), func(f *frame.Frame) {
				clip.Draw(scratch, f.Index, mask)
				if iou := overlap(f.Y(), mask); iou < 0.98 {
					t.Errorf("frame %d: intersection over union %.4f, want 0.98", f.Index, iou)
				}
			})
		})
	}
}

// overlap is the intersection over union of a preview and a mask.
func overlap(preview, mask frame.Plane) float64 {
	both, either := 0, 0
	for i, v := range preview.Pix {
		a, b := v > 126, mask.Pix[i] > 0
		if a && b {
			both++
		}
		if a || b {
			either++
		}
	}
	return float64(both) / float64(either)
}

// TestSomeFramesAreEmpty lets the ball appear late: the frames before pass
// through untouched and a warning counts them.
func TestSomeFramesAreEmpty(t *testing.T) {
	c := redBall(320, 240, 40)
	glide := c.Balls[0].At
	c.Balls[0].At = func(i int) (float64, float64, bool) {
		x, y, _ := glide(i)
		return x, y, i >= 4
	}
	e, err := shared.edit(t, shared.clip(t, c, 7), spec())
	if err != nil {
		t.Fatal(err)
	}
	if e.Frames != 7 || e.EmptyFrames != 4 {
		t.Errorf("%d of %d frames empty, want 4 of 7", e.EmptyFrames, e.Frames)
	}
	if !slices.ContainsFunc(e.Warnings, func(s string) bool { return strings.Contains(s, "4 of 7 frames") }) {
		t.Errorf("no warning counts the empty frames: %q", e.Warnings)
	}
	source := frame.New(c.Width, c.Height)
	shared.frames(t, e.output(), func(f *frame.Frame) {
		c.Draw(source, f.Index)
		if same := slices.Equal(f.Pix, source.Pix); same != (f.Index < 4) {
			t.Errorf("frame %d: untouched is %t", f.Index, same)
		}
	})
}

// TestFailures is the table of edits that cannot be.
func TestFailures(t *testing.T) {
	ball := shared.clip(t, redBall(320, 240, 40), 2)
	text := t.TempDir() + "/x.mp4"
	if err := os.WriteFile(text, []byte("no video at all\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, input, code, stage string
		change                   func(*pipeline.Spec)
	}{
		{"nothing is named", ball, fault.NothingFound, "propagating", func(s *pipeline.Spec) { s.MaskPrompt = "green" }},
		{"no object has the number", ball, fault.NothingFound, "propagating", func(s *pipeline.Spec) { s.Instances = "7" }},
		{"a box outside", ball, fault.InputUnsupported, "extracting", func(s *pipeline.Spec) { s.MaskBoxes = []image.Rectangle{image.Rect(320, 0, 330, 20)} }},
		{"nothing in the box", ball, fault.NothingFound, "masking", func(s *pipeline.Spec) { s.MaskBoxes = []image.Rectangle{image.Rect(0, 0, 20, 20)} }},
		{"nothing is left", shared.clip(t, redBall(320, 240, 3), 2), fault.NothingFound, "saving", func(s *pipeline.Spec) { s.ErodeKernel = 30 }},
		{"not a video", text, fault.InputUnreadable, "extracting", nil},
		{"no such frame", ball, fault.InputUnreadable, "masking", func(s *pipeline.Spec) { s.SingleFrame, s.FrameIndex = true, 9 }},
		{"no such model", ball, fault.ModelMissing, "extracting", func(s *pipeline.Spec) { s.EditorModel = t.TempDir() }},
		{"no such scheduler", ball, "", "editing", func(s *pipeline.Spec) { s.Scheduler = "magic" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := spec()
			if c.change != nil {
				c.change(&s)
			}
			_, err := shared.edit(t, c.input, s)
			f, ok := errors.AsType[*fault.Error](err)
			if !ok {
				t.Fatalf("error is %v, no fault", err)
			}
			if c.code != "" && f.Code != c.code || f.Stage != c.stage {
				t.Errorf("%s in stage %s, want %s in %s: %v", f.Code, f.Stage, c.code, c.stage, err)
			}
		})
	}
}

// TestSingleFrame edits one frame of a video into a picture.
func TestSingleFrame(t *testing.T) {
	c := redBall(320, 240, 40)
	s := spec()
	s.SingleFrame, s.FrameIndex = true, 3
	e, err := shared.edit(t, shared.clip(t, c, 5), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{e.output(), e.mask()} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		m, err := png.Decode(f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if m.Bounds().Dx() != 320 || m.Bounds().Dy() != 240 {
			t.Errorf("%s is %v", name, m.Bounds())
		}
		x, y, _ := c.Balls[0].At(3)
		r, g, b, _ := m.At(int(x), int(y)).RGBA()
		if name == e.output() && !(b > 2*r && b > g) {
			t.Errorf("the ball's centre is (%d, %d, %d), not blue", r>>8, g>>8, b>>8)
		}
		if name == e.mask() && r>>8 < 250 {
			t.Errorf("the mask's centre is %d, not white", r>>8)
		}
	}
}

// TestCancel ends an edit in the middle of the network's steps.
func TestCancel(t *testing.T) {
	before := runtime.NumGoroutine()
	input := shared.clip(t, redBall(640, 360, 80), 4)
	dir := t.TempDir()
	work, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer work.Close()
	in, err := os.Open(input)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	s := spec()
	s.Input, s.Work, s.Steps = in, work, 1000
	why := errors.New("somebody said stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	var at time.Time
	_, err = shared.engine().Edit(ctx, s, func(p pipeline.Progress) {
		if p.Stage == pipeline.Editing && at.IsZero() {
			at = time.Now()
			cancel(why)
		}
	})
	if !errors.Is(err, why) {
		t.Errorf("error is %v, want %v", err, why)
	}
	if took := time.Since(at); took > 5*time.Second {
		t.Errorf("the edit ended %v after it was cancelled", took)
	}
	settled(t, "a cancelled edit", before)
}
