package pipeline

import (
	"image"
	"os"
	"time"

	"uredit/pipeline/media"
)

// Stage is a step that users see. The names are the status values of the
// request's contract.
type Stage string

// The stages in their order.
const (
	Extracting  Stage = "extracting"  // probe to the first decoded frame
	Masking     Stage = "masking"     // masks of the first frame
	Propagating Stage = "propagating" // the rest of pass 1
	Editing     Stage = "editing"     // pass 2
	Smoothing   Stage = "smoothing"   // the last window of frames
	Saving      Stage = "saving"      // encoder flush, sound, tags
)

// Smoothing modes.
const (
	SmoothOff     = "off"
	SmoothMotion  = "motion"  // along motion, the default
	SmoothClassic = "classic" // the plain exponential window over neighbouring frames
)

// Spec is one edit, complete: every default is filled in.
type Spec struct {
	Input     *os.File // opened for reading; the pipeline reopens it through /proc/self/fd
	InputName string   // for messages
	Work      *os.Root // a directory of this run's own, empty or with SealedFiles; outputs appear in it
	Origin    Origin   // what the files depend on beside the other fields
	Attempt   int      // number of this run of the edit, for people; noted in seals

	SegmenterModel string // folder of the sam3 part; "" for the engine's own
	EditorModel    string // folder of the pix2pix part; "" for the engine's own

	MaskPrompt     string            // several are separated by ";"
	MaskNegative   string            // what MaskPrompt does not mean, ditto; may be empty
	Instances      string            // which objects: "all" or "", "largest", or a number from 0 on
	MaskBoxes      []image.Rectangle // which objects, by where they are in the first frame; nil for all
	MaxObjects     int               // objects that are followed at a time; 0 for the segmenter's own limit
	AcrossCuts     bool              // follow objects from one shot into the next
	EditPrompt     string
	NegativePrompt string
	SingleFrame    bool // write PNGs of frame FrameIndex instead of videos
	FrameIndex     int
	MaxFrames      int // 0 for all

	// EditPreset names a way to edit that is there to be compared with; "" for
	// the program's own. See package preset. A preset smooths in its own way,
	// whatever Smoothing says but SmoothOff.
	EditPreset string

	Steps              int
	GuidanceScale      float64
	ImageGuidanceScale float64
	Scheduler          string // "" for the bundle's own
	Seed               uint64

	ErodeKernel int     // side of the square that shrinks the mask, samples; 0 for none
	Feather     float64 // standard deviation of the mask's soft edge, samples
	CropPadding int     // samples kept around the mask
	EditSize    int     // long side of the editor's picture

	Smoothing       string // one of the Smooth constants
	SmoothingWindow int    // frames, odd
	SmoothingAlpha  float64

	Codec   string
	CRF     int
	Preset  string
	ToneMap bool
}

// Progress is a report of a running edit.
type Progress struct {
	Stage    Stage
	Frame    int // frames of this stage done
	Total    int // frames in all; 0 while unknown
	Message  string
	MaskFile string // set once the mask preview is complete in Work
	Input    *media.Info
	// Continues is set once, when it is known what of an earlier run is used,
	// unless there was nothing.
	Continues *Continuation
}

// StageTime is what one stage took.
type StageTime struct {
	Stage   Stage
	Started time.Time
	Ended   time.Time
	Frames  int
}

// Result is a finished edit. File names are relative to Spec.Work.
type Result struct {
	OutputFile  string
	MaskFile    string
	Input       media.Info
	Output      media.Info
	Frames      int
	EmptyFrames int // frames in which mask_prompt named nothing
	Objects     int // instances over the whole video
	Stages      []StageTime
	Warnings    []string
	Lanes       []*Lane // where the time went
}
