package pipeline_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"uredit/pipeline"
	"uredit/pipeline/pipelinetest"
	"uredit/pipeline/tensor"
)

// witness sees what the editor's networks are given while frames are edited.
type witness struct {
	mu      sync.Mutex
	editing bool
	shapes  [][]int64 // of the UNet's pictures, each once
	sizes   []float64 // of the ball in the pictures, in samples across
	noisy   []uint64  // hashes of all that the UNet was given, in order
}

// watched is a graph that a witness looks at.
type watched struct {
	tensor.Model
	run func(in []*tensor.Tensor)
}

func (m watched) Run(ctx context.Context, in, out []*tensor.Tensor) error {
	m.run(in)
	return m.Model.Run(ctx, in, out)
}

// load wraps a loader.
func (w *witness) load(load tensor.Loader) tensor.Loader {
	return func(ctx context.Context, path string) (tensor.Model, error) {
		m, err := load(ctx, path)
		switch {
		case err != nil:
			return nil, err
		case strings.Contains(path, "unet"):
			return watched{m, w.unet}, nil
		case strings.Contains(path, "vae_encoder"):
			return watched{m, w.picture}, nil
		}
		return m, nil
	}
}

func (w *witness) report(p pipeline.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.editing = w.editing || p.Stage == pipeline.Editing
}

func (w *witness) unet(in []*tensor.Tensor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.editing {
		return
	}
	for _, t := range in {
		h := fnv.New64a()
		for _, v := range t.F32 {
			h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
		}
		w.noisy = append(w.noisy, h.Sum64())
		if t.Name == "sample" && !slices.ContainsFunc(w.shapes, func(s []int64) bool { return slices.Equal(s, t.Shape) }) {
			w.shapes = append(w.shapes, slices.Clone(t.Shape))
		}
	}
}

// picture measures the ball: as wide as a disc of as many red samples.
func (w *witness) picture(in []*tensor.Tensor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.editing {
		return
	}
	rgb := in[0].F32
	n, red := len(rgb)/3, 0
	for i := range n {
		if rgb[i] > rgb[n+i]+0.3 {
			red++
		}
	}
	w.sizes = append(w.sizes, 2*math.Sqrt(float64(red)/math.Pi))
}

// witnessed edits the input in front of a witness.
func witnessed(t *testing.T, input string, s pipeline.Spec) (edited, *witness) {
	t.Helper()
	w := &witness{}
	engine := shared.engine()
	engine.Load = w.load(engine.Load)
	dir := t.TempDir()
	in, err := os.Open(input)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	work, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer work.Close()
	s.Input, s.InputName, s.Work = in, "clip.mp4", work
	result, err := engine.Edit(t.Context(), s, w.report)
	if err != nil {
		t.Fatal(err)
	}
	return edited{result, dir}, w
}

// TestSteadyShapes follows a ball that moves smoothly through the picture. The
// networks see few shapes, and the ball at one scale.
func TestSteadyShapes(t *testing.T) {
	const n = 40
	clip := redBall(640, 360, 50)
	clip.Balls[0].At = func(i int) (x, y float64, there bool) {
		angle := 2 * math.Pi * float64(i) / n
		return 320 + 210*math.Sin(angle), 180 + 70*math.Sin(2*angle), true
	}
	s := spec()
	s.Steps, s.EditSize = 1, 256
	_, w := witnessed(t, shared.clip(t, clip, n), s)
	if len(w.shapes) == 0 || len(w.shapes) > 2 {
		t.Errorf("the UNet saw the shapes %v, want one or two", w.shapes)
	}
	if len(w.sizes) != n {
		t.Fatalf("the editor saw %d pictures, want %d", len(w.sizes), n)
	}
	if least, most := slices.Min(w.sizes), slices.Max(w.sizes); least < 20 || most > 1.01*least {
		t.Errorf("the ball is %.1f to %.1f samples across in the editor's pictures, want one size", least, most)
	}
}

// TestRepeatable runs a request twice, with the encoder that users get. The
// same seed gives the same noise, the same frames and the same files.
func TestRepeatable(t *testing.T) {
	clip := redBall(320, 240, 40)
	clip.Balls = append(clip.Balls, pipelinetest.Ball{
		Colour: pipelinetest.RGB{200, 30, 50}, Radius: 20, At: pipelinetest.Glide(240, 60, -3, 2)})
	input := shared.clip(t, clip, 8)
	s := spec()
	s.Seed, s.CRF, s.Preset, s.Scheduler = 7, 18, "medium", "euler_a"
	var runs [2]edited
	var seen [2]*witness
	for i := range runs {
		runs[i], seen[i] = witnessed(t, input, s)
	}
	if len(seen[0].noisy) == 0 || !slices.Equal(seen[0].noisy, seen[1].noisy) {
		t.Errorf("the two runs gave the UNet other inputs")
	}
	s.Seed++
	if _, other := witnessed(t, input, s); slices.Equal(seen[0].noisy, other.noisy) {
		t.Error("another seed gave the UNet the same inputs")
	}
	for _, name := range []string{runs[0].OutputFile, runs[0].MaskFile} {
		a, b := filepath.Join(runs[0].dir, name), filepath.Join(runs[1].dir, name)
		if !slices.EqualFunc(planes(t, a, "format=yuv420p", 320, 240), planes(t, b, "format=yuv420p", 320, 240), bytes.Equal) {
			t.Errorf("%s: the two runs gave other frames", name)
		}
		one, err1 := os.ReadFile(a)
		two, err2 := os.ReadFile(b)
		if err1 != nil || err2 != nil || !bytes.Equal(one, two) {
			t.Errorf("%s: the two runs gave other files (%v, %v)", name, err1, err2)
		}
	}
}
