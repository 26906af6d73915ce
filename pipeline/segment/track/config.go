package track

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Values of Config.Semantics.
const (
	HF   = "hf"
	Meta = "meta"
)

// Config is what a folder's sam3.json says of the tracker.
type Config struct {
	Semantics string `json:"semantics"` // HF or Meta

	// Sizes for graphs that leave them open; 0 where the graph must say.
	LowRes int `json:"low_res"` // L
	Grid   int `json:"grid"`    // G
	Hidden int `json:"hidden"`  // C
	MemDim int `json:"mem_dim"` // D

	Memories     int `json:"num_maskmem"` // memories that count as recent, plus one
	Conditioning int `json:"max_cond"`    // memories of conditioning frames; below 0 all
	Pointers     int `json:"max_ptrs"`    // recent pointers, plus one
	// MaxConditioningPointers bounds what the HF semantics lets grow for ever:
	// beyond it the oldest pointer goes.
	MaxConditioningPointers int `json:"max_cond_ptrs"`

	Selection  Selection  `json:"memory_selection"`
	Thresholds Thresholds `json:"thresholds"`
}

// Selection leaves memories out that were made when the object was not well
// seen.
type Selection struct {
	Enabled *bool   `json:"enabled"` // nil: with Meta only
	Quality float32 `json:"mf"`      // predicted overlap times presence that a memory must exceed
}

// Thresholds are the numbers of the state machine, under the reference's names.
// Overlaps are intersection over union, delays and counts are frames.
type Thresholds struct {
	Match         float32 `json:"trk_assoc_iou_thresh"` // overlap that makes an object detected
	Same          float32 `json:"assoc_iou_thresh"`     // overlap from which a detection is no new object
	New           float32 `json:"new_det_thresh"`       // score of a new object
	HoleArea      int     `json:"fill_hole_area"`       // samples of the low-resolution mask
	MaxObjects    int     `json:"max_num_objects"`
	MaxEmpty      int     `json:"max_empty_frames"` // frames without a sample after which an object ends; 0 never
	HotStart      int     `json:"hotstart_delay"`   // age until which an object may turn out to be none
	Unmatched     int     `json:"hotstart_unmatch_thresh"`
	Duplicate     int     `json:"hotstart_dup_thresh"`
	HideOnlyYoung bool    `json:"suppress_unmatched_only_within_hotstart"`
	KeepAlive     int     `json:"init_trk_keep_alive"`
	KeepMost      int     `json:"max_trk_keep_alive"`
	KeepLeast     int     `json:"min_trk_keep_alive"`
	EmptyCounts   bool    `json:"decrease_trk_keep_alive_for_empty_masklets"`
	Occlusion     float32 `json:"suppress_overlapping_based_on_recent_occlusion_threshold"` // 0: never suppress
	Shrink        float32 `json:"shrink_thresh"`                                            // part of a mask that must be its own

	ReconditionEvery int     `json:"recondition_every_nth_frame"` // 0: never
	OnTrackMasks     bool    `json:"recondition_on_trk_masks"`
	HighScore        float32 `json:"high_conf_thresh"` // of the detection, and of the object's logit
	HighOverlap      float32 `json:"high_iou_thresh"`
}

// DefaultConfig returns the values of the released model.
func DefaultConfig() Config {
	return Config{
		Semantics: HF,
		Memories:  7, Conditioning: 4, Pointers: 16, MaxConditioningPointers: 256,
		Selection: Selection{Quality: 0.01},
		Thresholds: Thresholds{
			Match: 0.5, Same: 0.1, New: 0.7, HoleArea: 16, MaxObjects: 10000, MaxEmpty: 300,
			HotStart: 15, Unmatched: 8, Duplicate: 8, HideOnlyYoung: true,
			KeepAlive: 30, KeepMost: 30, KeepLeast: -1,
			Occlusion: 0.7, Shrink: 0.3,
			ReconditionEvery: 16, OnTrackMasks: true, HighScore: 0.8, HighOverlap: 0.8,
		},
	}
}

// ParseConfig reads sam3.json; keys that it leaves out have the released model's
// values.
func ParseConfig(data []byte) (Config, error) {
	c := DefaultConfig()
	if err := json.Unmarshal(data, &c); err != nil {
		return Config{}, err
	}
	t := c.Thresholds
	switch {
	case c.Semantics != HF && c.Semantics != Meta:
		return Config{}, fmt.Errorf("semantics is %q, want %s or %s", c.Semantics, HF, Meta)
	case min(c.LowRes, c.Grid, c.Hidden, c.MemDim) < 0:
		return Config{}, errors.New("a size is negative")
	case c.Memories < 1 || c.Pointers < 2 || c.Conditioning == 0 || c.MaxConditioningPointers < 1:
		return Config{}, errors.New("num_maskmem, max_cond, max_ptrs and max_cond_ptrs leave no memory")
	case t.HotStart > 0 && max(t.Unmatched, t.Duplicate) > t.HotStart:
		return Config{}, errors.New("hotstart_unmatch_thresh and hotstart_dup_thresh must not exceed hotstart_delay")
	case min(t.HoleArea, t.MaxObjects, t.MaxEmpty, t.HotStart, t.ReconditionEvery) < 0:
		return Config{}, errors.New("a count of frames, samples or objects is negative")
	}
	return c, nil
}

// differences are those between the two references that a host can see. Each is
// true for HF.
type differences struct {
	// A new object makes all others' memories anew, of their raw masks with
	// hard edges.
	reencode bool
	// Pointers come from all conditioning frames, not only from those whose
	// memories are looked at.
	allPointers bool
	// A reconditioned object is shown with the detector's mask.
	showDetection bool
	// What a mask loses to others is measured on low-resolution masks, not on
	// masks enlarged to the memory encoder's size.
	coarseShrink bool
	// Every recent memory is looked at, however well the object was seen.
	allMemories bool
}

func (c Config) differences() differences {
	hf := c.Semantics != Meta
	d := differences{reencode: hf, allPointers: hf, showDetection: hf, coarseShrink: hf, allMemories: hf}
	if c.Selection.Enabled != nil {
		d.allMemories = !*c.Selection.Enabled
	}
	return d
}
