package pix2pix

import "uredit/pipeline/tensor"

// buffers is the memory of a session. It is made anew when the size of the
// picture changes and used again for every step of every frame until then.
type buffers struct {
	size     area // of which only the size counts
	latents  []float32
	fresh    []float32 // noise of a step
	estimate []float32 // clean latents of the step before

	// The networks' inputs and outputs. The picture's values are the caller's and
	// set for each run.
	picture, moments *tensor.Tensor
	sample, timestep *tensor.Tensor
	noisy            *tensor.Tensor
	clean, edited    *tensor.Tensor

	encodeIn, encodeOut []*tensor.Tensor
	unetIn, unetOut     []*tensor.Tensor
	decodeIn, decodeOut []*tensor.Tensor
}

// resize makes buffers for latents of a's size.
func (b *buffers) resize(e *Editor, rows int, a area, prompt *tensor.Tensor) {
	a.top, a.left = 0, 0
	if b.size == a {
		return
	}
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
	*b = buffers{
		size:     a,
		fresh:    make([]float32, c*h*w),
		estimate: make([]float32, c*h*w),
		picture:  named(e.toLatents.in.Name, 1, 3, height, width),
		moments:  filled(e.toLatents.out.Name, 1, moments, h, w),
		sample:   filled(e.unet.sample.Name, int64(rows), 2*c, h, w),
		timestep: e.unet.timesteps(rows),
		noisy:    filled(e.unet.noise.Name, int64(rows), c, h, w),
		clean:    filled(e.toPicture.in.Name, 1, c, h, w),
		edited:   named(e.toPicture.out.Name, 1, 3, height, width),
	}
	b.latents = b.clean.F32
	b.encodeIn, b.encodeOut = []*tensor.Tensor{b.picture}, []*tensor.Tensor{b.moments}
	b.unetIn, b.unetOut = []*tensor.Tensor{b.sample, b.timestep, prompt}, []*tensor.Tensor{b.noisy}
	b.decodeIn, b.decodeOut = []*tensor.Tensor{b.clean}, []*tensor.Tensor{b.edited}
}
