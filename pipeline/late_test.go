package pipeline_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"uredit/pipeline"
	"uredit/pipeline/frame"
	"uredit/pipeline/pipelinetest"
	"uredit/pipeline/tensor"
)

// still is a graph of a tracker that finds each object where it was.
type still struct {
	inputs, outputs []tensor.Info
	run             func(in, out map[string]*tensor.Tensor)
}

func (s *still) Inputs() []tensor.Info  { return s.inputs }
func (s *still) Outputs() []tensor.Info { return s.outputs }

func (s *still) Run(_ context.Context, in, out []*tensor.Tensor) error {
	given, asked := map[string]*tensor.Tensor{}, map[string]*tensor.Tensor{}
	for _, t := range in {
		given[t.Name] = t
	}
	for _, t := range out {
		asked[t.Name] = t
	}
	s.run(given, asked)
	return nil
}

func info(name string, shape ...int64) tensor.Info { return tensor.Info{Name: name, Shape: shape} }

// stillTracker returns the graphs of a tracker of masks of l by l.
func stillTracker(l int64) map[string]tensor.Model {
	mask, memory := info("mask_logits", -1, 1, l, l), info("mem_feat", -1, 1, l, l)
	keep := func(in, out map[string]*tensor.Tensor) { copy(out["mem_feat"].F32, in["mask_logits"].F32) }
	binarize := tensor.Info{Name: "binarize", Type: tensor.Bool, Shape: []int64{1}}
	return map[string]tensor.Model{
		"tracker_init.onnx": &still{
			[]tensor.Info{info("trk_feat", 1), mask}, []tensor.Info{info("obj_ptr", -1, 1), memory}, keep},
		"memory_encoder.onnx": &still{
			[]tensor.Info{info("trk_feat", 1), mask, info("object_score", -1, 1), binarize}, []tensor.Info{memory}, keep},
		"tracker_step.onnx": &still{
			[]tensor.Info{info("trk_feat", 1), memory, info("mem_tpos", -1), info("ptr", -1, 1), info("ptr_tdiff", -1)},
			[]tensor.Info{info("mask_logits", 1, 1, l, l), info("object_score", 1, 1), info("obj_ptr", 1, 1)},
			func(in, out map[string]*tensor.Tensor) {
				copy(out["mask_logits"].F32, in["mem_feat"].F32)
				out["object_score"].F32[0] = 2
			}},
	}
}

// featured is a vision encoder that also hands out what a tracker wants.
type featured struct{ tensor.Model }

func (f featured) Outputs() []tensor.Info {
	return append(slices.Clone(f.Model.Outputs()), info("trk_s0", 1), info("trk_s1", 1), info("trk_feat", 1))
}

func (f featured) Run(ctx context.Context, in, out []*tensor.Tensor) error {
	out = slices.DeleteFunc(slices.Clone(out), func(t *tensor.Tensor) bool {
		return slices.ContainsFunc(f.Outputs()[len(f.Model.Outputs()):], func(i tensor.Info) bool { return i.Name == t.Name })
	})
	return f.Model.Run(ctx, in, out)
}

// withTracker returns an engine whose segmenter has a tracker.
func (b *bench) withTracker(t *testing.T) *pipeline.Engine {
	t.Helper()
	detector, err := b.bundle.SAM3()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(detector)); err != nil {
		t.Fatal(err)
	}
	graphs := stillTracker(288)
	for name := range maps.Keys(graphs) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "sam3.json")); err != nil { // its sizes are another tracker's
		t.Fatal(err)
	}
	e := b.engine()
	e.SegmenterModel = func() (string, error) { return dir, nil }
	e.Load = func(ctx context.Context, path string) (tensor.Model, error) {
		if g := graphs[filepath.Base(path)]; g != nil {
			return g, nil
		}
		m, err := b.device.Load(ctx, path)
		if filepath.Base(path) == "vision_encoder.onnx" && err == nil {
			return featured{m}, nil
		}
		return m, err
	}
	return e
}

// TestLateMasks edits two shots with a tracker, whose masks come 14 pictures
// late: each frame still has its own, and a shot has objects of its own unless
// told otherwise.
func TestLateMasks(t *testing.T) {
	const shot = 20
	clip := redBall(320, 240, 40)
	clip.Background = func(_, _, i int) pipelinetest.RGB {
		return []pipelinetest.RGB{{60, 60, 60}, {225, 225, 225}}[i/shot]
	}
	clip.Balls[0].At = func(i int) (float64, float64, bool) { return 90 + 140*float64(i/shot), 120, true }
	input := shared.clip(t, clip, shot+8)
	for _, across := range []bool{false, true} {
		s := spec()
		s.Steps, s.AcrossCuts = 1, across
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
		result, err := shared.withTracker(t).Edit(t.Context(), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		if result.Frames != shot+8 || result.Objects != 2 {
			t.Errorf("across cuts %v: %d frames and %d objects, want %d and 2", across, result.Frames, result.Objects, shot+8)
		}
		scratch, mask := frame.New(320, 240), frame.NewPlane(320, 240)
		n := shared.frames(t, filepath.Join(dir, result.MaskFile), func(f *frame.Frame) {
			clip.Draw(scratch, f.Index, mask)
			iou := overlap(f.Y(), mask)
			if f.Index < shot && iou < 0.97 || !across && iou < 0.97 {
				t.Errorf("across cuts %v, frame %d: intersection over union %.4f, want 0.97", across, f.Index, iou)
			}
			if across && f.Index == shot && iou > 0.9 {
				t.Errorf("frame %d: the last shot's object is gone", f.Index)
			}
		})
		if n != shot+8 {
			t.Errorf("the preview has %d frames, want %d", n, shot+8)
		}
	}
}
