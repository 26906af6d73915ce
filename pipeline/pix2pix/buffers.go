package pix2pix

import (
	"slices"

	"uredit/pipeline/tensor"
)

// buffers is the memory for a number of pictures that are edited at once. It is
// used again for every step of every batch of that number and size.
type buffers struct {
	pictures int
	one      int       // values of one picture's latents
	latents  []float32 // of all pictures, as the next three
	fresh    []float32 // noise of a step
	estimate []float32 // clean latents of the step before

	// The networks' inputs and outputs. The UNet sees all pictures at once, each
	// with its rows; the VAE one after another. The picture's values are the
	// caller's and set for each run.
	picture, moments *tensor.Tensor
	sample, timestep *tensor.Tensor
	noisy            *tensor.Tensor
	clean, edited    *tensor.Tensor

	encodeIn, encodeOut []*tensor.Tensor
	unetIn, unetOut     []*tensor.Tensor
	decodeIn, decodeOut []*tensor.Tensor
}

// use makes the buffers for n pictures with latents of a's size the session's.
// Those of another size are dropped.
func (s *Session) use(n int, a area) {
	a.top, a.left = 0, 0
	if s.size != a {
		s.size, s.sets = a, nil
	}
	for len(s.sets) < n {
		s.sets = append(s.sets, nil)
	}
	for len(s.noise) < n {
		s.noise = append(s.noise, s.noise[0].another())
	}
	if s.sets[n-1] == nil {
		s.sets[n-1] = s.newBuffers(n, a)
	}
	s.buffers = s.sets[n-1]
}

func (s *Session) newBuffers(n int, a area) *buffers {
	e, rows := s.editor, n*s.guidance.rows
	c, h, w := int64(a.channels), int64(a.height), int64(a.width)
	height, width := h*int64(e.factor), w*int64(e.factor)
	moments := 2 * c
	if e.sampled {
		moments = c
	}
	named := func(name string, shape ...int64) *tensor.Tensor {
		return &tensor.Tensor{Name: name, Shape: shape}
	}
	filled := func(name string, shape ...int64) *tensor.Tensor {
		t := named(name, shape...)
		t.F32 = make([]float32, tensor.Len(shape))
		return t
	}
	one := int(c * h * w)
	b := &buffers{
		pictures: n, one: one,
		latents:  make([]float32, n*one),
		fresh:    make([]float32, n*one),
		estimate: make([]float32, n*one),
		picture:  named(e.toLatents.in.Name, 1, 3, height, width),
		moments:  filled(e.toLatents.out.Name, 1, moments, h, w),
		sample:   filled(e.unet.sample.Name, int64(rows), 2*c, h, w),
		timestep: e.unet.timesteps(rows),
		noisy:    filled(e.unet.noise.Name, int64(rows), c, h, w),
		clean:    filled(e.toPicture.in.Name, 1, c, h, w),
		edited:   named(e.toPicture.out.Name, 1, 3, height, width),
	}
	b.encodeIn, b.encodeOut = []*tensor.Tensor{b.picture}, []*tensor.Tensor{b.moments}
	b.unetIn, b.unetOut = []*tensor.Tensor{b.sample, b.timestep, s.prompts(n)}, []*tensor.Tensor{b.noisy}
	b.decodeIn, b.decodeOut = []*tensor.Tensor{b.clean}, []*tensor.Tensor{b.edited}
	return b
}

// prompts returns the hidden states of n pictures' rows.
func (s *Session) prompts(n int) *tensor.Tensor {
	if n == 1 {
		return s.prompt
	}
	all := &tensor.Tensor{Name: s.prompt.Name, Shape: slices.Clone(s.prompt.Shape)}
	all.Shape[0] *= int64(n)
	all.F32 = slices.Repeat(s.prompt.F32, n)
	return all
}

// of returns what belongs to picture i of values of all pictures.
func (b *buffers) of(values []float32, i int) []float32 {
	return values[i*b.one:][:b.one]
}
