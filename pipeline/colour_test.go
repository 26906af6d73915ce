package pipeline_test

import (
	"fmt"
	"math"
	"testing"

	"uredit/pipeline"
	"uredit/pipeline/frame"
	"uredit/pipeline/pipelinetest"
)

// The tests of this file know the built-in bundle from models/README.md alone:
// its closed form is written down here once more.

// target is a colour of the palette in sRGB, 0..255.
type target struct {
	word string
	rgb  [3]float64
}

// closedForm is what an edit makes of a sample in the middle of a smooth
// surface (sRGB, 0..255) at the given scales.
func closedForm(p [3]float64, t target, gs, igs float64) [3]float64 {
	luma := func(r, g, b float64) float64 { return 0.2126*r + 0.7152*g + 0.0722*b }
	r, g, b := p[0]/127.5-1, p[1]/127.5-1, p[2]/127.5-1
	iy := luma(r, g, b)
	ib, ir := (b-iy)/1.8556, (r-iy)/1.5748

	tr, tg, tb := t.rgb[0]/255, t.rgb[1]/255, t.rgb[2]/255
	y0 := luma(tr, tg, tb)
	y := min(max(y0, 0.01), 0.99)
	cb, cr := 2*(tb-y0)/1.8556, 2*(tr-y0)/1.5748
	below, above := min(0.50, 1.4*y), min(0.35, 1.4*(1-y))
	z := (iy+1)/2 - 0.5
	z = min(max(y+below*min(z, 0)+above*max(z, 0), 0), 1)
	sat := min(z/y, (1-z)/(1-y))
	dy, db, dr := 2*z-1, cb*sat, cr*sat

	at := func(i, d float64) float64 { return igs*i + gs/9*(d-1.5*i) }
	ly, lb, lr := at(iy, dy), at(ib, db), at(ir, dr)
	out := [3]float64{ly + 1.5748*lr, 0, ly + 1.8556*lb}
	out[1] = (ly - 0.2126*out[0] - 0.0722*out[2]) / 0.7152
	for k := range out {
		out[k] = 127.5 * (min(max(out[k], -1), 1) + 1)
	}
	return out
}

// Colours of generate/palette.json.
var (
	blue   = target{"blue", [3]float64{0x26, 0x57, 0xd9}}
	green  = target{"green", [3]float64{0x2e, 0xa8, 0x36}}
	yellow = target{"yellow", [3]float64{0xff, 0xd9, 0x1a}}
	white  = target{"white", [3]float64{0xf5, 0xf5, 0xf5}}
	black  = target{"black", [3]float64{0x18, 0x18, 0x18}}
)

// TestColourTruth edits a shaded ball and compares its shrunk mask with the
// closed form, sample by sample.
func TestColourTruth(t *testing.T) {
	clip := redBall(640, 360, 90)
	input := shared.clip(t, clip, 3)
	long := shared.clip(t, redBall(320, 240, 60), 8)
	for _, c := range []struct {
		name    string
		to      target
		gs, igs float64
		change  func(*pipeline.Spec)
	}{
		{"defaults", blue, 9, 1.5, nil},
		{"green", green, 9, 1.5, nil},
		{"yellow", yellow, 9, 1.5, nil},
		{"white", white, 9, 1.5, nil},
		{"black", black, 9, 1.5, nil},
		{"weaker text", blue, 7.5, 1.5, nil},
		{"half the text, plain image", blue, 4.5, 1, nil},
		{"stronger image", blue, 9, 2, nil},
		{"stronger text", green, 12, 1.2, nil},
		{"another sampler", blue, 9, 1.5, func(s *pipeline.Spec) { s.Scheduler = "dpmpp_2m" }},
		{"noise at every step", blue, 9, 1.5, func(s *pipeline.Spec) { s.Scheduler, s.Seed = "euler_a", 7 }},
		{"no smoothing", blue, 9, 1.5, func(s *pipeline.Spec) { s.Smoothing = pipeline.SmoothOff }},
		{"fifty steps", blue, 9, 1.5, func(s *pipeline.Spec) { s.Steps = 50 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := spec()
			s.EditPrompt, s.GuidanceScale, s.ImageGuidanceScale = "make the red ball "+c.to.word, c.gs, c.igs
			if c.change != nil {
				c.change(&s)
			}
			clip, input := clip, input
			if s.Steps == 50 {
				clip, input = redBall(320, 240, 60), long
			}
			e, err := shared.edit(t, input, s)
			if err != nil {
				t.Fatal(err)
			}
			if err := colourError(t, clip, e.output(), c.to, c.gs, c.igs, s.ErodeKernel/2); err > 2 {
				t.Errorf("the mean error inside the shrunk mask is %.2f of 255, want at most 2", err)
			}
		})
	}
}

// colourError is the mean difference, over R, G and B of all frames, between an
// edit of the clip and the closed form, where the ball's mask is left after an
// erosion by so many samples.
func colourError(t *testing.T, clip pipelinetest.Clip, output string, to target, gs, igs float64, erosion int) float64 {
	t.Helper()
	source, mask := frame.New(clip.Width, clip.Height), frame.NewPlane(clip.Width, clip.Height)
	sum, n := 0.0, 0
	shared.frames(t, output, func(f *frame.Frame) {
		clip.Draw(source, f.Index, mask)
		for i := range mask.Pix {
			mask.Pix[i] = ^mask.Pix[i]
		}
		outside := dilate(mask, erosion)
		for y := range clip.Height {
			for x, out := range outside.Row(y) {
				if out != 0 {
					continue
				}
				want := closedForm(pipelinetest.ToRGB(source, x, y), to, gs, igs)
				for k, v := range pipelinetest.ToRGB(f, x, y) {
					sum += math.Abs(min(max(v, 0), 255) - want[k])
					n++
				}
			}
		}
	})
	if n == 0 {
		t.Fatal("the erosion leaves nothing to compare")
	}
	return sum / float64(n)
}

// TestClosedFormCanFail shows that the comparison tells colours and scales
// apart.
func TestClosedFormCanFail(t *testing.T) {
	red := [3]float64{190, 40, 40}
	want := closedForm(red, blue, 9, 1.5)
	for name, got := range map[string][3]float64{
		"another colour": closedForm(red, green, 9, 1.5),
		"another scale":  closedForm(red, blue, 7.5, 1.5),
		"no edit":        red,
	} {
		if fmt.Sprintf("%.0f", got) == fmt.Sprintf("%.0f", want) {
			t.Errorf("%s gives the same", name)
		}
	}
}
