package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"uredit/pipeline"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
	"uredit/pipeline/pipelinetest"
	"uredit/pipeline/tensor"
)

var errInjected = errors.New("injected")

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

func (v *failing) Mux(context.Context, *os.File, *os.File, *os.File, media.Info) ([]string, error) {
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

// editFailing runs an edit of a small clip in which one call fails, and returns
// how far each stage came.
func editFailing(t *testing.T, v *failing, serial bool, batch int) (stages map[pipeline.Stage]int, result pipeline.Result, err error) {
	t.Helper()
	e := shared.engine()
	e.Load, e.Serial, e.Batch = v.load(e.Load), serial, batch
	return v.edit(t.Context(), t, e, nil)
}

// edit runs an edit of five frames on e.
func (v *failing) edit(ctx context.Context, t *testing.T, e *pipeline.Engine, change func(*pipeline.Spec)) (stages map[pipeline.Stage]int, result pipeline.Result, err error) {
	t.Helper()
	v.clip, v.frames, v.written = redBall(64, 48, 14), 5, map[string][][]byte{}
	work, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer work.Close()
	s := spec()
	s.Work, s.InputName = work, "clip.mp4"
	s.Steps, s.EditSize, s.ErodeKernel, s.Feather, s.CropPadding, s.SmoothingWindow = 1, 64, 2, 1, 8, 5
	if change != nil {
		change(&s)
	}
	e.Video = v
	stages = map[pipeline.Stage]int{}
	result, err = e.Edit(ctx, s, func(p pipeline.Progress) { stages[p.Stage] = max(stages[p.Stage], p.Frame) })
	return stages, result, err
}

// TestFailuresEndThePass lets every step fail at every frame. The edit ends with
// that failure, no step takes it for the end of the video, and nothing is left
// running.
func TestFailuresEndThePass(t *testing.T) {
	calls := []string{"decode rgb 0", "encode mask 0", "close mask 0", "decode 0", "encode picture 0", "close picture 0"}
	for i := range 5 {
		for _, call := range []string{"read rgb", "run detector", "write mask", "read", "run vae_decoder", "write picture"} {
			if call == "run vae_decoder" && i == 0 {
				continue // the probe at load
			}
			calls = append(calls, fmt.Sprint(call, " ", i))
		}
	}
	calls = append(calls, "read rgb 5", "read 5", "run vae_decoder 5")
	for _, call := range calls {
		failOnce(t, call, false, 1)
		failOnce(t, call, true, 3)
	}
}

func failOnce(t *testing.T, call string, serial bool, batch int) {
	t.Helper()
	before := runtime.NumGoroutine()
	v := &failing{fails: call}
	stages, _, err := editFailing(t, v, serial, batch)
	what := fmt.Sprintf("%s, serial %t, batch %d", call, serial, batch)
	if !errors.Is(err, errInjected) {
		t.Errorf("%s: error is %v, want %v", what, err, errInjected)
	}
	if _, saved := stages[pipeline.Saving]; saved && call != "close picture 0" {
		t.Errorf("%s: a step took the failure for the end of the video", what)
	}
	if n := v.ended.Load(); n > 0 {
		t.Errorf("%s: %d files were completed after the failure", what, n)
	}
	if n := v.opened.Load(); n > 0 {
		t.Errorf("%s: %d decoders and encoders are left open", what, n)
	}
	settled(t, what, before)
}

// settled waits until no more goroutines run than before.
func settled(t *testing.T, what string, before int) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	for runtime.NumGoroutine() > before {
		select {
		case <-deadline:
			t.Errorf("%s: %d goroutines, %d before", what, runtime.NumGoroutine(), before)
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// TestStagesCountFrames checks that each stage ends with the number of frames
// that the video has, though the smoother holds some back.
func TestStagesCountFrames(t *testing.T) {
	_, result, err := editFailing(t, &failing{}, false, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range result.Stages {
		want := 5
		switch s.Stage {
		case pipeline.Extracting:
			continue
		case pipeline.Masking:
			want = 1
		}
		if s.Frames != want {
			t.Errorf("stage %s has %d frames, want %d", s.Stage, s.Frames, want)
		}
	}
}

// TestBatches edits with several frames at once: those go together whose numbers
// say so, and the result is the one of single frames.
func TestBatches(t *testing.T) {
	results := map[int][][]byte{}
	for _, batch := range []int{1, 3} {
		w, v, e := &witness{editing: true}, &failing{}, shared.engine()
		e.Load, e.Batch = w.load(e.Load), batch
		if _, _, err := v.edit(t.Context(), t, e, nil); err != nil {
			t.Fatal(err)
		}
		results[batch] = v.written["picture"]
		var rows []int64
		for _, s := range w.shapes {
			if n := len(rows); s[0] != 2 && (n == 0 || rows[n-1] != s[0]) { // 2 is the probe
				rows = append(rows, s[0])
			}
		}
		if want := map[int][]int64{1: {3}, 3: {9, 6}}[batch]; !slices.Equal(rows, want) {
			t.Errorf("batches of %d: the UNet saw %v rows, want %v", batch, rows, want)
		}
	}
	if len(results[1]) != 5 || len(results[3]) != 5 {
		t.Fatalf("%d and %d frames were written", len(results[1]), len(results[3]))
	}
	for i, want := range results[1] {
		for k, v := range results[3][i] {
			if d := int(v) - int(want[k]); d < -1 || d > 1 {
				t.Fatalf("frame %d: sample %d is %d, and %d in a batch", i, k, want[k], v)
			}
		}
	}
}

// TestWarm edits with a warm-up: the UNet sees the size of the frames before the
// first of them, and the result is the same.
func TestWarm(t *testing.T) {
	var runs [2]int
	var results [2][][]byte
	for i, warm := range []bool{false, true} {
		w, v, e := &witness{}, &failing{}, shared.engine()
		e.Load, e.Warm = w.load(e.Load), warm
		w.editing = true
		if _, _, err := v.edit(t.Context(), t, e, nil); err != nil {
			t.Fatal(err)
		}
		runs[i], results[i] = len(w.sizes), v.written["picture"]
	}
	if runs[1] != runs[0]+1 {
		t.Errorf("the editor saw %d pictures with a warm-up and %d without", runs[1], runs[0])
	}
	if !slices.EqualFunc(results[0], results[1], slices.Equal[[]byte]) {
		t.Error("a warm-up changes the result")
	}
}
