package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"

	"uredit/daemon/config"
	"uredit/daemon/job"
)

// editFlags are the flags of edit: those of the Python scripts that it replaces,
// by the same names.
type editFlags struct {
	set    *flag.FlagSet
	config *string
	file   string // a request file; then no other flag is allowed

	request     job.Request
	mode        string
	output      string
	noSmoothing bool
}

func newEditFlags(c console) *editFlags {
	e := &editFlags{set: flags(c, "edit", editHelp), request: job.Default()}
	f, r := e.set, &e.request
	e.config = f.String("config", "", "configuration `file`")
	f.StringVar(&r.InputVideoPath, "input", "", "`video`, or a picture with --mode single_frame")
	f.StringVar(&e.output, "output", "", "`file` to write, .mp4 (.png with --mode single_frame)")
	f.StringVar(&r.MaskPrompt, "mask-prompt", "", "what to edit")
	f.StringVar(&r.EditPrompt, "edit-prompt", "", "how to edit it")
	f.StringVar(&r.NegativePrompt, "negative-prompt", "", "what the edit should avoid")
	f.StringVar(&e.mode, "mode", string(job.Video), "video or single_frame")
	f.IntVar(&r.FrameIndex, "frame-index", r.FrameIndex, "the frame that single_frame takes, from 0")
	f.IntVar(&r.MaxFrames, "max-frames", 0, "frames to edit; 0 for all")
	f.IntVar(&r.NumInferenceSteps, "steps", r.NumInferenceSteps, "denoising steps")
	f.Float64Var(&r.GuidanceScale, "guidance-scale", r.GuidanceScale, "how strongly the edit prompt acts")
	f.Float64Var(&r.ImageGuidanceScale, "image-guidance-scale", r.ImageGuidanceScale, "how strongly the picture is kept")
	f.IntVar(&r.ErodeKernel, "erode-kernel", r.ErodeKernel, "samples by which the mask shrinks; 0 for none")
	f.Float64Var(&r.Feather, "feather", r.Feather, "softness of the mask's edge, samples")
	f.IntVar(&r.CropPadding, "crop-padding", r.CropPadding, "samples kept around the mask")
	f.IntVar(&r.EditSize, "edit-size", r.EditSize, "long side of the editor's picture, samples")
	f.BoolVar(&e.noSmoothing, "no-smoothing", false, "no smoothing in time")
	f.StringVar(&r.Smoothing, "smoothing", r.Smoothing, "motion or classic")
	f.IntVar(&r.SmoothingWindow, "smoothing-window", r.SmoothingWindow, "frames that smoothing looks at")
	f.Float64Var(&r.SmoothingAlpha, "smoothing-alpha", r.SmoothingAlpha, "weight of neighbouring frames, 0..1")
	f.StringVar(&r.Extra.ModelPath, "model-path", "", "Instruct-Pix2Pix `folder`")
	f.StringVar(&r.Extra.SAMPath, "sam-path", "", "SAM 3 `folder`")
	f.Uint64Var(&r.Seed, "seed", 0, "seed of the noise")
	f.StringVar(&r.Scheduler, "scheduler", "", "sampler (default: the model's own)")
	f.StringVar(&r.VideoCodec, "video-codec", r.VideoCodec, "h264 or hevc")
	f.IntVar(&r.VideoCRF, "video-crf", r.VideoCRF, "quality, 0 (nothing lost) to 51")
	f.StringVar(&r.VideoPreset, "video-preset", r.VideoPreset, "ultrafast to veryslow")
	f.StringVar(&r.HDR, "hdr", r.HDR, "what to do with HDR: refuse or tonemap")
	return e
}

// task returns what the flags or the request file ask for.
func (e *editFlags) task(cfg config.Config) (task, error) {
	if e.file != "" {
		var other []string
		e.set.Visit(func(f *flag.Flag) {
			if f.Name != "config" {
				other = append(other, "--"+f.Name)
			}
		})
		if len(other) > 0 {
			return task{}, usagef("write %s into %s: a request file takes no other flags", strings.Join(other, ", "), e.file)
		}
		return readRequest(e.file)
	}
	var missing []string
	for _, m := range []struct{ name, value string }{
		{"--input", e.request.InputVideoPath}, {"--output", e.output},
		{"--mask-prompt", e.request.MaskPrompt}, {"--edit-prompt", e.request.EditPrompt},
	} {
		if m.value == "" {
			missing = append(missing, m.name)
		}
	}
	if len(missing) > 0 {
		return task{}, usagef("edit needs a request file, or %s", strings.Join(missing, ", "))
	}
	return e.fromFlags(cfg)
}

// fromFlags completes the request of the flags: absolute paths, and a directory
// of its own for everything but the results.
func (e *editFlags) fromFlags(cfg config.Config) (task, error) {
	r := e.request
	r.Mode = job.Mode(e.mode)
	r.ApplySmoothing = !e.noSmoothing
	want := ".mp4"
	if r.Mode == job.SingleFrame {
		want = ".png"
	}
	if ext := strings.ToLower(filepath.Ext(e.output)); ext != want {
		return task{}, usagef("--output %s must end in %s with --mode %s", e.output, want, e.mode)
	}
	output, err := filepath.Abs(e.output)
	if err != nil {
		return task{}, err
	}
	if r.InputVideoPath, err = filepath.Abs(r.InputVideoPath); err != nil {
		return task{}, err
	}
	if err := distinct(r.InputVideoPath, output, maskSibling(output)); err != nil {
		return task{}, err
	}
	for _, path := range []*string{&r.Extra.ModelPath, &r.Extra.SAMPath} {
		if _, err := os.Stat(*path); err == nil { // else it is an alias
			if *path, err = filepath.Abs(*path); err != nil {
				return task{}, err
			}
		}
	}
	r.JobID, r.OutputDir = "edit", filepath.Dir(output) // to be judged with the rest
	if err := r.Validate(); err != nil {
		return task{}, err
	}
	if r.OutputDir, err = runDir(cfg); err != nil {
		return task{}, err
	}
	r.JobID = filepath.Base(r.OutputDir)
	return task{request: r, output: output}, nil
}

// distinct refuses outputs that are the input, and a directory that is not
// there, before anything is computed.
func distinct(input string, outputs ...string) error {
	in, err := os.Stat(input)
	if err != nil {
		return usageError{err}
	}
	for _, name := range outputs {
		if dir, err := os.Stat(filepath.Dir(name)); err != nil {
			return usageError{err}
		} else if !dir.IsDir() {
			return usagef("%s is not a directory", filepath.Dir(name))
		}
		if out, err := os.Stat(name); err == nil && os.SameFile(in, out) {
			return usagef("the output %s is the input", name)
		}
	}
	return nil
}
