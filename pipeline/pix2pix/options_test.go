package pix2pix

import (
	"math"
	"testing"
)

func TestParseOptions(t *testing.T) {
	const file = `{"_class_name":"DPMSolverMultistepScheduler","_diffusers_version":"0.30.0","beta_start":0.00085,
		"lambda_min_clipped":-Infinity,"note":"say \"-Infinity\" \\","trained_betas":null,"sigma_max":Infinity,"x":NaN}`
	o, err := parseOptions([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	if name, known := o.scheduler(); name != DPMSolver2M || !known || o.LambdaMinClipped != nil || *o.BetaStart != 0.00085 {
		t.Errorf("%+v", o)
	}
	for _, bad := range []string{"", "[]", `{"beta_start":"small"}`, `{"beta_start":-1}`, `{"num_train_timesteps":1.5}`} {
		if _, err := parseOptions([]byte(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	for class, want := range map[string]string{
		"EulerAncestralDiscreteScheduler": EulerAncestral, "EulerDiscreteScheduler": Euler,
		"DDIMScheduler": DDIM, "LCMScheduler": LCM, "": EulerAncestral,
	} {
		if name, known := (options{Class: class}).scheduler(); name != want || !known {
			t.Errorf("%s is %s, %v", class, name, known)
		}
	}
	if name, known := (options{Class: "PNDMScheduler"}).scheduler(); name != EulerAncestral || known {
		t.Errorf("PNDMScheduler is %s, %v", name, known)
	}
}

// FuzzParseOptions: never a panic, and options that parse make a schedule of
// finite numbers or a clear error.
func FuzzParseOptions(f *testing.F) {
	f.Add([]byte(`{"_class_name":"DDIMScheduler","num_train_timesteps":20,"beta_start":0.00085,"beta_end":0.012}`), 4)
	f.Add([]byte(`{"_class_name":"DPMSolverMultistepScheduler","num_train_timesteps":30,"lambda_min_clipped":-Infinity}`), 29)
	f.Fuzz(func(t *testing.T, data []byte, steps int) {
		o, err := parseOptions(data)
		if err != nil {
			return
		}
		if value(o.TrainTimesteps, 1000) > 2000 {
			return
		}
		name, _ := o.scheduler()
		s, err := newSchedule(name, o, steps)
		if err != nil {
			return
		}
		if len(s.steps) != steps {
			t.Fatalf("%d steps, want %d", len(s.steps), steps)
		}
		for i, st := range s.steps {
			for _, v := range []float32{st.timestep, st.scale, st.x, st.m, st.x0, st.last, st.z, s.init} {
				if v64 := float64(v); math.IsNaN(v64) || math.IsInf(v64, 0) {
					t.Fatalf("step %d of %s: %+v", i, data, st)
				}
			}
		}
	})
}
