package pix2pix

import (
	"errors"
	"slices"
	"testing"
	"time"

	"uredit/pipeline/tensor"
)

// announced is noise whose draws wait until someone takes note of them.
type announced struct {
	noise
	drawn chan int
}

func (a announced) fill(dst []float32, draw int, at area) {
	a.noise.fill(dst, draw, at)
	a.drawn <- draw
}

// TestNoiseIsDrawnMeanwhile has each network run until the noise that is wanted
// after it is drawn. One that fails leaves no draw behind.
func TestNoiseIsDrawnMeanwhile(t *testing.T) {
	w := newWorld(t, nil)
	s := start(t, w.open(t), Params{Steps: 3, Scheduler: EulerAncestral, GuidanceScale: 1, ImageGuidanceScale: 1})
	drawn := make(chan int)
	s.noise[0] = announced{s.noise[0], drawn}
	var draws []int
	wait := func() {
		select {
		case draw := <-drawn:
			draws = append(draws, draw)
		case <-time.After(10 * time.Second):
			t.Fatal("nothing is drawn while a network runs")
		}
	}
	encode, denoise := w.toLatents.run, w.unet.run
	w.toLatents.run = func(in map[string]*tensor.Tensor, out *tensor.Tensor) error {
		wait()
		return encode(in, out)
	}
	steps, fails := 0, -1
	broken := errors.New("broken")
	w.unet.run = func(in map[string]*tensor.Tensor, out *tensor.Tensor) error {
		if steps++; steps < 3 { // the last step wants no noise
			wait()
		}
		if steps == fails {
			return broken
		}
		return denoise(in, out)
	}
	v := make([]float32, 3*8*8)
	fails = 2
	if err := s.Edit(t.Context(), v, v, 8, 8, 0, 0); !errors.Is(err, broken) {
		t.Fatalf("error %v", err)
	}
	steps, fails = 0, -1
	if err := s.Edit(t.Context(), v, v, 8, 8, 0, 0); err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 1, 2, 0, 1, 2}; !slices.Equal(draws, want) {
		t.Errorf("draws %v, want %v", draws, want)
	}
}
