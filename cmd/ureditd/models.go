package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"uredit/models"
	"uredit/pipeline/ffmpeg"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
	"uredit/pipeline/segment"
	"uredit/pipeline/tensor"
)

const modelsHelp = `list|verify [--config FILE]
       ureditd models run sam3    --bundle B --input V --prompt P --out O.ndjson
       ureditd models run pix2pix --bundle B --image I.png --prompt P --out O.png [flags]`

// modelsCommand lists, verifies or runs models.
func modelsCommand(ctx context.Context, c console, args []string) error {
	if len(args) > 1 && args[0] == "run" {
		switch args[1] {
		case "sam3":
			return runSAM3(ctx, c, args[2:])
		case "pix2pix":
			return runPix2Pix(ctx, c, args[2:])
		}
	}
	if len(args) == 0 || args[0] != "list" && args[0] != "verify" {
		return usagef("usage: ureditd models %s", modelsHelp)
	}
	f := flags(c, "models "+args[0], modelsHelp)
	configFile := f.String("config", "", "configuration `file`")
	folder := f.String("bundle", "", "bundle `folder`, or builtin (default: the configured one)")
	if err := parse(f, args[1:]); err != nil {
		return err
	}
	cfg, err := loadConfig(*configFile)
	if err != nil {
		return err
	}
	if *folder != "" {
		cfg.Bundle = *folder
	}
	b, warnings, err := openBundle(cfg)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		fmt.Fprintln(c.err, "warning:", w)
	}
	if args[0] == "list" {
		return listBundle(ctx, c.out, b)
	}
	if err := b.Verify(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s: every file is as its manifest says\n", b.Dir())
	return err
}

// listBundle prints what a bundle is and which files it has.
func listBundle(ctx context.Context, w io.Writer, b *models.Bundle) error {
	fmt.Fprintf(w, "folder   %s\n", b.Dir())
	if m := b.Manifest(); m != nil {
		fmt.Fprintf(w, "name     %s\nlicence  %s\nabout    %s\n", m.Name, m.Licence, m.About)
	}
	hashes, err := b.Hashes(ctx)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(hashes))
	for name := range hashes {
		names = append(names, name)
	}
	slices.Sort(names)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, name := range names {
		fmt.Fprintf(t, "%s\t%s\n", name, hashes[name])
	}
	return t.Flush()
}

// part opens the host with another bundle and returns the loader of its device.
func part(ctx context.Context, configFile, bundle, device string) (h *host, load tensor.Loader, err error) {
	cfg, err := loadConfig(configFile)
	if err != nil {
		return nil, nil, err
	}
	if bundle != "" {
		cfg.Bundle = bundle
	}
	if device == "" {
		device = cfg.Devices[0]
	}
	if h, err = openHost(ctx, cfg); err != nil {
		return nil, nil, err
	}
	d, err := h.device(device, 1)
	if err != nil {
		h.close()
		return nil, nil, err
	}
	return h, d.Load, nil
}

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
	prompt := f.String("prompt", "", "what to find")
	out := f.String("out", "", "`file` to write, a line of JSON for each frame")
	frames := f.Int("max-frames", 0, "frames to look at; 0 for all")
	if err := parse(f, args); err != nil {
		return err
	}
	if *input == "" || *prompt == "" || *out == "" {
		return usagef("models run sam3 needs --input, --prompt and --out")
	}
	h, load, err := part(ctx, *configFile, *bundle, *device)
	if err != nil {
		return err
	}
	defer h.close()
	folder, err := h.bundle.SAM3()
	if err != nil {
		return err
	}
	detector, err := segment.Open(folder, load)
	if err != nil {
		return err
	}
	p, err := detector.Prompt(ctx, *prompt)
	if err != nil {
		return err
	}
	if len(p.Cut) > 0 {
		fmt.Fprintf(c.err, "warning: the prompt is too long, left out: %q\n", p.Cut)
	}
	in, err := os.Open(*input)
	if err != nil {
		return err
	}
	defer in.Close()
	return writeWhole(*out, func(w io.Writer) error {
		return detectAll(ctx, h.tool, in, *frames, detector, p, w)
	})
}

// detectAll writes a line for each frame of in.
func detectAll(ctx context.Context, tool *ffmpeg.Tool, in *os.File, frames int, detector *segment.Detector, p *segment.Prompt, w io.Writer) error {
	info, err := tool.Probe(ctx, in)
	if err != nil {
		return err
	}
	size := detector.ImageSize()
	decoder, err := tool.Decode(ctx, in, info, media.Decode{
		Max: frames, RGBWidth: size, RGBHeight: size, RGBFilter: detector.Resize(),
	})
	if err != nil {
		return err
	}
	defer decoder.Close()
	var (
		linker segment.Linker
		rgb    = make([]byte, 3*size*size)
		mask   = frame.NewPlane(info.Width, info.Height)
		draw   = segment.NewUnion(info.Width, info.Height)
		lines  = json.NewEncoder(w)
	)
	for i := 0; ; i++ {
		if _, err := decoder.ReadRGB(rgb); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		found, err := detector.Detect(ctx, rgb, p)
		if err != nil {
			return err
		}
		line := frameObjects{Frame: i, Objects: []objectRecord{}}
		for _, o := range linker.Link(found) {
			draw.Draw(mask, []segment.Object{o})
			line.Objects = append(line.Objects, objectRecord{
				ID: o.ID, Score: o.Score, Box: cocoBox(o.Box, info.Width, info.Height),
				RLE: runLengths{Size: [2]int{info.Height, info.Width}, Counts: segment.RLE(mask)},
			})
		}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
}

// cocoBox turns parts of the picture into x, y, width, height in samples.
func cocoBox(box [4]float32, w, h int) [4]float64 {
	x0, y0 := float64(box[0])*float64(w), float64(box[1])*float64(h)
	x1, y1 := float64(box[2])*float64(w), float64(box[3])*float64(h)
	round := func(v float64) float64 { return math.Round(v*100) / 100 }
	return [4]float64{round(x0), round(y0), round(x1 - x0), round(y1 - y0)}
}

// writeWhole lets write fill a file that appears whole or not at all.
func writeWhole(name string, write func(io.Writer) error) error {
	out, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name()) // is gone once it has its name
	if err := write(out); err != nil {
		return errors.Join(err, out.Close())
	}
	if err := errors.Join(out.Chmod(0o664), out.Sync(), out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), name)
}
