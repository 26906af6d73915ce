package job

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"uredit/daemon/document"
)

// MaxRequestBytes is the largest request file.
const MaxRequestBytes = 256 << 10

// Complete reports whether data ends in a line "...", YAML's own end of a
// document: such a file is not still being written.
func Complete(data []byte) bool { return document.Complete(data) }

// Parse reads a request file as it lies in the inbox: YAML or JSON, paths
// absolute. The name of the file is for messages; one that ends in .json must
// hold JSON. Warnings are sentences about what is kept and not used. An error
// is always an Errors, with every fault of the file.
func Parse(file string, data []byte) (req Request, warnings []string, err error) {
	return parse(file, data, "")
}

// ParseAt is Parse for a file that a user names on a command line: relative
// paths are taken from dir, which is absolute.
func ParseAt(dir, file string, data []byte) (req Request, warnings []string, err error) {
	return parse(file, data, dir)
}

// Validate checks a request that came from no file, by the rules of Parse. An
// error is always an Errors.
func (r *Request) Validate() error {
	var faults Errors
	for _, f := range r.check() {
		faults = append(faults, invalid(&document.Fault{Key: f.key, Message: f.message, Hint: f.hint}))
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

func parse(file string, data []byte, dir string) (Request, []string, error) {
	m, fault := document.Parse(file, data, MaxRequestBytes)
	if fault != nil {
		e := invalid(fault)
		if len(data) > MaxRequestBytes {
			e.Code, e.Hint = CodeTooLarge, "a request holds a few lines; it names its video by a path"
		}
		return Request{}, nil, Errors{e}
	}
	r := Default()
	decode(m, &r)
	if dir != "" {
		r.InputVideoPath = absolute(dir, r.InputVideoPath)
		r.OutputDir = absolute(dir, r.OutputDir)
	}
	for _, key := range required {
		if !m.Has(key) {
			m.Fault(key, "the key is missing", "write a line  "+key+": ...")
		}
	}
	for _, f := range r.check() {
		m.Fault(f.key, f.message, f.hint)
	}
	m.Unknown(misplaced)
	if list := m.Faults(); len(list) > 0 {
		faults := make(Errors, len(list))
		for i, f := range list {
			faults[i] = invalid(f)
		}
		return Request{}, nil, faults
	}
	return r, r.warnings(), nil
}

var required = []string{"job_id", "input_video_path", "output_dir", "mask_prompt", "edit_prompt"}

// misplaced holds hints for keys that other tools, or other places of this
// file, know.
var misplaced = map[string]string{
	"model_path":     "it belongs below extra:",
	"sam_path":       "it belongs below extra:",
	"job_name":       "it belongs below extra:",
	"notes":          "it belongs below extra:",
	"steps":          "did you mean num_inference_steps?",
	"prompt":         "did you mean edit_prompt?",
	"input":          "did you mean input_video_path?",
	"input_path":     "did you mean input_video_path?",
	"output":         "did you mean output_dir?",
	"output_path":    "did you mean output_dir?",
	"frames":         "did you mean max_frames?",
	"crf":            "did you mean video_crf?",
	"codec":          "did you mean video_codec?",
	"<<":             "write the keys out",
	"dilate_kernel":  "only erode_kernel exists: it shrinks the mask",
	"mask_feather":   "did you mean feather?",
	"inference_step": "did you mean num_inference_steps?",
}

func invalid(f *document.Fault) *Error {
	return &Error{Code: CodeInvalidRequest, Message: f.Message, Hint: f.Hint, File: f.File, Line: f.Line, Key: f.Key}
}

func absolute(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// decode reads every key of a request.
func decode(m *document.Mapping, r *Request) {
	mode := string(r.Mode)
	seed := int(r.Seed)
	m.String("job_id", &r.JobID)
	m.String("input_video_path", &r.InputVideoPath)
	m.String("output_dir", &r.OutputDir)
	m.String("mask_prompt", &r.MaskPrompt)
	m.String("edit_prompt", &r.EditPrompt)
	m.String("negative_prompt", &r.NegativePrompt)
	m.String("mode", &mode)
	m.Int("frame_index", &r.FrameIndex)
	if !m.Null("max_frames") {
		m.Int("max_frames", &r.MaxFrames)
	}
	m.Int("num_inference_steps", &r.NumInferenceSteps)
	m.Float("guidance_scale", &r.GuidanceScale)
	m.Float("image_guidance_scale", &r.ImageGuidanceScale)
	m.String("scheduler", &r.Scheduler)
	m.Int("seed", &seed)
	m.Int("erode_kernel", &r.ErodeKernel)
	m.Float("feather", &r.Feather)
	m.Int("crop_padding", &r.CropPadding)
	m.Int("edit_size", &r.EditSize)
	m.Bool("apply_smoothing", &r.ApplySmoothing)
	m.String("smoothing", &r.Smoothing)
	m.Int("smoothing_window", &r.SmoothingWindow)
	m.Float("smoothing_alpha", &r.SmoothingAlpha)
	m.String("video_codec", &r.VideoCodec)
	m.Int("video_crf", &r.VideoCRF)
	m.String("video_preset", &r.VideoPreset)
	m.String("hdr", &r.HDR)
	m.Int("priority", &r.Priority)
	m.Bool("overwrite", &r.Overwrite)
	decodeExtra(m.Mapping("extra"), &r.Extra)
	if seed < 0 {
		m.Fault("seed", fmt.Sprintf("%d is negative", seed), "a seed is a whole number from 0")
	}
	r.Mode, r.Seed = Mode(mode), uint64(max(seed, 0))
}

// decodeExtra reads the free part: the two paths must be text, whatever else is
// there is kept.
func decodeExtra(m *document.Mapping, e *Extra) {
	for _, key := range m.Keys() {
		if m.Null(key) {
			continue
		}
		switch key {
		case "model_path":
			m.String(key, &e.ModelPath)
			continue
		case "sam_path":
			m.String(key, &e.SAMPath)
			continue
		}
		value := m.Any(key)
		text, isText := value.(string)
		switch {
		case key == "job_name" && isText:
			e.JobName = text
		case key == "notes" && isText:
			e.Notes = text
		default:
			if e.Other == nil {
				e.Other = map[string]any{}
			}
			e.Other[key] = value
		}
	}
}

// warnings tells what of a valid request has no effect.
func (r *Request) warnings() []string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(r.Extra.Other)) {
		list = append(list, fmt.Sprintf("extra.%s is kept and not used", key))
	}
	if r.Mode == Video && r.FrameIndex != 0 {
		list = append(list, "frame_index has no effect with mode: video")
	}
	if r.Mode == SingleFrame && r.MaxFrames != 0 {
		list = append(list, "max_frames has no effect with mode: single_frame")
	}
	return list
}
