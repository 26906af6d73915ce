package pipeline_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"uredit/models"
	"uredit/pipeline"
	"uredit/pipeline/ffmpeg"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
	"uredit/pipeline/onnx"
	"uredit/pipeline/opencv"
	"uredit/pipeline/pipelinetest"
)

// bench is what the tests of the whole pipeline share: the programs, the
// runtime and the built-in bundle.
type bench struct {
	tool    *ffmpeg.Tool
	runtime *onnx.Runtime
	device  *onnx.Device
	bundle  *models.Bundle
}

var shared *bench

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "uredit-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		tool, err := ffmpeg.Find("ffmpeg", "ffprobe")
		if err != nil {
			panic(err)
		}
		runtime, err := onnx.Open(library())
		if err != nil {
			panic(err)
		}
		defer runtime.Close()
		device, err := runtime.Device("cpu", onnx.Options{})
		if err != nil {
			panic(err)
		}
		folder, err := models.Builtin(dir)
		if err != nil {
			panic(err)
		}
		bundle, _, err := models.Open(folder)
		if err != nil {
			panic(err)
		}
		shared = &bench{tool, runtime, device, bundle}
		return m.Run()
	}())
}

// library finds ONNX Runtime in the build folder unless the environment says
// where it is.
func library() string {
	if os.Getenv("UREDIT_ORT_LIBRARY") != "" {
		return ""
	}
	path, err := filepath.Abs("../build/onnxruntime/libonnxruntime.so")
	if err != nil {
		panic(err)
	}
	return path
}

func (b *bench) engine() *pipeline.Engine {
	return &pipeline.Engine{
		Video:          ffmpeg.Video[pipeline.Decoder, pipeline.Encoder]{Tool: b.tool},
		NewOps:         func() frame.Ops { return opencv.New() },
		Load:           b.device.Load,
		SegmenterModel: b.bundle.SAM3,
		EditorModel:    b.bundle.Pix2Pix,
	}
}

// spec is an edit with the defaults of a request, few steps and a lossless
// encoder.
func spec() pipeline.Spec {
	return pipeline.Spec{
		MaskPrompt: "red ball", EditPrompt: "make it blue",
		Steps: 4, GuidanceScale: 9, ImageGuidanceScale: 1.5,
		ErodeKernel: 10, Feather: 5, CropPadding: 50, EditSize: 512,
		Smoothing: pipeline.SmoothMotion, SmoothingWindow: 5, SmoothingAlpha: 0.3,
		Codec: "h264", CRF: 0, Preset: "ultrafast",
	}
}

// clip writes n frames of a clip without loss and returns the file's name.
func (b *bench) clip(t testing.TB, c pipelinetest.Clip, n int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "clip.mp4")
	out, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	e, err := b.tool.Encode(t.Context(), out, media.Encode{
		Width: c.Width, Height: c.Height,
		TimeBase: media.Rational{Num: 1, Den: 25}, FrameRate: media.Rational{Num: 25, Den: 1},
		Colour: pipelinetest.Colour(), Codec: "h264", CRF: 0, Preset: "ultrafast",
	})
	if err != nil {
		t.Fatal(err)
	}
	f := frame.New(c.Width, c.Height)
	for i := range n {
		c.Draw(f, i)
		f.PTS = int64(i)
		if err := e.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// edited is an edit that came to its end.
type edited struct {
	pipeline.Result
	dir string
}

func (e edited) output() string { return filepath.Join(e.dir, e.OutputFile) }
func (e edited) mask() string   { return filepath.Join(e.dir, e.MaskFile) }

// edit edits the input as s says.
func (b *bench) edit(t testing.TB, input string, s pipeline.Spec) (edited, error) {
	t.Helper()
	dir := t.TempDir()
	work, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer work.Close()
	in, err := os.Open(input)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	s.Input, s.InputName, s.Work = in, filepath.Base(input), work
	result, err := b.engine().Edit(t.Context(), s, nil)
	return edited{result, dir}, err
}

// frames decodes a file and calls see with each frame.
func (b *bench) frames(t testing.TB, name string, see func(*frame.Frame)) (n int) {
	t.Helper()
	in, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	info, err := b.tool.Probe(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	d, err := b.tool.Decode(ctx, in, info, media.Decode{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	f := frame.New(info.FrameWidth(), info.FrameHeight())
	for ; ; n++ {
		err := d.Read(f)
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		see(f)
	}
}
