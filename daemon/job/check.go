package job

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// problem is what is wrong with the value of one key.
type problem struct{ key, message, hint string }

// checker collects problems in the order of the keys.
type checker []problem

func (c *checker) add(key, message, hint string) { *c = append(*c, problem{key, message, hint}) }

// The longest values that are taken.
const (
	maxPathBytes   = 4096
	maxPromptBytes = 4096
	maxFrames      = math.MaxInt32
)

// check returns what is wrong with r, every key on its own.
func (r *Request) check() []problem {
	var c checker
	if err := CheckID(r.JobID); err != nil {
		c.add("job_id", err.Error(), "use letters, digits, . _ and -, beginning with a letter or a digit")
	}
	c.path("input_video_path", r.InputVideoPath)
	c.path("output_dir", r.OutputDir)
	c.prompt("mask_prompt", r.MaskPrompt, "name what is to be edited: red ball")
	c.prompt("edit_prompt", r.EditPrompt, "say how it is to be edited: make it blue")
	if r.NegativePrompt != "" {
		c.prompt("negative_prompt", r.NegativePrompt, "leave it out")
	}
	c.choice("mode", string(r.Mode), string(Video), string(SingleFrame))
	c.within("frame_index", r.FrameIndex, 0, maxFrames)
	c.within("max_frames", r.MaxFrames, 0, maxFrames)
	c.preset(r.Preset)
	c.within("num_inference_steps", r.NumInferenceSteps, 1, 1000)
	c.between("guidance_scale", r.GuidanceScale, 0, 100)
	c.between("image_guidance_scale", r.ImageGuidanceScale, 0, 100)
	c.scheduler(r.Scheduler)
	if r.Seed > math.MaxInt64 {
		c.add("seed", fmt.Sprintf("%d is too large", r.Seed), fmt.Sprintf("the largest seed is %d", int64(math.MaxInt64)))
	}
	if r.MaskNegativePrompt != "" {
		c.prompt("mask_negative_prompt", r.MaskNegativePrompt, "leave it out")
	}
	c.instances(r.Instances)
	c.boxes(r.MaskBoxes)
	c.within("max_objects", r.MaxObjects, 0, 10000)
	c.within("erode_kernel", r.ErodeKernel, 0, 1000)
	c.between("feather", r.Feather, 0, 200)
	c.within("crop_padding", r.CropPadding, 0, 4096)
	c.within("edit_size", r.EditSize, 64, 2048)
	c.choice("smoothing", r.Smoothing, "motion", "classic")
	c.within("smoothing_window", r.SmoothingWindow, 1, 99)
	c.between("smoothing_alpha", r.SmoothingAlpha, 0, 1)
	c.choice("video_codec", r.VideoCodec, "h264", "hevc")
	c.within("video_crf", r.VideoCRF, 0, 51)
	c.choice("video_preset", r.VideoPreset, "ultrafast", "superfast", "veryfast", "faster", "fast",
		"medium", "slow", "slower", "veryslow")
	c.choice("hdr", r.HDR, "refuse", "tonemap")
	c.within("priority", r.Priority, 0, 9)
	c.modelPath("extra.model_path", r.Extra.ModelPath)
	c.modelPath("extra.sam_path", r.Extra.SAMPath)
	return c
}

func (c *checker) within(key string, v, low, high int) {
	if v < low || v > high {
		c.add(key, fmt.Sprintf("%d is not within %d..%d", v, low, high), "")
	}
}

func (c *checker) between(key string, v, low, high float64) {
	if !(v >= low && v <= high) {
		c.add(key, fmt.Sprintf("%v is not within %v..%v", v, low, high), "")
	}
}

func (c *checker) choice(key, v string, allowed ...string) {
	if slices.Contains(allowed, v) {
		return
	}
	last := len(allowed) - 1
	c.add(key, fmt.Sprintf("%q is not known", clip(v)),
		"write "+strings.Join(allowed[:last], ", ")+" or "+allowed[last])
}

func (c *checker) instances(v Instances) {
	if _, err := strconv.ParseUint(string(v), 10, 31); err == nil || v == AllInstances || v == LargestInstance {
		return
	}
	c.add("instances", fmt.Sprintf("%q is not known", clip(string(v))), "write all, largest, or a number from 0 on")
}

func (c *checker) boxes(v Boxes) {
	if _, err := v.Rectangles(); err != nil {
		c.add("mask_boxes", err.Error(), boxesHint)
	}
}

func (c *checker) path(key, v string) {
	switch {
	case v == "":
		c.add(key, "the path is empty", "write an absolute path")
	case strings.Contains(v, "://"):
		c.add(key, fmt.Sprintf("%q is an address, not a path", clip(v)), "copy the file to the share and write its path")
	case strings.HasPrefix(v, "~"):
		c.add(key, fmt.Sprintf("%q is not absolute", clip(v)), "write the home directory out")
	case !filepath.IsAbs(v):
		c.add(key, fmt.Sprintf("%q is not absolute", clip(v)), "write the whole path, from / on")
	case strings.TrimSpace(v) != v:
		c.add(key, fmt.Sprintf("the path %q begins or ends with a blank", clip(v)), "remove the blank")
	default:
		c.plain(key, "path", v, maxPathBytes)
	}
}

// modelPath takes what is "", a path or the name of an alias.
func (c *checker) modelPath(key, v string) { c.plain(key, "path", v, maxPathBytes) }

func (c *checker) prompt(key, v, hint string) {
	if strings.TrimSpace(v) == "" {
		c.add(key, "the text is empty", hint)
		return
	}
	lines := strings.NewReplacer("\n", " ", "\r", " ", "\t", " ").Replace(v)
	c.plain(key, "text", lines, maxPromptBytes)
}

// plain refuses what no name or prompt holds.
func (c *checker) plain(key, what, v string, most int) {
	control := strings.IndexFunc(v, unicode.IsControl)
	switch {
	case len(v) > most:
		c.add(key, fmt.Sprintf("the %s has %d bytes, more than %d", what, len(v), most), "")
	case !utf8.ValidString(v):
		c.add(key, "the "+what+" is not UTF-8", "")
	case control >= 0:
		c.add(key, fmt.Sprintf("the %s contains the control character %q", what, v[control]), "")
	}
}

func (c *checker) preset(v string) {
	if v != "" && v != "ur-edit" {
		c.add("preset", fmt.Sprintf("%q is not known", clip(v)), "leave it out, or write ur-edit")
	}
}

func (c *checker) scheduler(v string) {
	other := func(r rune) bool {
		return !(r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}
	if len(v) > 64 || strings.ContainsFunc(v, other) {
		c.add("scheduler", fmt.Sprintf("%q is no name of a scheduler", clip(v)), "leave it out for the model's own")
	}
}

// clip keeps a message readable, whatever the value.
func clip(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
