package pipeline_test

import (
	"context"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"uredit/pipeline"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
	"uredit/pipeline/opencv"
	"uredit/pipeline/pipelinetest"
	"uredit/pipeline/tensor"
)

// BenchmarkPixelPath is what Go and OpenCV do for a frame in both passes, for a
// 400 by 400 object in a 1280x720 video: everything but codecs, networks, the
// scheduler and its noise, and optical flow, which have figures of their own.
// Frames come from memory and go there; networks repeat what they once said. The
// steps take turns, so on one processor the figures are processor time.
func BenchmarkPixelPath(b *testing.B) {
	opencv.SetThreads(1)
	tape := record(b, pipelinetest.Clip{
		Width: 1280, Height: 720, Background: pipelinetest.Texture,
		Balls: []pipelinetest.Ball{{
			Colour: pipelinetest.RGB{210, 40, 40}, Radius: 200, Shaded: true,
			At: pipelinetest.Glide(600, 350, 3, 1),
		}},
	})
	engine := shared.engine()
	engine.Video, engine.Serial = tape, true
	var echoes time.Duration
	engine.Load = func(ctx context.Context, path string) (tensor.Model, error) {
		m, err := shared.device.Load(ctx, path)
		return &echo{Model: m, spent: &echoes}, err
	}
	edit := func(n int, report func(pipeline.Progress)) pipeline.Result {
		tape.n, tape.info.Frames = n, n
		return tape.edit(b, engine, report)
	}
	edit(20, nil) // models are loaded, networks have spoken
	n := max(b.N, 40)
	var count mallocs
	echoes = 0
	b.ResetTimer()
	r := edit(n, count.see)
	b.StopTimer()
	if r.Frames != n || r.EmptyFrames > 0 {
		b.Fatalf("%d frames, %d of them empty", r.Frames, r.EmptyFrames)
	}
	total := -echoes
	parts := map[string]time.Duration{}
	for _, l := range r.Lanes {
		total += l.Work
		b.Logf("pass %d, %s: %v a frame", l.Pass, l.Name, l.Work/time.Duration(n))
		for name, d := range l.Parts {
			parts[name] += d
		}
	}
	perFrame := func(d time.Duration, name string) {
		b.ReportMetric(float64(d.Microseconds())/1000/float64(n), name+"-ms/frame")
	}
	perFrame(total-parts["scheduler"]-parts["noise"]-parts["flow"], "pixels")
	perFrame(parts["flow"], "flow")
	perFrame(parts["smoothing"], "smoothing")
	perFrame(parts["scheduler"]+parts["noise"], "scheduler")
	b.ReportMetric(count.perFrame(), "allocs/frame")
	b.ReportMetric(0, "ns/op") // says nothing: an edit has a beginning and an end
}

// mallocs counts Go allocations in the middle of both passes, when everything
// has its size.
type mallocs struct {
	from  map[pipeline.Stage]mark
	total float64
}

type mark struct {
	frame   int
	mallocs uint64
}

func (m *mallocs) see(p pipeline.Progress) {
	const warm = 16
	if p.Stage != pipeline.Propagating && p.Stage != pipeline.Editing || p.Frame == 0 {
		return
	}
	switch {
	case p.Frame == warm:
		if m.from == nil {
			m.from = map[pipeline.Stage]mark{}
		}
		m.from[p.Stage] = mark{p.Frame, now()}
	case p.Frame == p.Total-8:
		if from, ok := m.from[p.Stage]; ok {
			m.total += float64(now()-from.mallocs) / float64(p.Frame-from.frame)
		}
	}
}

func (m *mallocs) perFrame() float64 { return m.total }

func now() uint64 {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.Mallocs
}

// tape is a Video in memory: a few decoded frames, shown forth and back.
type tape struct {
	file   string
	info   media.Info
	n      int
	frames []*frame.Frame
	rgb    [][]byte
}

// record draws a clip and decodes it as both passes would.
func record(b *testing.B, c pipelinetest.Clip) *tape {
	const n = 8
	t := &tape{file: shared.clip(b, c, n)}
	in, err := os.Open(t.file)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	if t.info, err = shared.tool.Probe(b.Context(), in); err != nil {
		b.Fatal(err)
	}
	shared.frames(b, t.file, func(f *frame.Frame) {
		kept := *f
		kept.Pix = append([]byte(nil), f.Pix...)
		t.frames = append(t.frames, &kept)
	})
	return t
}

// edit edits n frames.
func (t *tape) edit(b *testing.B, e *pipeline.Engine, report func(pipeline.Progress)) pipeline.Result {
	b.Helper()
	work, err := os.OpenRoot(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer work.Close()
	in, err := os.Open(t.file)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	s := spec()
	s.Input, s.InputName, s.Work, s.Steps = in, "tape", work, 1
	r, err := e.Edit(b.Context(), s, report)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func (t *tape) Probe(context.Context, *os.File) (media.Info, error) { return t.info, nil }

func (t *tape) Decode(ctx context.Context, in *os.File, _ media.Info, d media.Decode) (pipeline.Decoder, error) {
	if d.RGBWidth > 0 && t.rgb == nil {
		dec, err := shared.tool.Decode(ctx, in, t.info, d)
		if err != nil {
			return nil, err
		}
		defer dec.Close()
		for range t.frames {
			pix := make([]byte, 3*d.RGBWidth*d.RGBHeight)
			if _, err := dec.ReadRGB(pix); err != nil {
				return nil, err
			}
			t.rgb = append(t.rgb, pix)
		}
	}
	return &player{tape: t}, nil
}

func (t *tape) Encode(context.Context, *os.File, media.Encode) (pipeline.Encoder, error) {
	return &pipe{frame: make([]byte, len(t.frames[0].Pix))}, nil
}

func (t *tape) Mux(context.Context, *os.File, media.Parts, *os.File, media.Info) ([]string, error) {
	return nil, nil
}

func (t *tape) WritePNG(context.Context, *os.File, *frame.Frame, media.Info) error { return nil }

// player delivers a tape's frames as a pipe would, by a copy.
type player struct {
	*tape
	at int
}

func (p *player) next() (i int, err error) {
	if p.at == p.n {
		return 0, io.EOF
	}
	i = p.at % (2*len(p.frames) - 2)
	p.at++
	return min(i, 2*len(p.frames)-2-i), nil
}

func (p *player) Read(f *frame.Frame) error {
	f.Index, f.PTS = p.at, int64(p.at)
	i, err := p.next()
	if err != nil {
		return err
	}
	copy(f.Pix, p.frames[i].Pix)
	return nil
}

func (p *player) ReadRGB(dst []byte) (pts int64, err error) {
	pts = int64(p.at)
	i, err := p.next()
	if err != nil {
		return 0, err
	}
	copy(dst, p.rgb[i])
	return pts, nil
}

func (p *player) Close() error       { return nil }
func (p *player) Warnings() []string { return nil }

// pipe takes frames as a pipe would, by a copy.
type pipe struct{ frame []byte }

func (p *pipe) Write(f *frame.Frame) error {
	copy(p.frame, f.Pix)
	return nil
}

func (p *pipe) Close() error { return nil }

// echo is a network that repeats what it said to the first runs, as often as the
// tape has ways to be shown.
type echo struct {
	tensor.Model
	said  [][]*tensor.Tensor
	runs  int
	spent *time.Duration
}

func (e *echo) Run(ctx context.Context, in, out []*tensor.Tensor) error {
	const period = 14 // frames until the tape begins again
	defer func(start time.Time) { *e.spent += time.Since(start) }(time.Now())
	i := e.runs % period
	e.runs++
	if i == len(e.said) {
		if err := e.Model.Run(ctx, in, out); err != nil {
			return err
		}
		e.said = append(e.said, clone(out))
		return nil
	}
	for k, t := range out {
		was := e.said[i][k]
		if t.F32 == nil {
			*t = *clone([]*tensor.Tensor{was})[0]
			continue
		}
		copy(t.F32, was.F32)
	}
	return nil
}

func clone(list []*tensor.Tensor) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(list))
	for i, t := range list {
		c := *t
		c.Shape = append([]int64(nil), t.Shape...)
		c.F32 = append([]float32(nil), t.F32...)
		c.I64 = append([]int64(nil), t.I64...)
		c.Bool = append([]bool(nil), t.Bool...)
		out[i] = &c
	}
	return out
}
