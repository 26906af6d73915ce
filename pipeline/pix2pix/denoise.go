package pix2pix

import (
	"context"
	"fmt"
	"math"
	"time"
)

// row returns one row of the UNet's input for picture i: noisy latents, then the
// picture's.
func (s *Session) row(i, row int) []float32 {
	return s.sample.F32[(i*s.guidance.rows+row)*2*s.one:][:2*s.one]
}

// denoise runs the steps on the noise in the latents.
func (s *Session) denoise(ctx context.Context, pictures []Picture) error {
	begin := time.Now()
	for i := range s.latents {
		s.latents[i] *= s.schedule.init
	}
	clear(s.estimate)
	clear(s.fresh)
	s.scheduler += time.Since(begin)
	for i := range s.schedule.steps {
		step := &s.schedule.steps[i]
		begin := time.Now()
		s.load(step)
		s.scheduler += time.Since(begin)
		draws := step.z != 0 || step.draws && s.stream
		if draws {
			s.drawAhead(s.fresh, i+1, pictures)
		}
		err := s.run(ctx, s.editor.unet.model, s.unetIn, s.unetOut)
		if draws {
			s.await()
		}
		if err != nil {
			return fmt.Errorf("run the unet, step %d of %d: %w", i+1, len(s.schedule.steps), err)
		}
		begin = time.Now()
		for k := range pictures {
			rows := s.guidance.rows * s.one
			s.schedule.advance(i, s.of(s.latents, k), s.guidance.combine(s.noisy.F32[k*rows:][:rows]), s.of(s.fresh, k), s.of(s.estimate, k))
		}
		s.scheduler += time.Since(begin)
	}
	return nil
}

// Warm runs every network once on n pictures of a size, as EditBatch will.
func (s *Session) Warm(ctx context.Context, n, width, height int) error {
	pictures := make([]Picture, n)
	for i := range pictures {
		pictures[i].Source = make([]float32, 3*width*height)
		pictures[i].Edited = pictures[i].Source
	}
	if err := s.check(pictures, width, height); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	e := s.editor
	s.use(n, area{channels: e.channels, height: height / e.factor, width: width / e.factor})
	if err := s.encodePicture(ctx, pictures[0].Source, 0); err != nil {
		return err
	}
	s.load(&s.schedule.steps[0])
	if err := s.run(ctx, e.unet.model, s.unetIn, s.unetOut); err != nil {
		return fmt.Errorf("warm up: run the unet: %w", err)
	}
	clear(s.latents)
	return s.decodePicture(ctx, pictures[0].Edited, 0)
}

// load puts the scaled latents and the timestep of a step into the UNet's input.
func (s *Session) load(step *step) {
	for i := range s.pictures {
		first := s.row(i, 0)[:s.one]
		for k, v := range s.of(s.latents, i) {
			first[k] = v * step.scale
		}
		for row := 1; row < s.guidance.rows; row++ {
			copy(s.row(i, row), first)
		}
	}
	for i := range s.timestep.F32 {
		s.timestep.F32[i] = step.timestep
	}
	for i := range s.timestep.I64 {
		s.timestep.I64[i] = int64(math.RoundToEven(float64(step.timestep)))
	}
}
