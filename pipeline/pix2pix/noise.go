package pix2pix

import "fmt"

// The kinds of noise.
const (
	// NoisePhilox keys each value by its place on the canvas: a moving crop
	// carries the same noise over the same content, so that edits do not
	// flicker.
	NoisePhilox = "philox"
	// NoiseTorch gives the values that torch.randn gives on a CPU for the same
	// seed, from the crop's first row and column on, the same in every frame.
	NoiseTorch = "torch"
	// NoiseTorchStream goes on in the next frame where the last one ended, as a
	// diffusers pipeline does that is given no generator: every frame has noise
	// of its own, which depends on the sizes of all frames before.
	NoiseTorchStream = "torch-stream"
)

// area says which part of the canvas latents cover, in latent samples. top and
// left may be negative: a crop may reach over the canvas.
type area struct {
	channels, height, width int
	top, left               int
}

// noise is a source of standard normal values.
type noise interface {
	// fill writes the values of one draw, NCHW. Draw 0 begins a frame: it makes
	// the first latents; draw i+1 belongs to step i. Draws come in order, some
	// may be left out at the end.
	fill(dst []float32, draw int, a area)
	// another returns a source of the same values: pictures that are edited
	// together draw in turns.
	another() noise
}

// newNoise returns the source of that name, "" being the default.
func newNoise(name string, seed uint64) (noise, error) {
	switch name {
	case "", NoisePhilox:
		return philox{seed}, nil
	case NoiseTorch:
		return &torchNoise{seed: seed}, nil
	case NoiseTorchStream:
		return &torchNoise{seed: seed, stream: true}, nil
	}
	return nil, fmt.Errorf("noise %q is unknown, there are %q, %q and %q", name, NoisePhilox, NoiseTorch, NoiseTorchStream)
}
