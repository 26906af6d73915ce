package pix2pix

import (
	"fmt"
	"math"
)

// euler is EulerDiscreteScheduler: x moves along the noise by the difference of
// the sigmas.
func euler(o options, t *training, steps int) (*schedule, error) {
	if err := refuse(
		refusal{"interpolation_type other than linear", value(o.Interpolation, "linear") != "linear"},
		refusal{"timestep_type other than discrete", value(o.TimestepType, "discrete") != "discrete"},
		refusal{"use_beta_sigmas", value(o.BetaSigmas, false)},
	); err != nil {
		return nil, err
	}
	timesteps, sigmas, err := eulerSigmas(o, t, steps)
	if err != nil {
		return nil, err
	}
	if r, ok := o.respaced(value(o.SigmaMax, sigmas[0]), value(o.SigmaMin, sigmas[steps-1]), steps); ok {
		copy(sigmas, r)
		for i, sigma := range r {
			timesteps[i] = t.sigmaTimestep(sigma)
		}
	}
	switch kind := value(o.FinalSigmas, "zero"); kind {
	case "zero":
	case "sigma_min":
		sigmas[steps] = t.sigmas[0]
	default:
		return nil, fmt.Errorf("final_sigmas_type %q is unknown", kind)
	}
	return eulerSchedule(o, timesteps, sigmas, func(_, to float64) (down, up float64) { return to, 0 })
}

// eulerAncestral is EulerAncestralDiscreteScheduler: it goes down further than
// euler and adds fresh noise up to the same level.
func eulerAncestral(o options, t *training, steps int) (*schedule, error) {
	timesteps, sigmas, err := eulerSigmas(o, t, steps)
	if err != nil {
		return nil, err
	}
	s, err := eulerSchedule(o, timesteps, sigmas, func(from, to float64) (down, up float64) {
		return to * to / from, to * math.Sqrt(from*from-to*to) / from
	})
	if err != nil {
		return nil, err
	}
	for i := range s.steps {
		s.steps[i].draws = true
	}
	return s, nil
}

// eulerSigmas spaces the steps and reads their sigmas, with 0 after the last.
func eulerSigmas(o options, t *training, steps int) (timesteps, sigmas []float64, err error) {
	switch spacing := value(o.TimestepSpacing, "linspace"); spacing {
	case "linspace":
		timesteps = reversed(linspace(0, float64(len(t.sigmas)-1), steps))
		for i, v := range timesteps { // fractional, in single precision
			timesteps[i] = float64(float32(v))
		}
	case "leading", "trailing":
		timesteps = spaced(spacing, len(t.sigmas), steps, value(o.StepsOffset, 0))
	default:
		return nil, nil, fmt.Errorf("timestep_spacing %q is unknown", spacing)
	}
	sigmas = make([]float64, steps+1)
	for i, v := range timesteps {
		sigmas[i] = float64(float32(interpolate(t.sigmas, v)))
	}
	return timesteps, sigmas, nil
}

// eulerSchedule makes the steps. split says how far a step goes down without
// noise and how much noise brings it up again.
func eulerSchedule(o options, timesteps, sigmas []float64, split func(from, to float64) (down, up float64)) (*schedule, error) {
	s := &schedule{init: float32(sigmas[0])}
	if value(o.TimestepSpacing, "linspace") == "leading" {
		// The first step is not the noisiest: there is signal in x already.
		s.init = float32(math.Sqrt(sigmas[0]*sigmas[0] + 1))
	}
	for i, timestep := range timesteps {
		sigma := sigmas[i]
		alpha := 1 / math.Sqrt(sigma*sigma+1)
		clean, noisy, err := predict(value(o.PredictionType, "epsilon"), alpha, alpha, sigma*alpha)
		if err != nil {
			return nil, err
		}
		down, up := split(sigma, sigmas[i+1])
		st := newStep(1, down-sigma, 0, clean, noisy)
		st.timestep, st.scale, st.z = float32(timestep), float32(alpha), float32(up)
		s.steps = append(s.steps, st)
	}
	return s, nil
}

// spaced returns the whole timesteps of the two integer spacings, descending:
// "leading" counts up from 0 and adds the offset, "trailing" counts down from
// the end.
func spaced(spacing string, train, steps, offset int) []float64 {
	timesteps := make([]float64, steps)
	for i := range timesteps {
		if spacing == "leading" {
			timesteps[i] = float64((steps-1-i)*(train/steps) + offset)
		} else {
			timesteps[i] = math.RoundToEven(float64(train)-float64(i)*(float64(train)/float64(steps))) - 1
		}
		// An offset may lead beyond the table when nearly all timesteps are used.
		timesteps[i] = min(max(timesteps[i], 0), float64(train-1))
	}
	return timesteps
}

// reversed returns the values from last to first.
func reversed(v []float64) []float64 {
	r := make([]float64, len(v))
	for i := range v {
		r[len(v)-1-i] = v[i]
	}
	return r
}
