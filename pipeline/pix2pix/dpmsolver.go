package pix2pix

import (
	"fmt"
	"math"
)

// dpmSolver2M is DPMSolverMultistepScheduler with algorithm_type dpmsolver++: a
// multistep method for the clean latents (Lu et al., "DPM-Solver++", 2022).
func dpmSolver2M(o options, t *training, steps int) (*schedule, error) {
	order, kind := value(o.SolverOrder, 2), value(o.SolverType, "midpoint")
	if err := refuse(
		refusal{"algorithm_type other than dpmsolver++", value(o.Algorithm, "dpmsolver++") != "dpmsolver++"},
		refusal{"solver_order other than 1 and 2", order != 1 && order != 2},
		refusal{"solver_type other than midpoint and heun", kind != "midpoint" && kind != "heun"},
		refusal{"thresholding", value(o.Thresholding, false)},
		refusal{"use_beta_sigmas", value(o.BetaSigmas, false)},
		refusal{"use_lu_lambdas", value(o.LuLambdas, false)},
		refusal{"use_flow_sigmas", value(o.FlowSigmas, false)},
	); err != nil {
		return nil, err
	}
	timesteps, sigmas, err := dpmSigmas(o, t, steps)
	if err != nil {
		return nil, err
	}
	firstOrderLast := sigmas[steps] == 0 || value(o.EulerAtFinal, false) ||
		value(o.LowerOrderFinal, true) && steps < 15
	s := &schedule{init: 1}
	for i, timestep := range timesteps {
		alpha := 1 / math.Sqrt(sigmas[i]*sigmas[i]+1)
		clean, noisy, err := predict(value(o.PredictionType, "epsilon"), 1, alpha, sigmas[i]*alpha)
		if err != nil {
			return nil, err
		}
		second := order == 2 && i > 0 && !(i == steps-1 && firstOrderLast)
		st := dpmStep(sigmas, i, second, kind, clean, noisy)
		st.timestep, st.scale = float32(timestep), 1
		s.steps = append(s.steps, st)
	}
	return s, nil
}

// dpmStep makes step i. With lambda = -ln sigma as the time, h is its length and
// the clean latents are taken as constant over it, or (second order) as moving
// on as they did since the step before.
func dpmStep(sigmas []float64, i int, second bool, kind string, clean, noisy linear) step {
	sigma, next := sigmas[i], sigmas[i+1]
	switch next {
	case 0:
		return newStep(0, 0, 1, clean, noisy)
	case sigma: // a final sigma that the last step has reached already
		return newStep(1, 0, 0, clean, noisy)
	}
	alpha := func(sigma float64) float64 { return 1 / math.Sqrt(sigma*sigma+1) }
	h := math.Log(sigma / next)
	decay := math.Expm1(-h)
	x0 := -alpha(next) * decay
	st := newStep(next*alpha(next)/(sigma*alpha(sigma)), 0, x0, clean, noisy)
	if !second {
		return st
	}
	slope := -alpha(next) * decay / 2
	if kind == "heun" {
		slope = alpha(next) * (decay/h + 1)
	}
	slope *= h / math.Log(sigmas[i-1]/sigma)
	st.x0 = float32(x0 + slope)
	st.last = float32(-slope)
	return st
}

// dpmSigmas spaces the steps and reads their sigmas, with the final one after
// the last.
func dpmSigmas(o options, t *training, steps int) (timesteps, sigmas []float64, err error) {
	train := len(t.sigmas)
	if steps >= train {
		return nil, nil, fmt.Errorf("%d steps: DPM-Solver takes at most %d", steps, train-1)
	}
	last := train
	for _, sigma := range t.sigmas {
		if -math.Log(sigma) < value(o.LambdaMinClipped, math.Inf(-1)) {
			last--
		}
	}
	if last < 2 {
		return nil, nil, fmt.Errorf("lambda_min_clipped %v leaves no timesteps", *o.LambdaMinClipped)
	}
	spacing := value(o.TimestepSpacing, "linspace")
	timesteps = make([]float64, steps)
	for i := range timesteps {
		left := float64(steps - i) // steps to go; the spacing has one more than the steps
		switch spacing {
		case "linspace":
			timesteps[i] = math.RoundToEven(left * (float64(last-1) / float64(steps)))
		case "leading":
			timesteps[i] = left*float64(last/(steps+1)) + float64(value(o.StepsOffset, 0))
		case "trailing":
			timesteps[i] = math.RoundToEven(float64(last)-float64(i)*(float64(train)/float64(steps))) - 1
		default:
			return nil, nil, fmt.Errorf("timestep_spacing %q is unknown", spacing)
		}
		timesteps[i] = min(max(timesteps[i], 0), float64(train-1))
	}
	sigmas = make([]float64, steps+1)
	if r, ok := o.respaced(t.sigmas[train-1], t.sigmas[0], steps); ok {
		copy(sigmas, r)
		for i, sigma := range r {
			timesteps[i] = math.RoundToEven(t.sigmaTimestep(sigma))
		}
	} else {
		for i, v := range timesteps {
			sigmas[i] = interpolate(t.sigmas, v)
		}
	}
	switch kind := value(o.FinalSigmas, "zero"); kind {
	case "zero":
	case "sigma_min":
		sigmas[steps] = t.sigmas[0]
	default:
		return nil, nil, fmt.Errorf("final_sigmas_type %q is unknown", kind)
	}
	return timesteps, sigmas, checkDescending(sigmas[:steps])
}

// checkDescending reports equal neighbours, over which a multistep method would
// divide by zero.
func checkDescending(sigmas []float64) error {
	for i := range sigmas[1:] {
		if sigmas[i] <= sigmas[i+1] {
			return fmt.Errorf("steps %d and %d fall on one timestep: take fewer steps", i+1, i+2)
		}
	}
	return nil
}
