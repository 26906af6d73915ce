package main

import (
	"context"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // a decoder of runPix2Pix's input
	"image/png"
	"io"
	"math"
	"os"
	"strings"

	"uredit/pipeline/frame"
	"uredit/pipeline/opencv"
	"uredit/pipeline/pix2pix"
)

// runPix2Pix edits one whole picture, without a mask.
func runPix2Pix(ctx context.Context, c console, args []string) error {
	f := flags(c, "models run pix2pix", "--bundle B --image I.png --prompt P --out O.png [flags]")
	configFile := f.String("config", "", "configuration `file`")
	bundle := f.String("bundle", "", "bundle `folder` (default: the configured one)")
	device := f.String("device", "", "device (default: the first of the configuration)")
	input := f.String("image", "", "`picture`, PNG or JPEG")
	out := f.String("out", "", "PNG `file` to write")
	p := pix2pix.Params{}
	f.StringVar(&p.Prompt, "prompt", "", "how to edit it")
	f.StringVar(&p.Negative, "negative", "", "what to avoid")
	f.IntVar(&p.Steps, "steps", 50, "denoising steps")
	f.Float64Var(&p.GuidanceScale, "guidance-scale", 9, "how strongly the prompt acts")
	f.Float64Var(&p.ImageGuidanceScale, "image-guidance-scale", 1.5, "how strongly the picture acts")
	f.StringVar(&p.Scheduler, "scheduler", "", "one of "+strings.Join(pix2pix.Schedulers(), ", ")+" (default: the model's own)")
	f.Uint64Var(&p.Seed, "seed", 0, "seed of the noise")
	f.StringVar(&p.Noise, "noise", pix2pix.NoisePhilox, "philox or torch")
	if err := parse(f, args); err != nil {
		return err
	}
	if *input == "" || p.Prompt == "" || *out == "" {
		return usagef("models run pix2pix needs --image, --prompt and --out")
	}
	h, load, err := part(ctx, *configFile, *bundle, *device)
	if err != nil {
		return err
	}
	defer h.close()
	folder, err := h.bundle.Pix2Pix()
	if err != nil {
		return err
	}
	editor, err := pix2pix.Open(ctx, folder, load)
	if err != nil {
		return err
	}
	session, err := editor.Start(ctx, p)
	if err != nil {
		return err
	}
	for _, w := range append(editor.Warnings(), session.Warnings()...) {
		fmt.Fprintln(c.err, "warning:", w)
	}
	picture, err := readPicture(*input)
	if err != nil {
		return err
	}
	m := editor.Multiple()
	w, hgt := picture.Bounds().Dx()/m*m, picture.Bounds().Dy()/m*m
	if w == 0 || hgt == 0 {
		return usagef("%s is smaller than the %d pixels that the editor takes", *input, m)
	}
	view := toView(picture, w, hgt)
	if err := session.Edit(ctx, view, view, w, hgt, 0, 0); err != nil {
		return err
	}
	return writeWhole(*out, func(dst io.Writer) error { return png.Encode(dst, fromView(view, w, hgt)) })
}

func readPicture(name string) (image.Image, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	m, _, err := image.Decode(in)
	if err != nil {
		return nil, fmt.Errorf("read picture %s: %w", name, err)
	}
	return m, nil
}

// toView turns a picture into planar RGB of w by h in -1..1.
func toView(m image.Image, w, h int) []float32 {
	ops := opencv.New()
	defer ops.Close()
	b := m.Bounds()
	var channels [3]frame.Plane
	for k := range channels {
		channels[k] = frame.NewPlane(b.Dx(), b.Dy())
	}
	for y := range b.Dy() {
		for x := range b.Dx() {
			p := color.NRGBAModel.Convert(m.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA)
			channels[0].Row(y)[x], channels[1].Row(y)[x], channels[2].Row(y)[x] = p.R, p.G, p.B
		}
	}
	view := make([]float32, 3*w*h)
	for k, p := range channels {
		if p.Width != w || p.Height != h {
			resized := frame.NewPlane(w, h)
			ops.Resize(resized, p, frame.Lanczos)
			p = resized
		}
		for i, v := range p.Pix {
			view[k*w*h+i] = float32(v)/255*2 - 1
		}
	}
	return view
}

// fromView turns planar RGB in -1..1 into a picture, rounding half to even as
// NumPy does.
func fromView(view []float32, w, h int) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	n := w * h
	level := func(v float32) uint8 {
		return uint8(math.RoundToEven(float64(min(max(v/2+0.5, 0), 1) * 255)))
	}
	for i := range n {
		m.SetNRGBA(i%w, i/w, color.NRGBA{level(view[i]), level(view[n+i]), level(view[2*n+i]), 255})
	}
	return m
}
