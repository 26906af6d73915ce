package job

import (
	"fmt"
	"strconv"
	"strings"

	"uredit/daemon/document"
)

// field is one value of a request: its key in a file, its flag on a command
// line and where it is kept. The parser, the writer and the flags read one
// list of them.
type field struct {
	key  string // with its parent: "extra.model_path"
	flag string // without the hyphens before it
	// usage is a line for people; a name in back quotes stands for the value.
	usage string
	// at is a *string, *Mode, *Instances, *Boxes, *int, *uint64, *float64 or *bool.
	at any
}

// required reports whether there is no request without the field.
func (f field) required() bool {
	switch f.key {
	case "job_id", "input_video_path", "output_dir", "mask_prompt", "edit_prompt":
		return true
	}
	return false
}

// missing is what to say where a required field is not there: a line of a file,
// or else a flag.
func (f field) missing(inFile bool) (message, hint string) {
	if inFile {
		return "the key is missing", "write a line  " + f.key + ": ..."
	}
	return "the flag is missing", "give the " + strings.ReplaceAll(f.usage, "`", "")
}

// fields returns the values of a request in the order of the manual. The free
// rest of "extra" is not among them.
func (r *Request) fields() []field {
	return []field{
		{"job_id", "job-id", "`name` of the job and of its files", &r.JobID},
		{"input_video_path", "input", "`video` to edit, or a picture with --mode single_frame", &r.InputVideoPath},
		{"output_dir", "output-dir", "`directory` of all results", &r.OutputDir},
		{"mask_prompt", "mask-prompt", "`text` that names what to edit; several with ; between", &r.MaskPrompt},
		{"edit_prompt", "edit-prompt", "`text` that says how to edit it", &r.EditPrompt},

		{"mode", "mode", "`what` to make: video, or single_frame for one picture", &r.Mode},
		{"frame_index", "frame-index", "`number` of the frame that single_frame takes, from 0", &r.FrameIndex},
		{"max_frames", "max-frames", "`number` of frames after which the video ends; 0 for all", &r.MaxFrames},
		{"negative_prompt", "negative-prompt", "`text` that names what the edit should avoid", &r.NegativePrompt},

		{"preset", "preset", "`name` of a way to edit that is kept for comparison: ur-edit", &r.Preset},
		{"num_inference_steps", "steps", "`number` of denoising steps, 1..1000", &r.NumInferenceSteps},
		{"guidance_scale", "guidance-scale", "`scale` of the edit prompt, 0..100", &r.GuidanceScale},
		{"image_guidance_scale", "image-guidance-scale", "`scale` of the input picture, 0..100", &r.ImageGuidanceScale},
		{"scheduler", "scheduler", "`name` of the sampler; the model's own without it", &r.Scheduler},
		{"seed", "seed", "`number` that the noise is drawn from", &r.Seed},
		{"edit_size", "edit-size", "long side of the editor's picture, 64..2048 `samples`", &r.EditSize},
		{"crop_padding", "crop-padding", "what the editor's picture shows around the mask, 0..4096 `samples`", &r.CropPadding},

		{"mask_negative_prompt", "mask-negative-prompt", "`text` that names what the mask prompt does not mean", &r.MaskNegativePrompt},
		{"instances", "instances", "`which` of the found objects to edit: all, largest, or a number from 0", &r.Instances},
		{"mask_boxes", "mask-boxes", "`boxes` \"x0,y0,x1,y1; ...\" in the first frame that say which objects are meant", &r.MaskBoxes},
		{"max_objects", "max-objects", "`number` of objects that a tracker follows at a time; 0 for the model's own limit", &r.MaxObjects},
		{"across_cuts", "across-cuts", "follow objects from one shot into the next", &r.AcrossCuts},
		{"erode_kernel", "erode-kernel", "side of the square that shrinks the mask, 0..1000 `samples`", &r.ErodeKernel},
		{"feather", "feather", "standard deviation of the mask's soft edge, 0..200 `samples`", &r.Feather},

		{"apply_smoothing", "no-smoothing", "leave flicker in time as it is", &r.ApplySmoothing},
		{"smoothing", "smoothing", "`how` to smooth: motion or classic", &r.Smoothing},
		{"smoothing_window", "smoothing-window", "`frames` that smoothing looks at, 1..99", &r.SmoothingWindow},
		{"smoothing_alpha", "smoothing-alpha", "`weight` of the neighbouring frames, 0..1", &r.SmoothingAlpha},

		{"video_codec", "video-codec", "`name` of the codec: h264 or hevc", &r.VideoCodec},
		{"video_crf", "video-crf", "constant rate `factor`, 0 (nothing is lost) to 51", &r.VideoCRF},
		{"video_preset", "video-preset", "`speed` of the encoder, ultrafast to veryslow", &r.VideoPreset},
		{"hdr", "hdr", "`what` to do with an HDR input: refuse or tonemap", &r.HDR},
		{"overwrite", "overwrite", "replace output files that no job wrote", &r.Overwrite},
		{"fresh", "fresh", "make everything anew, whatever earlier jobs made", &r.Fresh},
		{"reuse_masks", "no-reuse-masks", "find the masks anew, also where an earlier job found the same", &r.ReuseMasks},
		{"priority", "priority", "`place` in the spool's queue, 0 (last) to 9 (first)", &r.Priority},

		{"extra.model_path", "model-path", "Instruct-Pix2Pix `folder`, or one of the model_aliases", &r.Extra.ModelPath},
		{"extra.sam_path", "sam-path", "SAM 3 `folder`, or one of the model_aliases", &r.Extra.SAMPath},
	}
}

// read takes the field's value from m, whose name for it is key, when there is
// one. What does not fit is a fault of m.
func (f field) read(m *document.Mapping, key string) {
	if m.Null(key) {
		return // the same as a key that is not there
	}
	switch at := f.at.(type) {
	case *string:
		m.String(key, at)
	case *Mode:
		m.String(key, (*string)(at))
	case *Instances:
		m.Word(key, (*string)(at))
	case *Boxes:
		f.readBoxes(m, key, at)
	case *int:
		m.Int(key, at)
	case *uint64:
		n := int(*at)
		m.Int(key, &n)
		if n < 0 {
			m.Fault(key, fmt.Sprintf("%d is negative", n), "write a whole number from 0 on")
		}
		*at = uint64(max(n, 0))
	case *float64:
		m.Float(key, at)
	case *bool:
		m.Bool(key, at)
	default:
		panic(fmt.Sprintf("field %s is a %T", f.key, f.at))
	}
}

// readBoxes takes boxes from m as text.
func (f field) readBoxes(m *document.Mapping, key string, at *Boxes) {
	v := m.Any(key)
	if v == nil {
		return
	}
	boxes, err := boxesOf(v)
	if err == nil {
		_, err = boxes.Rectangles()
	}
	if err != nil {
		m.Fault(key, err.Error(), boxesHint)
		return
	}
	*at = boxes
}

// value returns the field's value: a string, int, uint64, float64 or bool.
func (f field) value() any {
	switch at := f.at.(type) {
	case *string:
		return *at
	case *Mode:
		return string(*at)
	case *Instances:
		return string(*at)
	case *Boxes:
		return string(*at)
	case *int:
		return *at
	case *uint64:
		return *at
	case *float64:
		return *at
	case *bool:
		return *at
	}
	panic(fmt.Sprintf("field %s is a %T", f.key, f.at))
}

// text returns the value as a command line has it.
func (f field) text() string {
	if v, ok := f.value().(float64); ok {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(f.value())
}
