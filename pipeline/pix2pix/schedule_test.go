package pix2pix

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// dummyLoop runs a schedule as diffusers' scheduler tests do: a deterministic
// sample of 4x3x8x8 and the "network" x·t/(t+1). It returns sum and mean of the
// magnitudes. Those tests hand the scaled sample to the step, so does this.
func dummyLoop(t *testing.T, s *schedule, seed uint64) (sum, mean float64) {
	t.Helper()
	const samples, plane = 4, 3 * 8 * 8
	x := make([]float32, samples*plane)
	for i := range x {
		// arange(768).reshape(3, 8, 8, 4)/768 with the last axis first.
		x[i] = float32(i%plane*samples+i/plane) / float32(len(x)) * s.init
	}
	m, z, estimate := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
	source := &torchNoise{seed: seed}
	draw := 0
	for i, st := range s.steps {
		for j := range x {
			x[j] *= st.scale
			m[j] = x[j] * st.timestep / (st.timestep + 1)
		}
		if st.z != 0 {
			source.fill(z, draw, area{})
			draw++
		}
		s.advance(i, x, m, z, estimate)
	}
	for _, v := range x {
		sum += math.Abs(float64(v))
	}
	return sum, sum / float64(len(x))
}

func TestSchedulesAgainstDiffusers(t *testing.T) {
	linear := func(train int, change func(*options)) options {
		o := options{TrainTimesteps: new(train), BetaStart: new(0.0001), BetaEnd: new(0.02), BetaSchedule: new("linear")}
		if change != nil {
			change(&o)
		}
		return o
	}
	lcmOptions := options{BetaStart: new(0.00085), BetaEnd: new(0.012), BetaSchedule: new("scaled_linear")}
	v := func(o *options) { o.PredictionType = new("v_prediction") }
	clip := func(o *options) { o.ClipSample = new(true) }
	dpm := func(o *options) { o.LowerOrderFinal, o.FinalSigmas = new(false), new("sigma_min") }
	for _, tt := range []struct {
		name      string
		scheduler string
		o         options
		steps     int
		sum, mean float64 // a sum of 0 is not checked
		within    float64 // of the mean
	}{
		{"Euler", Euler, linear(1100, nil), 10, 10.0807, 0.0131, 1e-4},
		{"Euler, v", Euler, linear(1100, v), 10, 0.0002, 2.2676e-6, 1e-4},
		{"Euler, Karras", Euler, linear(1100, func(o *options) { o.KarrasSigmas = new(true) }), 10, 124.52299, 0.162139, 1e-4},
		{"Euler ancestral", EulerAncestral, linear(1100, nil), 10, 152.3192, 0.1983, 1e-4},
		{"Euler ancestral, v", EulerAncestral, linear(1100, v), 10, 108.4439, 0.1412, 1e-4},
		{"DDIM", DDIM, linear(1000, clip), 10, 172.0067, 0.223967, 1e-4},
		{"DDIM, v", DDIM, linear(1000, func(o *options) { clip(o); v(o) }), 10, 52.5302, 0.0684, 1e-4},
		{"DDIM, set_alpha_to_one", DDIM, linear(1000, func(o *options) {
			clip(o)
			o.BetaStart, o.SetAlphaToOne = new(0.01), new(true)
		}), 10, 149.8295, 0.1951, 1e-4},
		{"DDIM, alpha of timestep 0", DDIM, linear(1000, func(o *options) {
			clip(o)
			o.BetaStart, o.SetAlphaToOne = new(0.01), new(false)
		}), 10, 149.0784, 0.1941, 1e-4},
		{"DPM++ 2M", DPMSolver2M, linear(1000, dpm), 10, 0, 0.330147, 1e-4},
		{"DPM++ 2M, v", DPMSolver2M, linear(1000, func(o *options) { dpm(o); v(o) }), 10, 0, 0.2251, 1e-4},
		{"DPM++ 2M, Karras, v", DPMSolver2M, linear(1000, func(o *options) {
			dpm(o)
			v(o)
			o.KarrasSigmas = new(true)
		}), 10, 0, 0.2096, 1e-3},
		{"LCM, one step", LCM, lcmOptions, 1, 18.7097, 0.0244, 1e-4},
		{"LCM", LCM, lcmOptions, 10, 197.7616, 0.2575, 1e-4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := newSchedule(tt.scheduler, tt.o, tt.steps)
			if err != nil {
				t.Fatal(err)
			}
			sum, mean := dummyLoop(t, s, 0)
			if tt.sum != 0 && math.Abs(sum-tt.sum) > 1e-2 {
				t.Errorf("sum %.5f, want %.5f", sum, tt.sum)
			}
			if math.Abs(mean-tt.mean) > tt.within {
				t.Errorf("mean %.6f, want %.6f", mean, tt.mean)
			}
		})
	}
}

func near(got float32, want float64) bool {
	return math.Abs(float64(got)-want) <= 1e-4*max(1, math.Abs(want))
}

// TestStableDiffusionTables pins timesteps and sigmas of the noise schedule that
// InstructPix2Pix has.
func TestStableDiffusionTables(t *testing.T) {
	o := stableDiffusion()
	tr, err := newTraining(o, EulerAncestral)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int][2]float64{0: {0.99915, 0.029167}, 999: {0.0046601, 14.614641}} {
		if math.Abs(tr.bars[i]-want[0]) > 1e-7 || math.Abs(tr.sigmas[i]-want[1]) > 1e-5 {
			t.Errorf("timestep %d: alpha bar %v, sigma %v, want %v", i, tr.bars[i], tr.sigmas[i], want)
		}
	}
	for _, tt := range []struct {
		spacing          string
		steps            int
		init             float64
		timesteps, sigma []float64 // the first ones; the last but one and the last follow below
		last             [2][2]float64
	}{
		{"linspace", 50, 14.6146, []float64{999, 978.612, 958.224}, []float64{14.6146, 12.9368, 11.4916, 10.2429, 9.1604},
			[2][2]float64{{20.388, .1393}, {0, .0292}}},
		{"linspace", 20, 14.6146, []float64{999, 946.421, 893.842}, []float64{14.6146, 10.7468, 8.0815, 6.2049, 4.8557},
			[2][2]float64{{52.579, .2322}, {0, .0292}}},
		{"leading", 50, 13.1585, []float64{981, 961, 941}, []float64{13.1204}, [2][2]float64{{21, -1}, {1, -1}}},
		{"leading", 20, 11.0736, []float64{951, 901, 851}, []float64{11.0283}, [2][2]float64{{51, -1}, {1, -1}}},
		{"trailing", 50, 14.6146, []float64{999, 979, 959}, []float64{14.6146}, [2][2]float64{{39, -1}, {19, -1}}},
	} {
		o.TimestepSpacing = new(tt.spacing)
		for _, name := range []string{Euler, EulerAncestral} {
			s, err := newSchedule(name, o, tt.steps)
			if err != nil {
				t.Fatal(err)
			}
			if !near(s.init, tt.init) {
				t.Errorf("%s, %s, %d steps: init %v, want %v", name, tt.spacing, tt.steps, s.init, tt.init)
			}
			check := func(i int, timestep, sigma float64) {
				got := s.steps[i]
				gotSigma := math.Sqrt(1/float64(got.scale*got.scale) - 1)
				if timestep >= 0 && !near(got.timestep, timestep) {
					t.Errorf("%s, %s, %d steps: timestep %d is %v, want %v", name, tt.spacing, tt.steps, i, got.timestep, timestep)
				}
				if sigma >= 0 && math.Abs(gotSigma-sigma) > 2e-4 {
					t.Errorf("%s, %s, %d steps: sigma %d is %v, want %v", name, tt.spacing, tt.steps, i, gotSigma, sigma)
				}
			}
			for i, sigma := range tt.sigma {
				check(i, -1, sigma)
			}
			for i, timestep := range tt.timesteps {
				check(i, timestep, -1)
			}
			check(tt.steps-2, tt.last[0][0], tt.last[0][1])
			check(tt.steps-1, tt.last[1][0], tt.last[1][1])
		}
	}
}

func timesteps(s *schedule) []float32 {
	var v []float32
	for _, st := range s.steps {
		v = append(v, st.timestep)
	}
	return v
}

func TestTimesteps(t *testing.T) {
	for _, tt := range []struct {
		name, scheduler, spacing string
		steps, offset            int
		want                     []float32
	}{
		{"DDIM leading with offset", DDIM, "leading", 5, 1, []float32{801, 601, 401, 201, 1}},
		{"DDIM linspace", DDIM, "linspace", 4, 1, []float32{999, 666, 333, 0}},
		{"DDIM trailing", DDIM, "trailing", 4, 1, []float32{999, 749, 499, 249}},
		{"DDIM trailing, not a divisor", DDIM, "trailing", 3, 0, []float32{999, 666, 332}},
		{"DPM linspace", DPMSolver2M, "linspace", 4, 1, []float32{999, 749, 500, 250}},
		{"DPM leading", DPMSolver2M, "leading", 4, 1, []float32{801, 601, 401, 201}},
		{"DPM trailing", DPMSolver2M, "trailing", 4, 1, []float32{999, 749, 499, 249}},
		{"LCM", LCM, "leading", 4, 1, []float32{999, 759, 499, 259}},
		{"LCM one", LCM, "leading", 1, 1, []float32{999}},
		{"Euler one", Euler, "linspace", 1, 0, []float32{0}},
		{"Euler trailing, not a divisor", Euler, "trailing", 7, 0, []float32{999, 856, 713, 570, 428, 285, 142}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := stableDiffusion()
			o.TimestepSpacing, o.StepsOffset = &tt.spacing, &tt.offset
			s, err := newSchedule(tt.scheduler, o, tt.steps)
			if err != nil {
				t.Fatal(err)
			}
			if got := timesteps(s); !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestScheduleErrors(t *testing.T) {
	for _, tt := range []struct {
		name, scheduler string
		steps           int
		change          func(*options)
		says            string
	}{
		{"unknown name", "heun", 10, nil, `the name is unknown, there are euler_a, `},
		{"no steps", Euler, 0, nil, "1 to 1000"},
		{"too many steps", Euler, 1001, nil, "1 to 1000"},
		{"too many for LCM", LCM, 51, nil, "at most"},
		{"too many for DPM", DPMSolver2M, 1000, nil, "at most 999"},
		{"steps on one timestep", DPMSolver2M, 998, func(o *options) { o.LambdaMinClipped = new(-1.) }, "fewer steps"},
		{"nothing left", DPMSolver2M, 5, func(o *options) { o.LambdaMinClipped = new(100.) }, "lambda_min_clipped"},
		{"prediction", Euler, 10, func(o *options) { o.PredictionType = new("flow") }, `"flow"`},
		{"spacing, Euler", Euler, 10, func(o *options) { o.TimestepSpacing = new("even") }, `"even"`},
		{"spacing, DDIM", DDIM, 10, func(o *options) { o.TimestepSpacing = new("even") }, `"even"`},
		{"spacing, DPM", DPMSolver2M, 10, func(o *options) { o.TimestepSpacing = new("even") }, `"even"`},
		{"beta schedule", DDIM, 10, func(o *options) { o.BetaSchedule = new("sigmoid") }, `"sigmoid"`},
		{"betas", DDIM, 10, func(o *options) { o.TrainedBetas = []float32{0.1, 2} }, "beta of timestep 1"},
		{"train timesteps", DDIM, 10, func(o *options) { o.TrainTimesteps = new(1) }, "num_train_timesteps"},
		{"final sigmas", Euler, 10, func(o *options) { o.FinalSigmas = new("mean") }, `"mean"`},
		{"final sigmas, DPM", DPMSolver2M, 10, func(o *options) { o.FinalSigmas = new("mean") }, `"mean"`},
		{"thresholding", DDIM, 10, func(o *options) { o.Thresholding = new(true) }, "thresholding"},
		{"thresholding, LCM", LCM, 10, func(o *options) { o.Thresholding = new(true) }, "thresholding"},
		{"original steps", LCM, 10, func(o *options) { o.OriginalSteps = new(2000) }, "original_inference_steps"},
		{"algorithm", DPMSolver2M, 10, func(o *options) { o.Algorithm = new("sde-dpmsolver++") }, "algorithm_type"},
		{"order", DPMSolver2M, 10, func(o *options) { o.SolverOrder = new(3) }, "solver_order"},
		{"interpolation", Euler, 10, func(o *options) { o.Interpolation = new("log_linear") }, "interpolation_type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := stableDiffusion()
			if tt.change != nil {
				tt.change(&o)
			}
			if _, err := newSchedule(tt.scheduler, o, tt.steps); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want one that says %q", err, tt.says)
			}
		})
	}
}

// TestClassDefaults: what a file does not say is what diffusers' class has.
func TestClassDefaults(t *testing.T) {
	s, err := newSchedule(DDIM, options{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if last := s.steps[9]; last.x0 != 1 || last.m != 0 {
		t.Errorf("DDIM does not end at the clean latents: %+v", last)
	}
	if s.clip != 1 {
		t.Errorf("DDIM clips to %v, want 1", s.clip)
	}
	if s, err = newSchedule(LCM, options{}, 10); err != nil || s.clip != 0 {
		t.Errorf("LCM clips to %v, want 0, %v", s.clip, err)
	}
	if s, err = newSchedule(DPMSolver2M, options{}, 14); err != nil {
		t.Fatal(err)
	}
	if last := s.steps[13]; last.x0 != 1 || last.last != 0 || s.steps[12].last == 0 {
		t.Errorf("DPM-Solver++ ends with %+v", s.steps[12:])
	}
}

func TestClip(t *testing.T) {
	for _, name := range []string{DDIM, LCM} {
		o := options{PredictionType: new("sample"), ClipSample: new(true), ClipSampleRange: new(0.5)}
		s, err := newSchedule(name, o, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, clean := range []float32{-7, -0.5, 0.25, 3} {
			x := []float32{0}
			s.advance(0, x, []float32{clean}, []float32{0}, []float32{0})
			if want := min(max(clean, -0.5), 0.5); math.Abs(float64(x[0]-want)) > 1e-3 {
				t.Errorf("%s: %v becomes %v, want %v", name, clean, x[0], want)
			}
		}
	}
}
