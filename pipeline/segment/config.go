package segment

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"uredit/pipeline/fault"
	"uredit/pipeline/resize"
	"uredit/pipeline/segment/track"
	"uredit/pipeline/text"
)

// configName is the file of a folder that holds what graphs cannot say.
const configName = "sam3.json"

// format is the contract that a folder with a configuration must follow.
const format = "sam3-video/1"

// fast is the filter of a network that does not mind which: the decoder's.
const fast resize.Filter = "fast"

// config is sam3.json.
type config struct {
	Format    string    `json:"format"`
	ImageSize int       `json:"image_size"` // S
	LowRes    int       `json:"low_res"`    // L
	TextLen   int       `json:"text_len"`   // tokens of a prompt
	Mean      []float64 `json:"mean"`       // of R, G, B in 0..1
	Std       []float64 `json:"std"`
	// Resize names the filter that brings a frame to S by S samples: one of
	// package resize, or fast.
	Resize     resize.Filter   `json:"resize"`
	Thresholds thresholds      `json:"thresholds"`
	Vocabulary text.Vocabulary `json:"vocabulary"`
	Keyframes  keyframes       `json:"keyframes"`

	tracker track.Config // the same file, as the tracker reads it
}

type thresholds struct {
	Score    float32 `json:"score_threshold_detection"`
	NMS      float32 `json:"det_nms_thresh"` // intersection over union
	HoleArea int     `json:"fill_hole_area"` // samples of the low-resolution mask
}

// defaults are those of the released model, for folders without sam3.json and
// for keys that it leaves out.
func defaults() config {
	return config{
		Format:     format,
		Mean:       []float64{0.5, 0.5, 0.5},
		Std:        []float64{0.5, 0.5, 0.5},
		Resize:     resize.BilinearAA,
		Thresholds: thresholds{Score: 0.5, NMS: 0.1, HoleArea: 16},
		tracker:    track.DefaultConfig(),
	}
}

// readConfig reads sam3.json in dir.
func readConfig(dir string) (config, error) {
	c := defaults()
	path := filepath.Join(dir, configName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = parseConfig(data, &c)
	}
	if err != nil {
		return config{}, fault.New(fault.ModelInvalid, exportHint, fmt.Errorf("read %s: %w", path, err))
	}
	return c, nil
}

func parseConfig(data []byte, c *config) (err error) {
	if err := json.Unmarshal(data, c); err != nil {
		return err
	}
	if c.tracker, err = track.ParseConfig(data); err != nil {
		return err
	}
	switch {
	case c.Format != format:
		return fmt.Errorf("format is %q, want %q", c.Format, format)
	case len(c.Mean) != 3 || len(c.Std) != 3 || slices.Min(c.Std) <= 0:
		return errors.New("mean and std must have three numbers, std above 0")
	case !slices.Contains([]resize.Filter{resize.BilinearAA, resize.BicubicAA, resize.Cubic, fast}, c.Resize):
		return fmt.Errorf("resize is %q, want bilinear_aa, bicubic_aa, cubic or fast", c.Resize)
	case c.ImageSize < 0 || c.LowRes < 0 || c.TextLen < 0:
		return errors.New("a size is negative")
	case c.Keyframes.Interval < 0 || c.Keyframes.Interval > maxInterval:
		return fmt.Errorf("keyframes: interval is %d, want 1 to %d", c.Keyframes.Interval, maxInterval)
	case c.Thresholds.Score < 0 || c.Thresholds.Score > 1 || c.Thresholds.NMS < 0 || c.Thresholds.NMS > 1:
		return errors.New("a threshold is outside 0..1")
	}
	return nil
}
