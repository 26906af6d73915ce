package pipeline_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"uredit/pipeline"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
	"uredit/pipeline/pipelinetest"
	"uredit/pipeline/tensor"
)

// failing is a Video in memory, without processes. It fails at the call that
// fails names, such as "read 3", and notes files that were completed.
type failing struct {
	clip   pipelinetest.Clip
	frames int
	fails  string

	opened    atomic.Int32 // decoders and encoders that are open
	completed atomic.Int32 // encoders that were closed while their pass was good
	ended     atomic.Int32 // ditto, after the failure
	failed    atomic.Bool

	mu      sync.Mutex
	written map[string][][]byte // frames, by the name of the file
}

// fail returns the injected error where it is due.
func (v *failing) fail(call string, n int) error {
	if v.fails != fmt.Sprint(call, " ", n) {
		return nil
	}
	v.failed.Store(true)
	return errInjected
}

func (v *failing) Probe(context.Context, *os.File) (media.Info, error) {
	return media.Info{
		Width: v.clip.Width, Height: v.clip.Height, Frames: v.frames, BitDepth: 8, Colour: pipelinetest.Colour(),
		TimeBase: media.Rational{Num: 1, Den: 25}, FrameRate: media.Rational{Num: 25, Den: 1},
	}, nil
}

func (v *failing) Decode(ctx context.Context, _ *os.File, _ media.Info, d media.Decode) (pipeline.Decoder, error) {
	call := "decode"
	if d.RGBWidth > 0 {
		call = "decode rgb"
	}
	if err := v.fail(call, 0); err != nil {
		return nil, err
	}
	return v.open(ctx, d), nil
}

func (v *failing) Encode(ctx context.Context, out *os.File, _ media.Encode) (pipeline.Encoder, error) {
	call := strings.TrimSuffix(out.Name()[strings.LastIndexByte(out.Name(), '/')+1:], ".mp4")
	if err := v.fail("encode "+call, 0); err != nil {
		return nil, err
	}
	e := v.open(ctx, media.Decode{})
	e.name = call
	return e, nil
}

func (v *failing) Mux(context.Context, *os.File, media.Parts, *os.File, media.Info) ([]string, error) {
	return nil, v.fail("mux", 0)
}

func (v *failing) WritePNG(context.Context, *os.File, *frame.Frame, media.Info) error { return nil }

// flow is a decoder or an encoder with a goroutine, as a process has one.
type flow struct {
	video *failing
	ctx   context.Context
	d     media.Decode
	name  string
	n     int
	end   func()
	gone  chan struct{}
}

func (v *failing) open(ctx context.Context, d media.Decode) *flow {
	v.opened.Add(1)
	live, end := context.WithCancel(ctx)
	s := &flow{video: v, ctx: ctx, d: d, end: end, gone: make(chan struct{})}
	go func() { <-live.Done(); close(s.gone) }()
	return s
}

func (s *flow) Read(f *frame.Frame) error {
	if err := s.video.fail("read", s.n); err != nil {
		return err
	}
	if s.n == s.video.frames {
		return io.EOF
	}
	s.video.clip.Draw(f, s.n)
	f.PTS = int64(s.n)
	s.n++
	return s.ctx.Err()
}

func (s *flow) ReadRGB(dst []byte) (int64, error) {
	if err := s.video.fail("read rgb", s.n); err != nil {
		return 0, err
	}
	if s.n == s.video.frames {
		return 0, io.EOF
	}
	c := s.video.clip
	f := frame.New(c.Width, c.Height)
	c.Draw(f, s.n)
	for y := range s.d.RGBHeight {
		for x := range s.d.RGBWidth {
			for k, v := range pipelinetest.ToRGB(f, x*c.Width/s.d.RGBWidth, y*c.Height/s.d.RGBHeight) {
				dst[3*(y*s.d.RGBWidth+x)+k] = byte(min(max(v, 0), 255))
			}
		}
	}
	s.n++
	return int64(s.n - 1), s.ctx.Err()
}

func (s *flow) Write(f *frame.Frame) error {
	s.n++
	s.video.mu.Lock()
	defer s.video.mu.Unlock()
	s.video.written[s.name] = append(s.video.written[s.name], slices.Clone(f.Pix))
	return s.video.fail("write "+s.name, s.n-1)
}

func (s *flow) Close() error {
	if s.end == nil {
		return nil
	}
	if s.name != "" {
		switch {
		case s.ctx.Err() != nil:
		case s.video.failed.Load():
			s.video.ended.Add(1)
		default:
			s.video.completed.Add(1)
		}
	}
	s.end()
	<-s.gone
	s.end = nil
	s.video.opened.Add(-1)
	return s.video.fail("close "+s.name, 0)
}

func (s *flow) Warnings() []string { return nil }

// load wraps a loader: the graph in folder or file "x" fails at "run x n".
func (v *failing) load(load tensor.Loader) tensor.Loader {
	return func(ctx context.Context, path string) (tensor.Model, error) {
		m, err := load(ctx, path)
		if err != nil {
			return nil, err
		}
		parts := strings.Split(path, "/")
		name := strings.TrimSuffix(parts[len(parts)-1], ".onnx")
		if name == "model" {
			name = parts[len(parts)-2]
		}
		n := 0
		return &stopped{m, func() error { n++; return v.fail("run "+name, n-1) }}, nil
	}
}

// stopped is a graph that may refuse to run.
type stopped struct {
	tensor.Model
	may func() error
}

func (m *stopped) Run(ctx context.Context, in, out []*tensor.Tensor) error {
	if err := m.may(); err != nil {
		return err
	}
	return m.Model.Run(ctx, in, out)
}
