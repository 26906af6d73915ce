package job

// Mode is what a request asks for: a whole video or one picture.
type Mode string

// The modes.
const (
	Video       Mode = "video"
	SingleFrame Mode = "single_frame"
)

// Instances says which of the objects that MaskPrompt names are edited:
// AllInstances, LargestInstance, or a number from 0 on, in the order in which
// the objects of a shot appear.
type Instances string

// The instances that have names.
const (
	AllInstances    Instances = "all"
	LargestInstance Instances = "largest"
)

// Request is one job as its user wrote it, every default filled in. The JSON
// and YAML names are the keys of a request file.
type Request struct {
	// JobID names the job and its output files; see CheckID. Required.
	JobID string `json:"job_id"`
	// InputVideoPath is the absolute path of the video (of the picture, with
	// Mode SingleFrame). Required.
	InputVideoPath string `json:"input_video_path"`
	// OutputDir is the absolute path of the directory of all results. Required.
	OutputDir string `json:"output_dir"`
	// MaskPrompt names what is to be edited; several with ";" between. Required.
	MaskPrompt string `json:"mask_prompt"`
	// EditPrompt says how it is to be edited. Required.
	EditPrompt string `json:"edit_prompt"`
	// NegativePrompt names what the edit should avoid. Default "".
	NegativePrompt string `json:"negative_prompt"`
	// Mode is Video or SingleFrame. Default Video.
	Mode Mode `json:"mode"`
	// FrameIndex is the frame that SingleFrame takes, from 0. Default 0.
	FrameIndex int `json:"frame_index"`
	// MaxFrames ends the video after that many frames; 0 (null in the file)
	// takes all. Default 0.
	MaxFrames int `json:"max_frames"`

	// Preset names a way to edit that is kept for comparison: "ur-edit" is the
	// loop of the Python worker of that name; "" edits as well as it is known
	// how. Default "".
	Preset string `json:"preset"`
	// NumInferenceSteps is the number of denoising steps, 1..1000. Default 50.
	NumInferenceSteps int `json:"num_inference_steps"`
	// GuidanceScale is how strongly EditPrompt is followed, 0..100. Default 9.
	GuidanceScale float64 `json:"guidance_scale"`
	// ImageGuidanceScale is how strongly the input picture is kept, 0..100.
	// Default 1.5.
	ImageGuidanceScale float64 `json:"image_guidance_scale"`
	// Scheduler names the sampler; "" takes the model's own. Default "".
	Scheduler string `json:"scheduler"`
	// Seed of the noise, 0..2^63-1: the same seed gives the same video.
	// Default 0.
	Seed uint64 `json:"seed"`

	// MaskNegativePrompt names what MaskPrompt does not mean. Default "".
	MaskNegativePrompt string `json:"mask_negative_prompt"`
	// Instances says which of the objects are edited. Default AllInstances.
	Instances Instances `json:"instances"`
	// MaskBoxes says which of the objects are edited by where they are in the
	// first frame. Default "": all that Instances lets through.
	MaskBoxes Boxes `json:"mask_boxes"`
	// MaxObjects is how many objects the model's tracker follows at a time,
	// 0..10000; 0 leaves the limit to the model, and so does a model without a
	// tracker. Default 0.
	MaxObjects int `json:"max_objects"`
	// AcrossCuts follows objects from one shot into the next. Default false.
	AcrossCuts bool `json:"across_cuts"`
	// ErodeKernel is the side, in samples, of the square that shrinks the
	// mask, 0..1000; 0 leaves it. Default 10.
	ErodeKernel int `json:"erode_kernel"`
	// Feather is the standard deviation, in samples, of the soft edge around
	// the shrunk mask, 0..200. The edge never leaves the mask that was shrunk;
	// with ErodeKernel 0 it is centred on the mask's own. Default 5.
	Feather float64 `json:"feather"`
	// CropPadding is kept around the mask when the editor's picture is cut
	// out, in samples, 0..4096. Default 50.
	CropPadding int `json:"crop_padding"`
	// EditSize is the long side of the editor's picture, in samples, 64..2048.
	// Default 512.
	EditSize int `json:"edit_size"`

	// ApplySmoothing removes flicker in time. Default true.
	ApplySmoothing bool `json:"apply_smoothing"`
	// Smoothing is how: "motion" follows what moves, "classic" is the plain
	// exponential window. Default "motion".
	Smoothing string `json:"smoothing"`
	// SmoothingWindow is how many frames are looked at, 1..99. Default 5.
	SmoothingWindow int `json:"smoothing_window"`
	// SmoothingAlpha is the weight of the neighbouring frames, 0..1. Default 0.3.
	SmoothingAlpha float64 `json:"smoothing_alpha"`

	// VideoCodec is "h264" or "hevc". Default "h264", which browsers play.
	VideoCodec string `json:"video_codec"`
	// VideoCRF is the encoder's constant rate factor, 0..51: less is better
	// and larger, 0 loses nothing. Default 16.
	VideoCRF int `json:"video_crf"`
	// VideoPreset is the encoder's speed, "ultrafast" to "veryslow". Default
	// "medium".
	VideoPreset string `json:"video_preset"`
	// HDR says what to do with an HDR input: "refuse" or "tonemap" to BT.709.
	// Default "refuse".
	HDR string `json:"hdr"`

	// Priority orders the queue, 0 (last) to 9 (first). Default 5.
	Priority int `json:"priority"`
	// Overwrite allows to replace an output file that no job wrote. Default
	// false.
	Overwrite bool `json:"overwrite"`
	// Fresh makes everything anew: nothing of what an earlier job made is used.
	// Default false.
	Fresh bool `json:"fresh"`
	// ReuseMasks allows to take over the masks that an earlier job found in the
	// same input for the same words. Default true.
	ReuseMasks bool `json:"reuse_masks"`
	// Extra is what the old worker's callers pass beside.
	Extra Extra `json:"extra"`
}

// Extra is the free part of a request. An absent, null or empty value is "".
type Extra struct {
	ModelPath string         `json:"model_path,omitempty"` // an Instruct-Pix2Pix folder or one of the model_aliases
	SAMPath   string         `json:"sam_path,omitempty"`   // a SAM 3 folder or one of the model_aliases
	JobName   string         `json:"job_name,omitempty"`   // a title for people
	Notes     string         `json:"notes,omitempty"`      // kept, not read
	Other     map[string]any `json:"other,omitempty"`      // kept, not read: plain values, lists and maps
}

// Default returns a request with every default; the required keys are empty.
func Default() Request {
	return Request{
		Mode:               Video,
		NumInferenceSteps:  50,
		GuidanceScale:      9.0,
		ImageGuidanceScale: 1.5,
		Instances:          AllInstances,
		ErodeKernel:        10,
		Feather:            5,
		CropPadding:        50,
		EditSize:           512,
		ApplySmoothing:     true,
		Smoothing:          "motion",
		SmoothingWindow:    5,
		SmoothingAlpha:     0.3,
		VideoCodec:         "h264",
		VideoCRF:           16,
		VideoPreset:        "medium",
		HDR:                "refuse",
		Priority:           5,
		ReuseMasks:         true,
	}
}

// OutputName returns the name, in OutputDir, of the edited video or picture.
func (r *Request) OutputName() string {
	if r.Mode == SingleFrame {
		return r.JobID + "_output.png"
	}
	return r.JobID + "_output.mp4"
}

// MaskName returns the name, in OutputDir, of the mask preview.
func (r *Request) MaskName() string {
	if r.Mode == SingleFrame {
		return r.JobID + "_mask.png"
	}
	return r.JobID + "_mask.mp4"
}

// LogName returns the name, in OutputDir, of the job's log.
func (r *Request) LogName() string { return r.JobID + "_log.txt" }

// Names of the other files in OutputDir.
const (
	StatusName = "status.json"
	RecordName = "job.json"
	EventsName = "events.ndjson"
)
