package pix2pix

import (
	"fmt"
	"strings"
)

// The schedulers, by the names that requests use.
const (
	EulerAncestral = "euler_a"  // EulerAncestralDiscreteScheduler
	Euler          = "euler"    // EulerDiscreteScheduler
	DDIM           = "ddim"     // DDIMScheduler, eta 0
	DPMSolver2M    = "dpmpp_2m" // DPMSolverMultistepScheduler, dpmsolver++ of second order
	LCM            = "lcm"      // LCMScheduler
)

// Schedulers returns the names that Params.Scheduler may have.
func Schedulers() []string {
	return []string{EulerAncestral, Euler, DDIM, DPMSolver2M, LCM}
}

// schedule is what a solver does to the latents x over all steps, as numbers.
// Every solver here is linear in the latents, the network's output m, the
// estimate x0 of the clean latents, the estimate of the step before, and fresh
// noise z, so one loop runs them all.
type schedule struct {
	init  float32 // factor of the first noise
	clip  float32 // x0 is clipped to ±clip; 0 for not at all
	steps []step
}

// step is one step of a schedule:
//
//	network input   scale·x at timestep
//	x0              x0x·x + x0m·m
//	next x          x·x + m·m + x0·x0 + last·(x0 of the step before) + z·z
//
// The coefficients are computed in double precision and rounded once.
type step struct {
	timestep float32 // may be fractional
	scale    float32
	x0x, x0m float32
	x, m     float32
	x0, last float32
	z        float32
	usesX0   bool // x0 is used, here or by the step after
	draws    bool // diffusers draws noise here even where z is 0
}

// linear is a value as a combination of the latents and the network's output.
type linear struct{ x, m float64 }

// predict reads the network's output: what are the clean latents and the noise,
// where x·in = alpha·x0 + sigma·noise with alpha² + sigma² = 1.
func predict(kind string, in, alpha, sigma float64) (x0, noise linear, err error) {
	switch kind {
	case "epsilon":
		return linear{in / alpha, -sigma / alpha}, linear{0, 1}, nil
	case "v_prediction":
		return linear{alpha * in, -sigma}, linear{sigma * in, alpha}, nil
	case "sample":
		return linear{0, 1}, linear{in / sigma, -alpha / sigma}, nil
	}
	return linear{}, linear{}, fmt.Errorf("prediction_type %q is unknown", kind)
}

// newStep returns a step that makes x·x + noise·(the noise in x) + x0·x0 out of
// x. The rest of the fields is the caller's.
func newStep(x, noise, x0 float64, clean, noisy linear) step {
	return step{
		x0x: float32(clean.x), x0m: float32(clean.m),
		x: float32(x + noise*noisy.x), m: float32(noise * noisy.m),
		x0: float32(x0),
	}
}

// newSchedule computes the schedule of a scheduler for a number of steps. The
// options are the folder's, also where the scheduler is another one than the
// folder's own: each takes those that it knows, as diffusers does.
func newSchedule(name string, o options, steps int) (*schedule, error) {
	var build func(options, *training, int) (*schedule, error)
	switch name {
	case EulerAncestral:
		build = eulerAncestral
	case Euler:
		build = euler
	case DDIM:
		build = ddim
	case DPMSolver2M:
		build = dpmSolver2M
	case LCM:
		build = lcm
	default:
		return nil, fmt.Errorf("the name is unknown, there are %s", strings.Join(Schedulers(), ", "))
	}
	t, err := newTraining(o, name)
	if err != nil {
		return nil, err
	}
	if steps < 1 || steps > len(t.bars) {
		return nil, fmt.Errorf("%d steps: there must be 1 to %d", steps, len(t.bars))
	}
	s, err := build(o, t, steps)
	if err != nil {
		return nil, err
	}
	for i := range s.steps {
		next := i+1 < len(s.steps) && s.steps[i+1].last != 0
		s.steps[i].usesX0 = next || s.steps[i].x0 != 0 || s.steps[i].last != 0
	}
	return s, nil
}

// advance replaces the latents x by those of the next step. m is the network's
// output, z fresh noise (unused where the step has none), estimate the x0 of the
// step before, replaced by this one's. All have one length.
func (s *schedule) advance(i int, x, m, z, estimate []float32) {
	t := s.steps[i] // a copy: the compiler cannot know that x is not the steps
	m, z, estimate = m[:len(x)], z[:len(x)], estimate[:len(x)]
	if !t.usesX0 {
		for j := range x {
			x[j] = t.x*x[j] + t.m*m[j] + t.z*z[j]
		}
		return
	}
	clip := s.clip
	for j := range x {
		x0 := t.x0x*x[j] + t.x0m*m[j]
		switch { // cheaper than min and max, which have signs of zero to mind
		case clip == 0:
		case x0 > clip:
			x0 = clip
		case x0 < -clip:
			x0 = -clip
		}
		x[j] = t.x*x[j] + t.m*m[j] + t.x0*x0 + t.last*estimate[j] + t.z*z[j]
		estimate[j] = x0
	}
}
