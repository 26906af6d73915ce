package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"slices"

	"uredit/daemon/job"
	"uredit/pipeline/ffmpeg"
	"uredit/pipeline/media"
	"uredit/pipeline/opencv"
	"uredit/pipeline/segment"
)

// frameObjects is one line of what runSAM3 writes.
type frameObjects struct {
	Frame   int            `json:"frame"`
	Objects []objectRecord `json:"objects"`
}

// objectRecord is an instance in COCO's terms, in samples of the video.
type objectRecord struct {
	ID    int        `json:"id"`
	Score float32    `json:"score"`
	Box   [4]float64 `json:"box"` // x, y, width, height
	RLE   runLengths `json:"rle"`
}

// runLengths is a mask column by column, zeros first.
type runLengths struct {
	Size   [2]int   `json:"size"` // height, width
	Counts []uint32 `json:"counts"`
}

// runSAM3 writes what the segmenter finds in each frame of a video.
func runSAM3(ctx context.Context, c console, args []string) error {
	f := flags(c, "models run sam3", "--bundle B --input V --prompt P --out O.ndjson")
	configFile := f.String("config", "", "configuration `file`")
	bundle := f.String("bundle", "", "bundle `folder` (default: the configured one)")
	device := f.String("device", "", "device (default: the first of the configuration)")
	input := f.String("input", "", "`video`")
	prompt := f.String("prompt", "", "what to find; several are separated by ;")
	negative := f.String("negative", "", "what is not meant; several are separated by ;")
	instances := f.String("instances", "all", "all, largest, or the `number` of an instance from 0 on")
	boxes := f.String("boxes", "", "only what lies in these `boxes` \"x0,y0,x1,y1; ...\" of the first frame")
	out := f.String("out", "", "`file` to write, a line of JSON for each frame")
	frames := f.Int("max-frames", 0, "frames to look at; 0 for all")
	if err := parse(f, args); err != nil {
		return err
	}
	if *input == "" || *prompt == "" || *out == "" {
		return usagef("models run sam3 needs --input, --prompt and --out")
	}
	selection, err := segment.ParseSelection(*instances)
	if err != nil {
		return usagef("--instances: %v", err)
	}
	only, err := job.Boxes(*boxes).Rectangles()
	if err != nil {
		return usagef("--boxes: %v", err)
	}
	query := segment.Query{Prompt: *prompt, Negative: *negative, Select: selection}
	h, load, err := part(ctx, *configFile, *bundle, *device)
	if err != nil {
		return err
	}
	defer h.close()
	folder, err := h.bundle.SAM3()
	if err != nil {
		return err
	}
	detector, err := segment.Open(ctx, folder, load)
	if err != nil {
		return err
	}
	in, err := ffmpeg.Open(*input)
	if err != nil {
		return err
	}
	defer in.Close()
	return writeWhole(*out, func(w io.Writer) error {
		return findAll(ctx, c, h.tool, in, *frames, detector, query, only, w)
	})
}

// findAll writes a line for each frame of in. only are Query.Boxes in samples.
func findAll(ctx context.Context, c console, tool *ffmpeg.Tool, in *os.File, frames int, detector *segment.Detector, q segment.Query, only []image.Rectangle, w io.Writer) error {
	info, err := tool.Probe(ctx, in)
	if err != nil {
		return err
	}
	if q.Boxes, err = segment.Parts(only, info.Width, info.Height); err != nil {
		return err
	}
	ops := opencv.New()
	defer ops.Close()
	q.Ops = ops
	q.Width, q.Height = detector.PictureSize(info.Width, info.Height)
	decoder, err := tool.Decode(ctx, in, info, media.Decode{
		Max: frames, RGBWidth: q.Width, RGBHeight: q.Height,
	})
	if err != nil {
		return err
	}
	defer decoder.Close()
	if q.Frames = info.Frames; frames > 0 {
		q.Frames = min(frames, info.Frames)
	}
	follower, err := detector.Follow(ctx, q)
	if err != nil {
		return err
	}
	if words := follower.LeftOut(); len(words) > 0 {
		fmt.Fprintf(c.err, "warning: the prompt is too long, left out: %q\n", words)
	}
	lines := frameWriter{to: json.NewEncoder(w), draw: segment.NewUnion(info.Width, info.Height), size: [2]int{info.Height, info.Width}}
	rgb := make([]byte, 3*q.Width*q.Height)
	for {
		if _, err := decoder.ReadRGB(rgb); errors.Is(err, io.EOF) {
			for _, warning := range follower.Warnings() {
				fmt.Fprintln(c.err, "warning:", warning)
			}
			for _, i := range slices.Concat(follower.Missed(), follower.Unnamed()) {
				fmt.Fprintf(c.err, "warning: %q names nothing in box %d of the first frame\n", q.Prompt, i+1)
			}
			return lines.write(follower.Flush())
		} else if err != nil {
			return err
		}
		found, err := follower.Next(ctx, rgb)
		if err != nil {
			return err
		}
		if err := lines.write(found); err != nil {
			return err
		}
	}
}

// frameWriter writes frames as lines of JSON.
type frameWriter struct {
	to   *json.Encoder
	draw *segment.Union
	size [2]int // height, width
}

func (f *frameWriter) write(frames []segment.Frame) error {
	for _, found := range frames {
		line := frameObjects{Frame: found.Index, Objects: []objectRecord{}}
		for _, o := range f.draw.Instances(found) {
			line.Objects = append(line.Objects, objectRecord{
				ID: o.ID, Score: o.Score, Box: cocoBox(o.Box, f.size[1], f.size[0]),
				RLE: runLengths{Size: f.size, Counts: segment.RLE(o.Mask)},
			})
		}
		if err := f.to.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// cocoBox turns parts of the picture into x, y, width, height in samples.
func cocoBox(box [4]float32, w, h int) [4]float64 {
	x0, y0 := float64(box[0])*float64(w), float64(box[1])*float64(h)
	x1, y1 := float64(box[2])*float64(w), float64(box[3])*float64(h)
	round := func(v float64) float64 { return math.Round(v*100) / 100 }
	return [4]float64{round(x0), round(y0), round(x1 - x0), round(y1 - y0)}
}
