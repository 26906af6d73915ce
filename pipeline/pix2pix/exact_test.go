package pix2pix

import (
	"math"
	"testing"
)

// TestExactNoiseGivesTheCleanLatents: with a network that finds the noise (or
// the velocity, or the clean latents) exactly, every solver ends at the clean
// latents, whatever the options and the number of steps.
func TestExactNoiseGivesTheCleanLatents(t *testing.T) {
	const clean = 0.7
	for _, name := range Schedulers() {
		for _, kind := range []string{"epsilon", "v_prediction", "sample"} {
			for _, spacing := range []string{"linspace", "leading", "trailing"} {
				for _, extra := range []string{"", "karras", "exponential", "heun", "zero snr"} {
					for _, steps := range []int{1, 2, 5, 20, 50} {
						o := stableDiffusion()
						o.PredictionType, o.TimestepSpacing, o.SetAlphaToOne = &kind, &spacing, new(true)
						o.KarrasSigmas, o.ExponentialSigmas = new(extra == "karras"), new(extra == "exponential")
						o.RescaleZeroSNR = new(extra == "zero snr" && kind != "epsilon")
						if extra == "heun" {
							o.SolverType = &extra
						}
						if steps == 1 && extra == "karras" && name != Euler {
							continue
						}
						got := exact(t, name, o, steps, clean)
						if math.Abs(float64(got)-clean) > 2e-3 {
							t.Errorf("%s, %s, %s %s, %d steps: %v, want %v", name, kind, spacing, extra, steps, got, clean)
						}
					}
				}
			}
		}
	}
}

// exact runs one value through a schedule with an exact network. The network
// knows the level of the noise from the timestep alone.
func exact(t *testing.T, name string, o options, steps int, clean float64) float32 {
	t.Helper()
	s, err := newSchedule(name, o, steps)
	if err != nil {
		t.Fatalf("%s, %d steps: %v", name, steps, err)
	}
	tr, err := newTraining(o, name)
	if err != nil {
		t.Fatal(err)
	}
	x, m, z, estimate := []float32{0.3 * s.init}, []float32{0}, []float32{-0.4}, []float32{0}
	for i, st := range s.steps {
		sigma := interpolate(tr.sigmas, float64(st.timestep))
		if name == Euler || name == EulerAncestral { // their own, between the entries of the table
			sigma = math.Sqrt(1/float64(st.scale)/float64(st.scale) - 1)
		}
		alpha := 1 / math.Sqrt(sigma*sigma+1)
		in := float64(x[0] * st.scale)
		noise := (in - alpha*clean) / (sigma * alpha)
		switch value(o.PredictionType, "epsilon") {
		case "epsilon":
			m[0] = float32(noise)
		case "v_prediction":
			m[0] = float32(alpha*noise - sigma*alpha*clean)
		case "sample":
			m[0] = float32(clean)
		}
		s.advance(i, x, m, z, estimate)
	}
	return x[0]
}

// TestSecondOrderIsBetter: where the clean latents move on evenly in lambda the
// second order methods follow, the first order one lags behind.
func TestSecondOrderIsBetter(t *testing.T) {
	run := func(order int, kind string) float64 {
		o := stableDiffusion()
		o.SolverOrder, o.SolverType, o.FinalSigmas = &order, &kind, new("sigma_min")
		o.PredictionType = new("sample")
		s, err := newSchedule(DPMSolver2M, o, 40)
		if err != nil {
			t.Fatal(err)
		}
		tr, _ := newTraining(o, DPMSolver2M)
		x, z, estimate := []float32{1}, []float32{0}, []float32{0}
		for i, st := range s.steps {
			lambda := -math.Log(interpolate(tr.sigmas, float64(st.timestep)))
			s.advance(i, x, []float32{float32(0.1 * lambda)}, z, estimate)
		}
		// d(x/alpha)/dlambda of the exact solution, integrated finely.
		l0, l1 := -math.Log(tr.sigmas[999]), -math.Log(tr.sigmas[0])
		sigma := func(l float64) float64 { return math.Exp(-l) }
		y := 1 * math.Sqrt(sigma(l0)*sigma(l0)+1)
		const n = 200000
		sum := 0.0
		for i := range n {
			l := l0 + (l1-l0)*(float64(i)+0.5)/n
			sum += math.Exp(l) * 0.1 * l * (l1 - l0) / n
		}
		y = sigma(l1) * (y/sigma(l0) + sum)
		want := y / math.Sqrt(sigma(l1)*sigma(l1)+1)
		return math.Abs(float64(x[0]) - want)
	}
	first, midpoint, heun := run(1, "midpoint"), run(2, "midpoint"), run(2, "heun")
	t.Logf("errors: first order %.2e, midpoint %.2e, heun %.2e", first, midpoint, heun)
	if midpoint > first/4 || heun > first/5 {
		t.Errorf("errors: first order %v, midpoint %v, heun %v", first, midpoint, heun)
	}
}
