package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"text/tabwriter"
	"time"

	"uredit/daemon"
	"uredit/daemon/job"
	"uredit/pipeline"
	"uredit/pipeline/ffmpeg"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

const benchHelp = `[--input V] [flags]

Edits a clip twice: once with the steps of each pass taking turns, so that each
is measured alone, and once side by side. It prints milliseconds per frame of
each step, what waits for what, and how well the steps overlap. Without --input
it draws a clip of its own.`

// benchFlags are the flags of bench. What they do not say is a request's
// default.
type benchFlags struct {
	config, device string
	smoothing      string
	request        job.Request
}

func parseBench(c console, args []string) (*benchFlags, error) {
	b := &benchFlags{request: job.Default()}
	r := &b.request
	f := flags(c, "bench", benchHelp)
	f.StringVar(&b.config, "config", "", "configuration `file`")
	f.StringVar(&b.device, "device", "", "device to use (default: the first of the configuration)")
	f.StringVar(&r.InputVideoPath, "input", "", "`clip` to edit; one is drawn when none is given")
	f.StringVar(&r.MaskPrompt, "mask-prompt", "red ball", "what to edit")
	f.StringVar(&r.EditPrompt, "edit-prompt", "make it blue", "how to edit it")
	f.IntVar(&r.MaxFrames, "frames", 240, "frames to edit")
	f.IntVar(&r.NumInferenceSteps, "steps", 4, "denoising steps")
	f.StringVar(&b.smoothing, "smoothing", r.Smoothing, "motion, classic or off")
	if err := parse(f, args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, usagef("bench takes no argument: --input %s?", f.Arg(0))
	}
	if r.MaxFrames < 1 {
		return nil, usagef("--frames %d: there is nothing to measure without a frame", r.MaxFrames)
	}
	if r.ApplySmoothing = b.smoothing != pipeline.SmoothOff; r.ApplySmoothing {
		r.Smoothing = b.smoothing
	}
	return b, nil
}

// bench measures an edit.
func bench(ctx context.Context, c console, args []string) error {
	f, err := parseBench(c, args)
	if err != nil {
		return err
	}
	cfg, err := loadConfig(f.config)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "uredit-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	drawn := f.request.InputVideoPath == ""
	if err := f.complete(dir); err != nil {
		return err
	}
	if f.device != "" {
		cfg.Devices = []string{f.device}
	}
	h, err := openHost(ctx, cfg)
	if err != nil {
		return err
	}
	defer h.close()
	e, err := h.engine(h.places[0], 1)
	if err != nil {
		return err
	}
	if drawn {
		if err := drawClip(ctx, h.tool, f.request.InputVideoPath, f.request.MaxFrames); err != nil {
			return fmt.Errorf("draw a clip: %w", err)
		}
	}
	spec, err := daemon.Spec(&f.request, daemon.Models{})
	if err != nil {
		return err
	}
	b := &benchmark{engine: e.Engine, spec: spec, dir: dir}
	if _, err := b.measure(ctx, "warm-up", true); err != nil {
		return err
	}
	serial, err := b.measure(ctx, "serial", true)
	if err != nil {
		return err
	}
	overlapped, err := b.measure(ctx, "overlapped", false)
	if err != nil {
		return err
	}
	report(c.out, serial, overlapped)
	return nil
}

// complete makes a whole request of the flags, whose files lie in dir, and
// judges it.
func (f *benchFlags) complete(dir string) (err error) {
	r := &f.request
	if r.InputVideoPath == "" {
		r.InputVideoPath = filepath.Join(dir, "clip.mp4")
	} else if r.InputVideoPath, err = filepath.Abs(r.InputVideoPath); err != nil {
		return err
	}
	r.JobID, r.OutputDir = "bench", dir
	return r.Validate()
}

// benchmark edits one clip again and again.
type benchmark struct {
	engine *pipeline.Engine
	spec   pipeline.Spec
	dir    string
}

// measurement is one edit of the clip.
type measurement struct {
	result pipeline.Result
	wall   time.Duration
	passes [2]cost // of the two passes
}

// cost is what one pass took.
type cost struct {
	wall      time.Duration
	processor time.Duration // of this process and of ffmpeg
}

// measure runs one edit. The passes are told apart by the stages: pass 2 begins
// with editing.
func (b *benchmark) measure(ctx context.Context, name string, serial bool) (m measurement, err error) {
	work := filepath.Join(b.dir, name)
	if err := os.Mkdir(work, 0o777); err != nil {
		return m, err
	}
	root, err := os.OpenRoot(work)
	if err != nil {
		return m, err
	}
	defer root.Close()
	in, err := ffmpeg.Open(b.spec.InputName)
	if err != nil {
		return m, err
	}
	defer in.Close()
	spec := b.spec
	spec.Input, spec.Work = in, root
	b.engine.Serial = serial
	start, before := time.Now(), processorTime()
	mark, markTime := start, before
	stage := pipeline.Stage("")
	m.result, err = b.engine.Edit(ctx, spec, func(p pipeline.Progress) {
		if p.Stage == stage {
			return
		}
		stage = p.Stage
		pass := 0
		switch p.Stage {
		case pipeline.Editing:
			pass = 1
		case pipeline.Saving:
			pass = 2
		case pipeline.Masking:
		default:
			return
		}
		now, spent := time.Now(), processorTime()
		if pass > 0 {
			m.passes[pass-1] = cost{now.Sub(mark), spent - markTime}
		}
		mark, markTime = now, spent
	})
	m.wall = time.Since(start)
	return m, err
}

// processorTime is what this process and its ended children have used so far.
func processorTime() time.Duration {
	total := time.Duration(0)
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return total
}

// report prints the two runs.
func report(w io.Writer, serial, overlapped measurement) {
	n := max(1, serial.result.Frames)
	in := serial.result.Input
	fmt.Fprintf(w, "%d frames of %dx%d, milliseconds per frame\n\n", n, in.Width, in.Height)
	perFrame := func(d time.Duration) string {
		return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000/float64(n))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "pass\tstep\talone\tside by side\twaits for input\twaits for output\t")
	for i, l := range serial.result.Lanes {
		o := overlapped.result.Lanes[i]
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t\n", l.Pass, l.Name, perFrame(l.Work), perFrame(o.Work), perFrame(o.WaitIn), perFrame(o.WaitOut))
		for _, part := range []string{"networks", "scheduler", "noise", "pixels", "smoothing", "flow"} {
			if d, ok := l.Parts[part]; ok {
				fmt.Fprintf(t, "\t· %s\t%s\t%s\t\t\t\n", part, perFrame(d), perFrame(o.Parts[part]))
			}
		}
	}
	t.Flush()
	bound, wall := time.Duration(0), time.Duration(0)
	for pass := range 2 {
		slowest := time.Duration(0)
		for _, l := range serial.result.Lanes {
			if l.Pass == pass+1 {
				slowest = max(slowest, l.Work)
			}
		}
		bound += max(slowest, serial.passes[pass].processor/time.Duration(processors))
		wall += overlapped.passes[pass].wall
	}
	fmt.Fprintf(w, "\nserial      %s  (processor %s)\n", perFrame(serial.wall), perFrame(serial.passes[0].processor+serial.passes[1].processor))
	fmt.Fprintf(w, "overlapped  %s  (both passes %s)\n", perFrame(overlapped.wall), perFrame(wall))
	fmt.Fprintf(w, "bound       %s  (sum over the passes of the slowest step or processor time / %d)\n", perFrame(bound), processors)
	fmt.Fprintf(w, "overlap     %.2f x the bound\n", float64(wall)/float64(bound))
}

// drawClip writes a clip of a shaded red ball that moves over a texture.
func drawClip(ctx context.Context, tool *ffmpeg.Tool, name string, frames int) error {
	const w, h = 1280, 720
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer out.Close()
	e, err := tool.Encode(ctx, out, media.Encode{
		Width: w, Height: h,
		TimeBase: media.Rational{Num: 1, Den: 25}, FrameRate: media.Rational{Num: 25, Den: 1},
		Colour: media.Colour{Matrix: "bt709", Primaries: "bt709", Transfer: "bt709", Range: "tv"},
		Codec:  "h264", CRF: 12, Preset: "fast",
	})
	if err != nil {
		return err
	}
	f := frame.New(w, h)
	for i := range frames {
		f.Index, f.PTS = i, int64(i)
		drawBall(f, 300+8*float64(i%80), 360+60*math.Sin(float64(i)/9), 190)
		if err := e.Write(f); err != nil {
			e.Close()
			return err
		}
	}
	return e.Close()
}

// drawBall fills a frame with a grey texture and a red ball (BT.709 levels).
func drawBall(f *frame.Frame, cx, cy, radius float64) {
	Y, Cb, Cr := f.Y(), f.Cb(), f.Cr()
	for y := range f.Height {
		row := Y.Row(y)
		for x := range row {
			row[x] = byte(110 + (x*7+y*13)%29)
			if d := math.Hypot(float64(x)-cx, float64(y)-cy) / radius; d < 1 {
				row[x] = byte(66 - 20*d*d + float64((x*5+y*3)%7))
			}
		}
	}
	for y := range f.Height / 2 {
		for x := range f.Width / 2 {
			Cb.Row(y)[x], Cr.Row(y)[x] = 128, 128
			if math.Hypot(2*float64(x)-cx, 2*float64(y)-cy) < radius {
				Cb.Row(y)[x], Cr.Row(y)[x] = 104, 225
			}
		}
	}
}
