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
	noise    noise
	stream   bool // what one frame draws, used or not, moves the next one's noise
	guidance guidance
	warnings []string

	prompt *tensor.Tensor // hidden states, rows by tokens by width
	buffers

	networks, scheduler, noises time.Duration
}

// Start encodes the prompts and plans the steps.
func (e *Editor) Start(ctx context.Context, p Params) (*Session, error) {
	s := &Session{editor: e}
	name := p.Scheduler
	if name == "" {
		name, _ = e.options.scheduler()
	}
	var err error
	if s.schedule, err = newSchedule(name, e.options, p.Steps); err != nil {
		return nil, unsupported(fmt.Errorf("scheduler %s: %w", name, err))
	}
	if s.noise, err = newNoise(p.Noise, p.Seed); err != nil {
		return nil, unsupported(err)
	}
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

// Times returns how long the networks ran and how long the host worked on
// schedule and guidance, and on noise, since Start.
func (s *Session) Times() (networks, scheduler, noise time.Duration) {
	return s.networks, s.scheduler, s.noises
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

// Edit edits one picture. src and dst are NCHW RGB in -1..1, 3*height*width
// values; width and height are multiples of Multiple. originX and originY are
// where the picture's top left pixel lies on the canvas, in pixels of the
// picture's own scale; noise is tied to the canvas. dst may be src.
func (s *Session) Edit(ctx context.Context, dst, src []float32, width, height, originX, originY int) error {
	e := s.editor
	if err := s.check(dst, src, width, height); err != nil {
		return fmt.Errorf("edit: %w", err)
	}
	a := area{
		channels: e.channels, height: height / e.factor, width: width / e.factor,
		top: floorDiv(originY, e.factor), left: floorDiv(originX, e.factor),
	}
	s.resize(s.editor, s.guidance.rows, a, s.prompt)
	if err := s.encodePicture(ctx, src); err != nil {
		return err
	}
	if err := s.denoise(ctx, a); err != nil {
		return err
	}
	return s.decodePicture(ctx, dst)
}

func (s *Session) check(dst, src []float32, width, height int) error {
	m := s.editor.multiple
	if width < 1 || height < 1 || width%m != 0 || height%m != 0 {
		return fmt.Errorf("picture of %d by %d, the model takes multiples of %d", width, height, m)
	}
	if n := 3 * width * height; len(dst) != n || len(src) != n {
		return fmt.Errorf("picture of %d by %d in %d and %d values, not %d", width, height, len(src), len(dst), n)
	}
	return nil
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

// encodePicture puts the picture's latents into every row of the UNet's input
// but the unconditional one, which has zeros.
func (s *Session) encodePicture(ctx context.Context, src []float32) error {
	s.picture.F32 = src
	err := s.run(ctx, s.editor.toLatents.model, s.encodeIn, s.encodeOut)
	s.picture.F32 = nil
	if err != nil {
		return fmt.Errorf("encode the picture: %w", err)
	}
	// Of a distribution's parameters the first half is its mean and mode. Unlike
	// the noisy latents it goes in as it is, neither by the VAE's scaling factor
	// nor by the step's.
	n := len(s.latents)
	mode := s.moments.F32[:n]
	for row := range s.guidance.rows {
		part := s.sample.F32[row*2*n+n:][:n]
		if row == unconditional {
			clear(part)
			continue
		}
		copy(part, mode)
	}
	return nil
}

// denoise runs the steps on fresh noise.
func (s *Session) denoise(ctx context.Context, a area) error {
	s.draw(s.latents, 0, a)
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
		if err := s.run(ctx, s.editor.unet.model, s.unetIn, s.unetOut); err != nil {
			return fmt.Errorf("run the unet, step %d of %d: %w", i+1, len(s.schedule.steps), err)
		}
		if step.z != 0 || step.draws && s.stream {
			s.draw(s.fresh, i+1, a)
		}
		begin = time.Now()
		s.schedule.advance(i, s.latents, s.guidance.combine(s.noisy.F32), s.fresh, s.estimate)
		s.scheduler += time.Since(begin)
	}
	return nil
}

// draw fills dst with noise and counts its time.
func (s *Session) draw(dst []float32, draw int, a area) {
	begin := time.Now()
	s.noise.fill(dst, draw, a)
	s.noises += time.Since(begin)
}

// load puts the scaled latents and the timestep of a step into the UNet's input.
func (s *Session) load(step *step) {
	n := len(s.latents)
	first := s.sample.F32[:n]
	for i, v := range s.latents {
		first[i] = v * step.scale
	}
	for row := 1; row < s.guidance.rows; row++ {
		copy(s.sample.F32[row*2*n:][:n], first)
	}
	for i := range s.timestep.F32 {
		s.timestep.F32[i] = step.timestep
	}
	for i := range s.timestep.I64 {
		s.timestep.I64[i] = int64(math.RoundToEven(float64(step.timestep)))
	}
}

// errNaN is reported instead of a black picture.
var errNaN = errors.New("the networks returned values that are no numbers")

// decodePicture turns the latents into dst, clamped to -1..1.
func (s *Session) decodePicture(ctx context.Context, dst []float32) error {
	begin := time.Now()
	for i, v := range s.latents {
		s.latents[i] = v / s.editor.scaling
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
