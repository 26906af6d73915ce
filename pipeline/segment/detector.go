package segment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/resize"
	"uredit/pipeline/segment/track"
	"uredit/pipeline/tensor"
	"uredit/pipeline/text"
)

const exportHint = "export the folder again with `models/export/export.py sam3`"

// Names that a graph's file may have.
var (
	textFiles     = []string{"text_encoder.onnx", "text-encoder.onnx"}
	frameFiles    = []string{"frame.onnx"}
	visionFiles   = []string{"vision_encoder.onnx", "vision-encoder.onnx"}
	detectorFiles = []string{"detector.onnx", "decoder.onnx", "geo-encoder-mask-decoder.onnx"}
)

// maxPrompts bounds the prompts that a Detector remembers.
const maxPrompts = 16

// defaultTextLen is the context of the released text encoder, in tokens.
const defaultTextLen = 32

// Detector finds instances in single pictures. It is used by one goroutine at a
// time.
type Detector struct {
	config    config
	tokenizer *text.Tokenizer
	text      tensor.Model
	textLen   int
	network   *network
	tracker   *track.Model    // nil without one
	levels    [3][256]float32 // what the network sees for each level of R, G, B

	prompts []*Prompt // the most recent first
	masks   cleaner
	found   []Detection
}

// Prompt is a text as the network sees it. It belongs to its Detector.
type Prompt struct {
	Text    string
	Cut     []string // words that did not fit into the network's context
	tensors []*tensor.Tensor
}

// Detection is one instance in one picture.
type Detection struct {
	Score  float32       // in 0..1
	Prompt int           // number of the part of a Query's prompt that found it
	Box    [4]float32    // left, top, right, bottom as parts of the picture's size
	Logits frame.Plane32 // L by L, above 0 inside; valid until the next Detect
}

// Open opens the detector in folder dir. Errors have the codes ModelMissing and
// ModelInvalid.
func Open(ctx context.Context, dir string, load tensor.Loader) (*Detector, error) {
	c, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	tokenizer, err := text.Load(dir)
	if err != nil {
		return nil, err
	}
	textFile, err := find(dir, textFiles)
	if err != nil {
		return nil, err
	}
	d := &Detector{config: c, tokenizer: tokenizer}
	if d.text, err = load(ctx, textFile); err != nil {
		return nil, err
	}
	if err := d.checkText(); err != nil {
		return nil, invalid(textFile, err)
	}
	if err := d.openNetwork(ctx, dir, load); err != nil {
		return nil, err
	}
	if err := d.openTracker(ctx, dir, load); err != nil {
		return nil, err
	}
	for channel := range d.levels {
		mean, std := 255*c.Mean[channel], 255*c.Std[channel]
		for level := range d.levels[channel] {
			d.levels[channel][level] = float32((float64(level) - mean) / std)
		}
	}
	return d, nil
}

// Graphs returns the files of the graphs that Open loads from a folder, as far as
// they are there.
func Graphs(dir string) []string {
	var files []string
	add := func(names []string) bool {
		path, err := find(dir, names)
		if err == nil {
			files = append(files, path)
		}
		return err == nil
	}
	add(textFiles)
	if !add(frameFiles) {
		add(visionFiles)
		add(detectorFiles)
	}
	if track.Present(dir) {
		files = append(files, track.Graphs(dir)...)
	}
	return files
}

// openNetwork prefers the fused graph: the features between the two others are
// the largest arrays there are.
func (d *Detector) openNetwork(ctx context.Context, dir string, load tensor.Loader) error {
	detectorFile, err := find(dir, frameFiles)
	var vision tensor.Model
	if errors.Is(err, fs.ErrNotExist) {
		var visionFile string
		if visionFile, err = find(dir, visionFiles); err != nil {
			return err
		}
		if vision, err = load(ctx, visionFile); err != nil {
			return err
		}
		detectorFile, err = find(dir, detectorFiles)
	}
	if err != nil {
		return err
	}
	detector, err := load(ctx, detectorFile)
	if err != nil {
		return err
	}
	if d.network, err = newNetwork(vision, detector, d.config.ImageSize); err != nil {
		return invalid(detectorFile, err)
	}
	return nil
}

// openTracker opens the tracker of a folder that has one.
func (d *Detector) openTracker(ctx context.Context, dir string, load tensor.Loader) (err error) {
	if !track.Present(dir) {
		return nil
	}
	if d.tracker, err = track.Open(ctx, dir, load, d.config.tracker); err != nil {
		return err
	}
	if err := d.network.track(track.FeatureNames()); err != nil {
		return invalid(dir, err)
	}
	return nil
}

// checkText finds the length of a prompt.
func (d *Detector) checkText() error {
	d.textLen = defaultTextLen
	if d.config.TextLen > 0 {
		d.textLen = d.config.TextLen
	}
	ids := false
	for _, in := range d.text.Inputs() {
		switch in.Name {
		case idsName:
			ids = true
			if len(in.Shape) == 2 && in.Shape[1] > 0 {
				d.textLen = int(in.Shape[1])
			}
		case attentionName:
		default:
			return unexpected("inputs", d.text.Inputs(), "input_ids, attention_mask")
		}
	}
	if !ids {
		return unexpected("inputs", d.text.Inputs(), "input_ids, attention_mask")
	}
	if !has(d.text.Outputs(), featuresName) {
		return unexpected("outputs", d.text.Outputs(), "text_features, text_mask")
	}
	return nil
}

// find returns the first of the names that is a file in dir.
func find(dir string, names []string) (string, error) {
	for _, name := range names {
		path := filepath.Join(dir, name)
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fault.New(fault.ModelInvalid, "make the model folder readable: chmod -R a+rX",
				fmt.Errorf("open detector: %w", err))
		}
	}
	return "", fault.New(fault.ModelMissing, exportHint,
		fmt.Errorf("open detector %s: %s: %w", dir, strings.Join(names, " or "), fs.ErrNotExist))
}

func invalid(path string, err error) error {
	return fault.New(fault.ModelInvalid, exportHint, fmt.Errorf("open detector %s: %w", path, err))
}

func has(list []tensor.Info, name string) bool {
	return slices.ContainsFunc(list, func(info tensor.Info) bool { return info.Name == name })
}

// ImageSize returns S: Detect takes pictures of S by S samples.
func (d *Detector) ImageSize() int { return int(d.network.image.Shape[3]) }

// PictureSize returns the size in which the pictures of a video of w by h samples
// are wanted: its own, so that Stretcher makes of them exactly what the network
// was taught with; or S by S where any antialiased filter will do.
func (d *Detector) PictureSize(w, h int) (int, int) {
	if d.config.Resize == fast {
		return d.ImageSize(), d.ImageSize()
	}
	return w, h
}

// Stretcher returns what makes S by S samples of pictures of PictureSize; nil
// where they have that size already.
func (d *Detector) Stretcher(w, h int) (resize.Resizer, error) {
	size := d.ImageSize()
	if w == size && h == size {
		return nil, nil
	}
	filter := d.config.Resize
	if filter == fast {
		filter = resize.BilinearAA
	}
	return resize.New(filter, w, h, size, size)
}
