package pix2pix

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"uredit/pipeline/fault"
	"uredit/pipeline/tensor"
)

// Params are the parameters of a session.
type Params struct {
	Prompt             string  // what to change
	Negative           string  // what the result should not look like; usually empty
	Steps              int     // at least 1
	GuidanceScale      float64 // how strongly the prompt acts
	ImageGuidanceScale float64 // how strongly the picture acts
	Scheduler          string  // one of Schedulers, or "" for the folder's own
	Seed               uint64
	Noise              string // NoisePhilox, NoiseTorch, NoiseTorchStream, or "" for NoisePhilox
}

// Session edits the frames of one job with one set of parameters. It is used by
// one goroutine at a time.
type Session struct {
	editor   *Editor
	schedule *schedule
	noise    []noise // one for each picture of a batch; the first at least
	stream   bool    // what one frame draws, used or not, moves the next one's noise
	guidance guidance
	warnings []string

	prompt   *tensor.Tensor // hidden states, rows by tokens by width
	size     area           // that the sets are for; only its size counts
	sets     []*buffers     // for one picture, two, ...; nil where not needed yet
	*buffers                // the set in use

	single [1]Picture // of Edit

	ahead ahead // noise

	networks, scheduler, waited time.Duration
}

// Start encodes the prompts and plans the steps.
func (e *Editor) Start(ctx context.Context, p Params) (*Session, error) {
	if err := e.Check(p.Prompt); err != nil {
		return nil, err
	}
	s := &Session{editor: e}
	s.ahead = newAhead(s.drawNow)
	name := p.Scheduler
	if name == "" {
		name, _ = e.options.scheduler()
	}
	var err error
	if s.schedule, err = newSchedule(name, e.options, p.Steps); err != nil {
		return nil, unsupported(fmt.Errorf("scheduler %s: %w", name, err))
	}
	source, err := newNoise(p.Noise, p.Seed)
	if err != nil {
		return nil, unsupported(err)
	}
	s.noise = []noise{source}
	s.stream = p.Noise == NoiseTorchStream
	if s.guidance, err = newGuidance(p.GuidanceScale, p.ImageGuidanceScale); err != nil {
		return nil, unsupported(err)
	}
	if s.guidance.rows == 1 && (p.GuidanceScale != 1 || p.ImageGuidanceScale != 1) {
		s.warnings = append(s.warnings, fmt.Sprintf(
			"guidance_scale %g and image_guidance_scale %g have no effect: guidance needs more than 1 and at least 1",
			p.GuidanceScale, p.ImageGuidanceScale))
	}
	if err := s.encodePrompts(ctx, p); err != nil {
		return nil, err
	}
	return s, nil
}

// unsupported is the error of parameters that no folder or not this one takes.
func unsupported(err error) error {
	return fault.New(fault.InputUnsupported, "change scheduler, num_inference_steps, noise or the guidance scales of the request", err)
}

// Warnings returns sentences for the user about these parameters.
func (s *Session) Warnings() []string { return s.warnings }

// Batches reports whether several pictures can be edited at once: the UNet's graph
// leaves the number of rows open, and no picture's noise depends on those before.
func (s *Session) Batches() bool {
	u := &s.editor.unet
	return !s.stream && u.sample.Shape[0] < 0 && u.text.Shape[0] < 0 && u.noise.Shape[0] < 0
}

// Times returns how long the networks ran, how long the host worked on schedule
// and guidance, and how long it waited for noise that was not complete when the
// network was, since Start.
func (s *Session) Times() (networks, scheduler, noise time.Duration) {
	return s.networks, s.scheduler, s.waited
}

// encodePrompts fills the rows of the prompt: the prompt itself, then the
// negative one for each row without it.
func (s *Session) encodePrompts(ctx context.Context, p Params) error {
	e := s.editor
	texts := []string{p.Prompt, p.Negative, p.Negative}[:s.guidance.rows]
	s.prompt = &tensor.Tensor{Name: e.unet.text.Name, Shape: []int64{int64(len(texts)), int64(e.tokens), int64(e.width)}}
	var hidden []float32
	for row, t := range texts {
		if row < 2 {
			ids, attention, cut := e.tokenizer.Encode(t, e.tokens)
			if cut != nil {
				s.warnings = append(s.warnings, fmt.Sprintf("the %s is too long for the text encoder, cut off from %q on",
					[...]string{"prompt", "negative prompt"}[row], shorten(cut)))
			}
			begin := time.Now()
			var err error
			if hidden, _, err = e.encoder.encode(ctx, ids, attention, e.width); err != nil {
				return err
			}
			s.networks += time.Since(begin)
		}
		s.prompt.F32 = append(s.prompt.F32, hidden...)
	}
	return nil
}

// shorten joins the first words for a message.
func shorten(words []string) string {
	const most = 8
	if len(words) > most {
		return strings.Join(words[:most], " ") + " ..."
	}
	return strings.Join(words, " ")
}

// Picture is a picture to edit: NCHW RGB in -1..1, 3*height*width values each.
type Picture struct {
	Source []float32
	Edited []float32 // where the result goes; may be Source
	// X and Y are where the picture's top left pixel lies on the canvas, in
	// pixels of the picture's own scale; noise is tied to the canvas.
	X, Y int
}

// Edit edits one picture. src and dst are Picture's Source and Edited, originX
// and originY its X and Y; width and height are multiples of Multiple.
func (s *Session) Edit(ctx context.Context, dst, src []float32, width, height, originX, originY int) error {
	s.single[0] = Picture{Source: src, Edited: dst, X: originX, Y: originY}
	defer clear(s.single[:])
	return s.EditBatch(ctx, s.single[:], width, height)
}

// EditBatch edits pictures of one size, which go through the UNet together. Each
// comes out as Edit would make it, up to the rounding of another batch size.
// More than one only where the session Batches.
func (s *Session) EditBatch(ctx context.Context, pictures []Picture, width, height int) error {
	e := s.editor
	if err := s.check(pictures, width, height); err != nil {
		return fmt.Errorf("edit: %w", err)
	}
	s.use(len(pictures), area{channels: e.channels, height: height / e.factor, width: width / e.factor})
	s.drawAhead(s.latents, 0, pictures)
	err := s.encode(ctx, pictures)
	s.await()
	if err != nil {
		return err
	}
	if err := s.denoise(ctx, pictures); err != nil {
		return err
	}
	for i, p := range pictures {
		if err := s.decodePicture(ctx, p.Edited, i); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) check(pictures []Picture, width, height int) error {
	m := s.editor.multiple
	if width < 1 || height < 1 || width%m != 0 || height%m != 0 {
		return fmt.Errorf("picture of %d by %d, the model takes multiples of %d", width, height, m)
	}
	for _, p := range pictures {
		if n := 3 * width * height; len(p.Edited) != n || len(p.Source) != n {
			return fmt.Errorf("picture of %d by %d in %d and %d values, not %d", width, height, len(p.Source), len(p.Edited), n)
		}
	}
	if n := len(pictures); n == 0 || n > 1 && !s.Batches() {
		return fmt.Errorf("%d pictures at once", n)
	}
	return nil
}

// area is the part of the canvas that a picture's latents cover.
func (s *Session) area(p Picture) area {
	a := s.size
	a.top, a.left = floorDiv(p.Y, s.editor.factor), floorDiv(p.X, s.editor.factor)
	return a
}

// floorDiv is a/b rounded down; b is positive.
func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// run runs a network and counts its time.
func (s *Session) run(ctx context.Context, m tensor.Model, in, out []*tensor.Tensor) error {
	begin := time.Now()
	err := m.Run(ctx, in, out)
	s.networks += time.Since(begin)
	return err
}

// encode puts the latents of all pictures into the UNet's input.
func (s *Session) encode(ctx context.Context, pictures []Picture) error {
	for i, p := range pictures {
		if err := s.encodePicture(ctx, p.Source, i); err != nil {
			return err
		}
	}
	return nil
}

// encodePicture puts the latents of picture i into each of its rows of the UNet's
// input but the unconditional one, which has zeros.
func (s *Session) encodePicture(ctx context.Context, src []float32, i int) error {
	s.picture.F32 = src
	err := s.run(ctx, s.editor.toLatents.model, s.encodeIn, s.encodeOut)
	s.picture.F32 = nil
	if err != nil {
		return fmt.Errorf("encode the picture: %w", err)
	}
	// Of a distribution's parameters the first half is its mean and mode. Unlike
	// the noisy latents it goes in as it is, neither by the VAE's scaling factor
	// nor by the step's.
	mode := s.moments.F32[:s.one]
	for row := range s.guidance.rows {
		part := s.row(i, row)[s.one:]
		if row == unconditional {
			clear(part)
			continue
		}
		copy(part, mode)
	}
	return nil
}

// errNaN is reported instead of a black picture.
var errNaN = errors.New("the networks returned values that are no numbers")

// decodePicture turns the latents of picture i into dst, clamped to -1..1.
func (s *Session) decodePicture(ctx context.Context, dst []float32, i int) error {
	begin := time.Now()
	for k, v := range s.of(s.latents, i) {
		s.clean.F32[k] = v / s.editor.scaling
	}
	s.scheduler += time.Since(begin)
	s.edited.F32 = dst
	err := s.run(ctx, s.editor.toPicture.model, s.decodeIn, s.decodeOut)
	s.edited.F32 = nil
	if err != nil {
		return fmt.Errorf("decode the picture: %w", err)
	}
	const one = 0x3f800000 // the bits of 1; those of all that is further from 0, and of no number, are above
	numbers := true
	for i, v := range dst {
		if math.Float32bits(v)&^(1<<31) <= one {
			continue
		}
		switch {
		case v > 1:
			dst[i] = 1
		case v < -1:
			dst[i] = -1
		case v != v:
			numbers = false
		}
	}
	if !numbers {
		return fault.New(fault.ModelInvalid, "half precision overflows in some VAE decoders: export vae_decoder in single precision",
			fmt.Errorf("edit: %w", errNaN))
	}
	return nil
}
