package pix2pix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
)

// options is scheduler_config.json. A nil field is one that the file does not
// have: each scheduler then takes its own class's default.
type options struct {
	Class          string    `json:"_class_name"`
	TrainTimesteps *int      `json:"num_train_timesteps"`
	BetaStart      *float64  `json:"beta_start"`
	BetaEnd        *float64  `json:"beta_end"`
	BetaSchedule   *string   `json:"beta_schedule"`
	TrainedBetas   []float32 `json:"trained_betas"`
	RescaleZeroSNR *bool     `json:"rescale_betas_zero_snr"`

	PredictionType    *string  `json:"prediction_type"`
	TimestepSpacing   *string  `json:"timestep_spacing"`
	StepsOffset       *int     `json:"steps_offset"`
	FinalSigmas       *string  `json:"final_sigmas_type"`
	SetAlphaToOne     *bool    `json:"set_alpha_to_one"`
	ClipSample        *bool    `json:"clip_sample"`
	ClipSampleRange   *float64 `json:"clip_sample_range"`
	Thresholding      *bool    `json:"thresholding"`
	Interpolation     *string  `json:"interpolation_type"`
	TimestepType      *string  `json:"timestep_type"`
	SigmaMin          *float64 `json:"sigma_min"`
	SigmaMax          *float64 `json:"sigma_max"`
	KarrasSigmas      *bool    `json:"use_karras_sigmas"`
	ExponentialSigmas *bool    `json:"use_exponential_sigmas"`
	BetaSigmas        *bool    `json:"use_beta_sigmas"`

	SolverOrder      *int     `json:"solver_order"`
	SolverType       *string  `json:"solver_type"`
	Algorithm        *string  `json:"algorithm_type"`
	LowerOrderFinal  *bool    `json:"lower_order_final"`
	EulerAtFinal     *bool    `json:"euler_at_final"`
	LambdaMinClipped *float64 `json:"lambda_min_clipped"`
	LuLambdas        *bool    `json:"use_lu_lambdas"`
	FlowSigmas       *bool    `json:"use_flow_sigmas"`

	OriginalSteps   *int     `json:"original_inference_steps"`
	TimestepScaling *float64 `json:"timestep_scaling"`
}

// value returns what p points to, or the default for nil.
func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// stableDiffusion returns the options of the checkpoints that InstructPix2Pix
// was made from, for folders without a scheduler.
func stableDiffusion() options {
	return options{
		Class:     "EulerAncestralDiscreteScheduler",
		BetaStart: new(0.00085), BetaEnd: new(0.012), BetaSchedule: new("scaled_linear"),
		StepsOffset: new(1), SetAlphaToOne: new(false), ClipSample: new(false),
	}
}

// parseOptions reads scheduler_config.json.
func parseOptions(data []byte) (options, error) {
	var o options
	if err := json.Unmarshal(plainJSON(data), &o); err != nil {
		return options{}, err
	}
	for name, v := range map[string]*float64{
		"beta_start": o.BetaStart, "beta_end": o.BetaEnd, "clip_sample_range": o.ClipSampleRange,
		"sigma_min": o.SigmaMin, "sigma_max": o.SigmaMax, "timestep_scaling": o.TimestepScaling,
	} {
		if v != nil && (*v <= 0 || *v > math.MaxFloat32) {
			return options{}, fmt.Errorf("%s is %v", name, *v)
		}
	}
	return o, nil
}

// plainJSON replaces the numbers that Python's encoder writes and JSON does not
// know by null: DPM-Solver's configs hold "lambda_min_clipped": -Infinity, which
// is its default.
func plainJSON(data []byte) []byte {
	plain := make([]byte, 0, len(data))
	inString := false
	for len(data) > 0 {
		n, out := 1, data[:1]
		switch {
		case inString && data[0] == '\\' && len(data) > 1:
			n, out = 2, data[:2]
		case data[0] == '"':
			inString = !inString
		case !inString:
			for _, number := range []string{"-Infinity", "Infinity", "NaN"} {
				if bytes.HasPrefix(data, []byte(number)) {
					n, out = len(number), []byte("null")
					break
				}
			}
		}
		plain = append(plain, out...)
		data = data[n:]
	}
	return plain
}

// scheduler returns the name of the folder's own scheduler, and whether its
// class is one of those that are here.
func (o options) scheduler() (name string, known bool) {
	switch o.Class {
	case "EulerAncestralDiscreteScheduler", "":
		return EulerAncestral, true
	case "EulerDiscreteScheduler":
		return Euler, true
	case "DDIMScheduler":
		return DDIM, true
	case "DPMSolverMultistepScheduler":
		return DPMSolver2M, true
	case "LCMScheduler":
		return LCM, true
	}
	return EulerAncestral, false
}

// refusal is an option that changes the result and is not implemented.
type refusal struct {
	name string
	set  bool
}

// refuse returns an error for the first option that is set.
func refuse(rs ...refusal) error {
	for _, r := range rs {
		if r.set {
			return fmt.Errorf("%s is not supported", r.name)
		}
	}
	return nil
}

// clipRange returns the bound of the clean latents for schedule.clip, 0 for
// none. Where the file does not say, otherwise is the class's own default.
func (o options) clipRange(otherwise bool) float32 {
	if !value(o.ClipSample, otherwise) {
		return 0
	}
	return float32(value(o.ClipSampleRange, 1))
}
