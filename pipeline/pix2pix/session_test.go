package pix2pix

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/tensor"
)

func start(t testing.TB, e *Editor, p Params) *Session {
	t.Helper()
	if p.Prompt == "" {
		p.Prompt = promptIs
	}
	s, err := e.Start(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func edit(t testing.TB, s *Session, width, height, x, y int) []float32 {
	t.Helper()
	dst := make([]float32, 3*width*height)
	if err := s.Edit(t.Context(), dst, picture(width, height), width, height, x, y); err != nil {
		t.Fatal(err)
	}
	return dst
}

func largest(a, b []float32) float64 {
	d := 0.
	for i := range a {
		d = max(d, math.Abs(float64(a[i]-b[i])))
	}
	return d
}

// TestEditIsTheClosedForm edits with exact networks: the result is the guided
// picture, whatever the scheduler, the steps, the noise and the scales.
func TestEditIsTheClosedForm(t *testing.T) {
	w := newWorld(t, nil)
	e := w.open(t)
	const width, height = 14, 10
	for _, scheduler := range append(Schedulers(), "") {
		for _, steps := range []int{1, 2, 5, 20} {
			for i, scales := range [][2]float64{{9, 1.5}, {7.5, 1}, {3, 2.25}, {1, 1}, {1, 1.5}, {4, 0.5}, {12, 3}} {
				p := Params{Steps: steps, Scheduler: scheduler, GuidanceScale: scales[0], ImageGuidanceScale: scales[1], Seed: 5}
				if i%2 == 0 {
					p.Negative = wrongIs
				}
				if i%3 == 0 {
					p.Noise = NoiseTorch
				}
				got := edit(t, start(t, e, p), width, height, 3, 7)
				if d := largest(got, guided(width, height, p.Negative, scales[0], scales[1])); d > 3e-3 {
					t.Errorf("%+v: off by %v", p, d)
				}
			}
		}
	}
}

// TestRows: only rows that have weight are computed.
func TestRows(t *testing.T) {
	w := newWorld(t, nil)
	e := w.open(t)
	for _, tt := range []struct {
		text, image float64
		rows        int
		warns       bool
	}{
		{9, 1.5, 3, false}, {9, 1, 2, false}, {1, 1, 1, false}, {1, 1.5, 1, true}, {9, 0.9, 1, true}, {0.5, 1, 1, true},
	} {
		w.rows = nil
		s := start(t, e, Params{Steps: 3, GuidanceScale: tt.text, ImageGuidanceScale: tt.image})
		edit(t, s, 8, 8, 0, 0)
		if want := []int{tt.rows, tt.rows, tt.rows}; !slices.Equal(w.rows, want) {
			t.Errorf("scales %v and %v: rows %v, want %v", tt.text, tt.image, w.rows, want)
		}
		if warns := len(s.Warnings()) > 0; warns != tt.warns {
			t.Errorf("scales %v and %v: warnings %q", tt.text, tt.image, s.Warnings())
		}
	}
}

// TestFirstInput: the UNet first sees unit noise times the schedule's first
// sigma, scaled as the solver asks.
func TestFirstInput(t *testing.T) {
	w := newWorld(t, nil)
	e := w.open(t)
	a := area{channels: fakeChannels, height: 4, width: 6, top: -2, left: 3}
	unit := make([]float32, fakeChannels*a.height*a.width)
	philox{9}.fill(unit, 0, a)
	const sigma = 14.614641
	for scheduler, factor := range map[string]float64{
		EulerAncestral: sigma / math.Sqrt(sigma*sigma+1), Euler: sigma / math.Sqrt(sigma*sigma+1), DDIM: 1, DPMSolver2M: 1, LCM: 1,
	} {
		w.first = nil
		edit(t, start(t, e, Params{Steps: 4, Scheduler: scheduler, GuidanceScale: 1, ImageGuidanceScale: 1, Seed: 9}), 12, 8, 6, -4)
		for i, v := range w.first {
			if math.Abs(float64(v)-factor*float64(unit[i])) > 1e-5 {
				t.Fatalf("%s: value %d is %v, want %v", scheduler, i, v, factor*float64(unit[i]))
			}
		}
	}
}

// TestNoiseStaysOnTheCanvas: a crop that moved by whole latent samples starts
// from the same noise at the same places; every frame starts anew.
func TestNoiseStaysOnTheCanvas(t *testing.T) {
	w := newWorld(t, nil)
	s := start(t, w.open(t), Params{Steps: 2, GuidanceScale: 1, ImageGuidanceScale: 1})
	first := func(x, y int) []float32 {
		w.first = nil
		edit(t, s, 16, 8, x, y)
		return w.first
	}
	at := func(v []float32, c, y, x int) float32 { return v[(c*4+y)*8+x] }
	here, again, moved := first(10, 20), first(10, 20), first(10+2*fakeFactor, 20-fakeFactor)
	if !slices.Equal(here, again) {
		t.Error("the second frame has other noise than the first")
	}
	for c := range fakeChannels {
		for y := range 3 {
			for x := range 6 {
				if at(here, c, y, x+2) != at(moved, c, y+1, x) {
					t.Fatalf("channel %d, row %d, column %d moved with the crop", c, y, x)
				}
			}
		}
	}
	if here := first(-1, -1); at(here, 0, 0, 0) != at(first(-2, -2), 0, 0, 0) {
		t.Error("a pixel left of the canvas is not in the latent column left of it")
	}
}

// TestTimestepTypes: whatever the type and rank of the timestep, it arrives.
func TestTimestepTypes(t *testing.T) {
	for _, kind := range []tensor.Type{tensor.Float32, tensor.Float16, tensor.Int64, tensor.Int32} {
		for _, shape := range [][]int64{{}, {1}, {-1}} {
			t.Run(fmt.Sprint(kind, shape), func(t *testing.T) {
				w := newWorld(t, nil)
				w.unet.inputs[1] = tensor.Info{Name: "timestep", Type: kind, Shape: shape}
				s := start(t, w.open(t), Params{Steps: 4, Scheduler: Euler, GuidanceScale: 2, ImageGuidanceScale: 2})
				edit(t, s, 8, 8, 0, 0)
				want := []float32{999, 666, 333, 0}
				if !slices.Equal(w.timesteps, want) {
					t.Errorf("timesteps %v, want %v", w.timesteps, want)
				}
				w.timesteps = nil
				edit(t, start(t, s.editor, Params{Steps: 6, Scheduler: Euler, GuidanceScale: 2, ImageGuidanceScale: 2}), 8, 8, 0, 0)
				fractional := []float32{999, 799.2, 599.4, 399.6, 199.8, 0}
				if !isFloat(kind) {
					fractional = []float32{999, 799, 599, 400, 200, 0}
				}
				if !slices.Equal(w.timesteps, fractional) {
					t.Errorf("timesteps %v, want %v", w.timesteps, fractional)
				}
			})
		}
	}
}

func TestEditRefusesSizes(t *testing.T) {
	w := newWorld(t, nil)
	s := start(t, w.open(t), Params{Steps: 1, GuidanceScale: 1, ImageGuidanceScale: 1})
	for _, tt := range []struct{ width, height, values int }{
		{9, 8, 3 * 72}, {8, 7, 3 * 56}, {0, 8, 0}, {-8, -8, 192}, {8, 8, 191},
	} {
		v := make([]float32, tt.values)
		if err := s.Edit(t.Context(), v, v, tt.width, tt.height, 0, 0); err == nil {
			t.Errorf("%+v: no error", tt)
		}
	}
}

func TestEditInPlaceAndOtherSizes(t *testing.T) {
	w := newWorld(t, nil)
	s := start(t, w.open(t), Params{Steps: 3, GuidanceScale: 5, ImageGuidanceScale: 1.5})
	for _, size := range [][2]int{{8, 8}, {20, 6}, {8, 8}, {2, 2}} {
		p := picture(size[0], size[1])
		if err := s.Edit(t.Context(), p, p, size[0], size[1], 0, 0); err != nil {
			t.Fatal(err)
		}
		if d := largest(p, guided(size[0], size[1], "", 5, 1.5)); d > 3e-3 {
			t.Errorf("%v: off by %v", size, d)
		}
	}
}

// recorder writes down which draws are asked for.
type recorder struct{ draws []int }

func (r *recorder) fill(_ []float32, draw int, _ area) { r.draws = append(r.draws, draw) }
func (r *recorder) another() noise                     { return r }

// TestDraws: each step has a draw of its own, and none is made that nobody uses.
func TestDraws(t *testing.T) {
	e := newWorld(t, nil).open(t)
	for scheduler, want := range map[string][]int{
		EulerAncestral: {0, 1, 2, 3}, LCM: {0, 1, 2, 3}, Euler: {0}, DDIM: {0}, DPMSolver2M: {0},
	} {
		s := start(t, e, Params{Steps: 4, Scheduler: scheduler, GuidanceScale: 1, ImageGuidanceScale: 1})
		r := &recorder{}
		s.noise = []noise{r}
		edit(t, s, 2, 2, 0, 0)
		if !slices.Equal(r.draws, want) {
			t.Errorf("%s: draws %v, want %v", scheduler, r.draws, want)
		}
	}
}

func TestWordsCutOff(t *testing.T) {
	e := newWorld(t, nil).open(t)
	long := strings.Repeat("a ", fakeTokens-2) + "b b b b b b b b b b"
	s := start(t, e, Params{Prompt: long, Negative: long, Steps: 1, GuidanceScale: 2, ImageGuidanceScale: 2})
	want := []string{
		`the prompt is too long for the text encoder, cut off from "b b b b b b b b ..." on`,
		`the negative prompt is too long for the text encoder, cut off from "b b b b b b b b ..." on`,
	}
	if got := s.Warnings(); !slices.Equal(got, want) {
		t.Errorf("warnings %q, want %q", got, want)
	}
}

func TestTimes(t *testing.T) {
	w := newWorld(t, nil)
	s := start(t, w.open(t), Params{Steps: 3, GuidanceScale: 9, ImageGuidanceScale: 1.5})
	edit(t, s, 64, 64, 0, 0)
	if networks, scheduler, noise := s.Times(); networks <= 0 || scheduler <= 0 || noise <= 0 {
		t.Errorf("times %v, %v, %v", networks, scheduler, noise)
	}
}
