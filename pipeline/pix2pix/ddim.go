package pix2pix

import (
	"fmt"
	"math"
)

// ddim is DDIMScheduler with eta 0: the estimate of the clean latents is noised
// again with the noise found, to the level of the step after.
func ddim(o options, t *training, steps int) (*schedule, error) {
	if err := refuse(refusal{"thresholding", value(o.Thresholding, false)}); err != nil {
		return nil, err
	}
	train := len(t.bars)
	var timesteps []float64
	switch spacing := value(o.TimestepSpacing, "leading"); spacing {
	case "linspace":
		timesteps = reversed(linspace(0, float64(train-1), steps))
		for i, v := range timesteps {
			timesteps[i] = math.RoundToEven(v)
		}
	case "leading", "trailing":
		timesteps = spaced(spacing, train, steps, value(o.StepsOffset, 0))
	default:
		return nil, fmt.Errorf("timestep_spacing %q is unknown", spacing)
	}
	final := t.bars[0]
	if value(o.SetAlphaToOne, true) {
		final = 1
	}
	// Made for pictures, it clips unless told otherwise. Checkpoints whose latents
	// reach further say so.
	s := &schedule{init: 1, clip: o.clipRange(true)}
	for _, timestep := range timesteps {
		// The level after is a fixed distance away, whatever the next timestep is.
		next := final
		if previous := int(timestep) - train/steps; previous >= 0 {
			next = t.bars[previous]
		}
		bar := t.bars[int(timestep)]
		clean, noisy, err := predict(value(o.PredictionType, "epsilon"), 1, math.Sqrt(bar), math.Sqrt(1-bar))
		if err != nil {
			return nil, err
		}
		st := newStep(0, math.Sqrt(1-next), math.Sqrt(next), clean, noisy)
		st.timestep, st.scale = float32(timestep), 1
		s.steps = append(s.steps, st)
	}
	return s, nil
}

// lcm is LCMScheduler: a consistency model jumps to the clean latents, which are
// noised afresh for the step after.
func lcm(o options, t *training, steps int) (*schedule, error) {
	if err := refuse(refusal{"thresholding", value(o.Thresholding, false)}); err != nil {
		return nil, err
	}
	original, train := value(o.OriginalSteps, 50), len(t.bars)
	if original < 1 || original > train {
		return nil, fmt.Errorf("original_inference_steps is %d of %d timesteps", original, train)
	}
	if steps > original {
		return nil, fmt.Errorf("%d steps: LCM takes at most its original_inference_steps, %d", steps, original)
	}
	scaling := value(o.TimestepScaling, 10)
	// The distilled timesteps, of which the steps take an even share.
	at := func(i int) int {
		return (original-i*original/steps)*(train/original) - 1
	}
	s := &schedule{init: 1, clip: o.clipRange(false)}
	for i := range steps {
		timestep := at(i)
		bar := t.bars[timestep]
		clean, noisy, err := predict(value(o.PredictionType, "epsilon"), 1, math.Sqrt(bar), math.Sqrt(1-bar))
		if err != nil {
			return nil, err
		}
		const data = 0.5 // the standard deviation that the boundary condition assumes
		scaled := float64(timestep) * scaling
		skip := data * data / (scaled*scaled + data*data)
		out := scaled / math.Sqrt(scaled*scaled+data*data)
		next := 1.0
		if i < steps-1 {
			next = t.bars[at(i+1)]
		}
		st := newStep(math.Sqrt(next)*skip, 0, math.Sqrt(next)*out, clean, noisy)
		st.timestep, st.scale, st.z = float32(timestep), 1, float32(math.Sqrt(1-next))
		s.steps = append(s.steps, st)
	}
	return s, nil
}
