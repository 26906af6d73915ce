package colours

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"uredit/pipeline/pipelinetest"
)

const width, height = 1280, 720

// bytesOf returns a colour in 8 bits.
func bytesOf(c rgb) pipelinetest.RGB {
	var b pipelinetest.RGB
	for i, v := range c {
		b[i] = uint8(math.Round(255 * v))
	}
	return b
}

// grain is a texture of a colour: smooth patches and noise.
func grain(c pipelinetest.RGB, seed uint64) func(x, y, i int) pipelinetest.RGB {
	r := rand.New(rand.NewPCG(seed, 0))
	noise := make([]float64, width*height)
	for i := range noise {
		noise[i] = 12 * r.NormFloat64()
	}
	return func(x, y, _ int) pipelinetest.RGB {
		v := 18*math.Sin(float64(x)/23)*math.Cos(float64(y)/17) + noise[y*width+x]
		var out pipelinetest.RGB
		for k := range out {
			out[k] = uint8(min(max(float64(c[k])+v, 0), 255))
		}
		return out
	}
}

// ballsOf places balls of the palette's colours, from the first on, four in a
// picture with radii of 60 to 150.
func ballsOf(palette []colour, shaded bool) (balls []pipelinetest.Ball) {
	places := [4][3]float64{{160.3, 180.8, 60}, {480, 240.5, 150}, {1010.7, 200, 110}, {250, 540.2, 90}}
	for i, c := range palette {
		p := places[i]
		balls = append(balls, pipelinetest.Ball{
			Colour: bytesOf(c.target), Radius: p[2], At: pipelinetest.Glide(p[0], p[1], 0, 0), Shaded: shaded,
		})
	}
	return balls
}

// TestMasks: each colour's ball, flat and shaded, four at a time before plain
// and textured backgrounds, overlaps its mask by at least 0.98.
func TestMasks(t *testing.T) {
	palette := builtinColours(t)
	h := newHost(t, palette)
	tests := []struct {
		name       string
		background func(x, y, i int) pipelinetest.RGB
		same       []string // colours that the background has itself
	}{
		{"flat green", pipelinetest.Flat(pipelinetest.RGB{70, 130, 60}), []string{"green"}},
		{"textured green", grain(pipelinetest.RGB{80, 125, 70}, 1), []string{"green"}},
		{"textured blue", grain(pipelinetest.RGB{70, 100, 170}, 2), []string{"blue"}},
		{"textured grey", pipelinetest.Texture, []string{"gray", "white", "brown"}},
	}
	worst := 1.0
	for _, test := range tests {
		visible := slices.DeleteFunc(slices.Clone(palette), func(c colour) bool {
			return slices.Contains(test.same, c.words[0])
		})
		for _, shaded := range []bool{false, true} {
			for four := range slices.Chunk(visible, 4) {
				picture, masks := draw(pipelinetest.Clip{
					Width: width, Height: height, Background: test.background, Balls: ballsOf(four, shaded),
				})
				maps := h.see(t, picture, width, height)
				for i, c := range four {
					found := h.find(t, maps, c.words[0]+" ball")
					if found[0].F32[0] != 1 || slices.Max(found[0].F32[1:]) != 0 {
						t.Errorf("%s: %s: scores %v, want 1 0 0 0", test.name, c.words[0], found[0].F32)
					}
					iou := overlap(found[2], 0, masks[i])
					worst = min(worst, iou)
					if iou < 0.98 {
						t.Errorf("%s, shaded %v: %s: overlap %.4f, want 0.98", test.name, shaded, c.words[0], iou)
					}
				}
			}
		}
	}
	t.Logf("worst overlap %.4f", worst)
}

// TestPrompts says which of three balls a prompt finds.
func TestPrompts(t *testing.T) {
	palette := builtinColours(t)
	h := newHost(t, palette)
	named := func(name string) colour {
		return palette[slices.IndexFunc(palette, func(c colour) bool { return c.words[0] == name })]
	}
	three := []colour{named("red"), named("blue"), named("yellow")}
	picture, _ := draw(pipelinetest.Clip{
		Width: width, Height: height, Background: pipelinetest.Flat(pipelinetest.RGB{70, 130, 60}), Balls: ballsOf(three, false),
	})
	maps := h.see(t, picture, width, height)
	red := []float64{100.3 / width, 120.8 / height, 220.3 / width, 240.8 / height}
	tests := []struct {
		prompt string
		found  int
		red    bool // the first is the red ball
	}{
		{"red ball", 1, true},
		{"The RED car!", 1, true},
		{"car, red", 1, true},
		{"scarlet", 1, true},
		{"red and blue things", 2, true},
		{"blue-and-red", 2, true},
		{"yellow, blue, red", 3, true},
		{"yellow", 1, false},
		{"red red red", 1, true},
		{"purple ball", 0, false},
		{"purple and red", 1, false}, // purple is a query of its own, with score 0
		{"ball", 0, false},
		{"reddish", 0, false},
		{"", 0, false},
	}
	for _, test := range tests {
		out := h.find(t, maps, test.prompt)
		scores, boxes := out[0].F32, out[1].F32
		n := 0
		for i, s := range scores {
			if s != 0 && s != 1 {
				t.Errorf("%q: score %v", test.prompt, s)
			}
			n += int(s)
			if s == 0 && slices.Max(boxes[4*i:4*i+4]) != 0 {
				t.Errorf("%q: a box without a score: %v", test.prompt, boxes[4*i:4*i+4])
			}
		}
		if n != test.found {
			t.Errorf("%q finds %d, want %d", test.prompt, n, test.found)
		}
		for i := range red {
			if test.red && math.Abs(float64(boxes[i])-red[i]) > 1.0/imageSize {
				t.Errorf("%q: box %v, want %v", test.prompt, boxes[:4], red)
				break
			}
		}
	}
}

// TestEmptyPicture: no name, no noise, no NaN in pictures without anything.
func TestEmptyPicture(t *testing.T) {
	h := newHost(t, builtinColours(t))
	for name, v := range map[string]float64{"black": 0, "white": 1} {
		picture := slices.Repeat([]float64{v}, 3*width*height)
		maps := h.see(t, picture, width, height)
		for _, prompt := range []string{"red", name} {
			out := h.find(t, maps, prompt)
			want := float32(0)
			if prompt == name {
				want = 1
			}
			if out[0].F32[0] != want {
				t.Errorf("%s picture, %q: score %v, want %v", name, prompt, out[0].F32[0], want)
			}
			if i := slices.IndexFunc(out[2].F32, func(l float32) bool { return !(l >= -certainty && l <= certainty) }); i >= 0 {
				t.Errorf("%s picture, %q: logit %v", name, prompt, out[2].F32[i])
			}
		}
	}
}
