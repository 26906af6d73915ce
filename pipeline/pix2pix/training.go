package pix2pix

import (
	"fmt"
	"math"
)

// training is the noise that a network was trained on: for each of its
// timesteps the share of the signal that is left, "alpha bar". It is computed in
// single precision as torch computes it, sums in double, so that schedules agree
// with diffusers' to the last digits.
type training struct {
	bars   []float64
	sigmas []float64 // sqrt((1-bar)/bar): noise against signal
}

// newTraining computes the table for a scheduler's options.
func newTraining(o options, scheduler string) (*training, error) {
	betas, err := newBetas(o, scheduler)
	if err != nil {
		return nil, err
	}
	t := &training{bars: make([]float64, len(betas)), sigmas: make([]float64, len(betas))}
	product := 1.0
	for i, beta := range betas {
		if !(beta >= 0 && beta < 1) {
			return nil, fmt.Errorf("beta of timestep %d is %v, not in 0..1", i, beta)
		}
		product *= float64(1 - beta)
		t.bars[i] = float64(float32(product))
	}
	if value(o.RescaleZeroSNR, false) {
		rescaleZeroSNR(t.bars)
	}
	for i, bar := range t.bars {
		b := float32(bar)
		if b <= 0 || b >= 1 {
			return nil, fmt.Errorf("alpha bar of timestep %d is %v, not between 0 and 1", i, b)
		}
		t.sigmas[i] = float64(float32(math.Sqrt(float64((1 - b) / b))))
	}
	return t, nil
}

// newBetas returns the noise added in each timestep of the training.
func newBetas(o options, scheduler string) ([]float32, error) {
	if len(o.TrainedBetas) > 0 {
		return o.TrainedBetas, nil
	}
	start, end, kind := 0.0001, 0.02, "linear"
	if scheduler == LCM {
		start, end, kind = 0.00085, 0.012, "scaled_linear"
	}
	start, end, kind = value(o.BetaStart, start), value(o.BetaEnd, end), value(o.BetaSchedule, kind)
	n := value(o.TrainTimesteps, 1000)
	if n < 2 || n > 1e6 {
		return nil, fmt.Errorf("num_train_timesteps is %d", n)
	}
	switch kind {
	case "linear":
		return linspace32(float32(start), float32(end), n), nil
	case "scaled_linear":
		betas := linspace32(float32(math.Sqrt(start)), float32(math.Sqrt(end)), n)
		for i, b := range betas {
			betas[i] = b * b
		}
		return betas, nil
	case "squaredcos_cap_v2":
		betas := make([]float32, n)
		bar := func(i int) float64 {
			c := math.Cos((float64(i)/float64(n) + 0.008) / 1.008 * math.Pi / 2)
			return c * c
		}
		for i := range betas {
			betas[i] = float32(min(1-bar(i+1)/bar(i), 0.999))
		}
		return betas, nil
	}
	return nil, fmt.Errorf("beta_schedule %q is unknown", kind)
}

// rescaleZeroSNR stretches the table so that the last timestep is pure noise
// (Lin et al., "Common diffusion noise schedules and sample steps are flawed").
// The last value stays a little above 0, where the formulas would divide by 0.
func rescaleZeroSNR(bars []float64) {
	first, last := math.Sqrt(bars[0]), math.Sqrt(bars[len(bars)-1])
	for i, bar := range bars {
		root := (math.Sqrt(bar) - last) * first / (first - last)
		bars[i] = float64(float32(root * root))
	}
	bars[len(bars)-1] = 1. / (1 << 24)
}

// linspace32 returns n values from start to end in single precision, filled from
// both ends as torch does.
func linspace32(start, end float32, n int) []float32 {
	values := make([]float32, n)
	delta := (end - start) / float32(n-1)
	for i := range values {
		if i < n/2 {
			values[i] = start + delta*float32(i)
		} else {
			values[i] = end - delta*float32(n-1-i)
		}
	}
	return values
}

// linspace returns n values from start to end in double precision, one value
// being start.
func linspace(start, end float64, n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = start
		if n > 1 {
			values[i] += (end - start) / float64(n-1) * float64(i)
		}
	}
	if n > 1 {
		values[n-1] = end
	}
	return values
}

// interpolate reads a table at a fractional position, constant beyond its ends.
func interpolate(table []float64, at float64) float64 {
	i := int(math.Floor(at))
	switch {
	case i < 0:
		return table[0]
	case i >= len(table)-1:
		return table[len(table)-1]
	}
	return table[i] + (table[i+1]-table[i])*(at-float64(i))
}

// sigmaTimestep is the inverse of reading the table of sigmas: the fractional
// timestep at which the logarithm of sigma lies on the line between two entries.
func (t *training) sigmaTimestep(sigma float64) float64 {
	low, high := 0, len(t.sigmas)-1
	for high-low > 1 {
		if middle := (low + high) / 2; t.sigmas[middle] <= sigma {
			low = middle
		} else {
			high = middle
		}
	}
	from, to := math.Log(t.sigmas[low]), math.Log(t.sigmas[high])
	w := (math.Log(max(sigma, 1e-10)) - from) / (to - from)
	return float64(low) + min(max(w, 0), 1)
}

// respaced returns n sigmas from largest to smallest in the spacing that the
// options ask for, or false when they ask for none.
func (o options) respaced(largest, smallest float64, n int) ([]float64, bool) {
	switch {
	case value(o.KarrasSigmas, false): // Karras et al., 2022, with rho 7
		const rho = 7
		sigmas := linspace(math.Pow(largest, 1./rho), math.Pow(smallest, 1./rho), n)
		for i, s := range sigmas {
			sigmas[i] = math.Pow(s, rho)
		}
		return sigmas, true
	case value(o.ExponentialSigmas, false):
		sigmas := linspace(math.Log(largest), math.Log(smallest), n)
		for i, s := range sigmas {
			sigmas[i] = math.Exp(s)
		}
		return sigmas, true
	}
	return nil, false
}
