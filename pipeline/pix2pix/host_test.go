package pix2pix

import (
	"testing"

	"uredit/pipeline/tensor"
)

// idle is a network that takes no time and leaves its output alone.
func (w *world) idle() {
	none := func(map[string]*tensor.Tensor, *tensor.Tensor) error { return nil }
	w.unet.run, w.toLatents.run, w.toPicture.run = none, none, none
}

func TestEditAllocatesNothing(t *testing.T) {
	w := newWorld(t, nil)
	e := w.open(t)
	w.idle()
	for _, scheduler := range Schedulers() {
		for _, noise := range []string{NoisePhilox, NoiseTorch} {
			s := start(t, e, Params{Steps: 5, Scheduler: scheduler, Noise: noise, GuidanceScale: 9, ImageGuidanceScale: 1.5})
			v := make([]float32, 3*32*32)
			batch := []Picture{{v, v, 0, 0}, {v, v, 5, 5}, {v, v, 9, -9}}
			ctx := t.Context()
			if n := testing.AllocsPerRun(5, func() {
				if err := s.Edit(ctx, v, v, 32, 32, 5, 5); err != nil {
					t.Error(err)
				}
				if err := s.EditBatch(ctx, batch, 32, 32); err != nil {
					t.Error(err)
				}
			}); n != 0 {
				t.Errorf("%s, %s: %v allocations for each frame", scheduler, noise, n)
			}
		}
	}
}

// BenchmarkHost is the host's own work for each step, with as many latents as the
// released model has for a picture of 512 by 512, on networks that take no time:
// all noise is waited for.
func BenchmarkHost(b *testing.B) {
	for _, scheduler := range Schedulers() {
		b.Run(scheduler, func(b *testing.B) {
			w := newWorld(b, nil)
			e := w.open(b)
			w.idle()
			const steps, side = 50, 104
			s := start(b, e, Params{Steps: steps, Scheduler: scheduler, GuidanceScale: 9, ImageGuidanceScale: 1.5})
			v := make([]float32, 3*side*side)
			edit(b, s, side, side, 0, 0) // the buffers
			before, beforeNoise := s.scheduler, s.waited
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Edit(b.Context(), v, v, side, side, 0, 0); err != nil {
					b.Fatal(err)
				}
			}
			_, host, noise := s.Times()
			b.ReportMetric(float64((host-before).Microseconds())/float64(b.N)/steps, "host-µs/step")
			b.ReportMetric(float64((noise-beforeNoise).Microseconds())/float64(b.N)/steps, "noise-µs/step")
		})
	}
}
