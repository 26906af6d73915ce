package segment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/tensor"
)

// answers are what the detector of a folder sees for each prompt, by the second
// token: the tokenizer of newFolder has one for "a" and one for "b".
type answers map[int64]*picture

const tokenA, tokenB = 3, 5

// tracked returns the graphs of a folder with a tracker that finds each object
// where it was last seen.
func tracked(a answers) map[string]*scripted {
	graphs := make(map[string]*scripted)
	name, text := textGraph("text_encoder.onnx")
	graphs[name] = text
	features := []tensor.Info{value("trk_s0", 1, 1, 4, 4), value("trk_s1", 1, 1, 2, 2), value("trk_feat", 1, 1, 1, 1)}
	graphs["vision_encoder.onnx"] = &scripted{
		inputs:  []tensor.Info{value("pixel_values", 1, 3, testS, testS)},
		outputs: append([]tensor.Info{value("det_fpn_0", 1, testC, 4, 4)}, features...),
		run: func(_, out map[string]*tensor.Tensor) {
			if f := out["trk_feat"]; f != nil {
				f.F32[0] = 7
			}
		},
	}
	graphs["detector.onnx"] = &scripted{
		inputs:  []tensor.Info{value("det_fpn_0", 1, testC, 4, 4), value("text_features", 1, testTokens, testC), {Name: "text_mask", Type: tensor.Bool}},
		outputs: []tensor.Info{value("scores", 1, testK), value("boxes", 1, testK, 4), value("mask_logits", 1, testK, testL, testL)},
		run: func(in, out map[string]*tensor.Tensor) {
			a[int64(in["text_features"].F32[testC])].detect(out["scores"], out["boxes"], out["mask_logits"])
		},
	}
	mask, memory := value("mask_logits", -1, 1, testL, testL), value("mem_feat", -1, 1, testL, testL)
	graphs["tracker_init.onnx"] = &scripted{
		inputs: []tensor.Info{features[2], mask}, outputs: []tensor.Info{value("obj_ptr", -1, 1), memory},
		run: func(in, out map[string]*tensor.Tensor) { copy(out["mem_feat"].F32, in["mask_logits"].F32) },
	}
	graphs["memory_encoder.onnx"] = &scripted{
		inputs:  []tensor.Info{features[2], mask, value("object_score", -1, 1), {Name: "binarize", Type: tensor.Bool, Shape: []int64{1}}},
		outputs: []tensor.Info{memory},
		run:     func(in, out map[string]*tensor.Tensor) { copy(out["mem_feat"].F32, in["mask_logits"].F32) },
	}
	graphs["tracker_step.onnx"] = &scripted{
		inputs: append(slices.Clone(features), memory, tensor.Info{Name: "mem_tpos", Type: tensor.Int64, Shape: []int64{-1}},
			value("ptr", -1, 1), value("ptr_tdiff", -1)),
		outputs: []tensor.Info{value("mask_logits", 1, 1, testL, testL), value("iou", 1, 1), value("object_score", 1, 1), value("obj_ptr", 1, 1)},
		run: func(in, out map[string]*tensor.Tensor) {
			if in["trk_feat"].F32[0] != 7 {
				panic("the tracker does not see the picture's features")
			}
			last := len(in["mem_feat"].F32) - testL*testL
			copy(out["mask_logits"].F32, in["mem_feat"].F32[last:])
			out["object_score"].F32[0] = 2
		},
	}
	return graphs
}

// oneGraph returns the graphs of tracked with vision and detector in one.
func oneGraph(a answers) map[string]*scripted {
	graphs := tracked(a)
	vision, detector := graphs["vision_encoder.onnx"], graphs["detector.onnx"]
	delete(graphs, "vision_encoder.onnx")
	delete(graphs, "detector.onnx")
	graphs["frame.onnx"] = &scripted{
		inputs:  append(slices.Clone(vision.inputs), detector.inputs[1:]...),
		outputs: append(slices.Clone(vision.outputs[1:]), detector.outputs...),
		run: func(in, out map[string]*tensor.Tensor) {
			vision.run(in, out)
			detector.run(in, out)
		},
	}
	return graphs
}

// linked returns the graphs of a folder without a tracker.
func linked(a answers) map[string]*scripted {
	graphs := tracked(a)
	maps.DeleteFunc(graphs, func(name string, _ *scripted) bool {
		return strings.HasPrefix(name, "tracker") || strings.HasPrefix(name, "memory")
	})
	return graphs
}

// follow runs a query over n pictures; a new shot begins at the frames in cuts.
// It returns for each frame that came out its index, ids and prompts.
func follow(t *testing.T, graphs map[string]*scripted, q Query, n int, before func(i int), cuts ...int) (out []string, f *Follower) {
	t.Helper()
	d := newFolder(t, graphs, nil).open(t)
	f, err := d.Follow(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	note := func(frames []Frame) {
		for _, f := range frames {
			s := fmt.Sprint(f.Index, ":")
			for _, o := range f.Objects {
				s += fmt.Sprintf(" %d/%d", o.ID, o.Prompt)
			}
			out = append(out, s)
		}
	}
	for i := range n {
		if before != nil {
			before(i)
		}
		if slices.Contains(cuts, i) {
			note(f.NewShot())
		}
		frames, err := f.Next(t.Context(), whitePicture())
		if err != nil {
			t.Fatal(err)
		}
		note(frames)
	}
	note(f.Flush())
	return out, f
}

func one(score float32, masks ...frame.Plane32) *picture {
	p := &picture{}
	for _, m := range masks {
		p.scores, p.masks = append(p.scores, score), append(p.masks, m)
	}
	return p
}

func TestFollow(t *testing.T) {
	small, large, far := disc(5, 5, 3), disc(17, 17, 5), disc(18, 5, 4)
	for _, c := range []struct {
		name  string
		query string
		not   string
		pick  string
		a, b  *picture
		want  string // of each frame
		count int
	}{
		{"one", "a", "", "", one(.9, small), nil, "0/0", 1},
		{"several", "a", "", "all", one(.9, small, large), nil, "0/0 1/0", 2},
		{"two prompts", " a ;b; ", "", "", one(.9, small), one(.8, large, far), "0/0 1/1 2/1", 3},
		{"two prompts for one thing", "a;b", "", "", one(.9, small), one(.9, small), "0/0 1/1", 2},
		{"a negative prompt", "a", "b", "", one(.9, small, large), one(.6, large), "0/0", 1},
		{"the largest", "a", "", "largest", one(.9, small, large, far), nil, "1/0", 1},
		{"the third", "a", "", "2", one(.9, small, large, far), nil, "2/0", 1},
		{"the fourth of three", "a", "", "3", one(.9, small, large, far), nil, "", 0},
		{"nothing", "a", "", "largest", one(.3, small), nil, "", 0},
	} {
		for how, graphs := range map[string]func(answers) map[string]*scripted{"tracked": tracked, "fused": oneGraph, "linked": linked} {
			t.Run(c.name+" "+how, func(t *testing.T) {
				selection, err := ParseSelection(c.pick)
				if err != nil {
					t.Fatal(err)
				}
				got, f := follow(t, graphs(answers{tokenA: c.a, tokenB: c.b}), Query{Prompt: c.query, Negative: c.not, Select: selection}, 20, nil)
				var want []string
				for i := range 20 {
					want = append(want, strings.TrimSpace(fmt.Sprint(i, ": ", c.want)))
				}
				if !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
				if f.Count() != c.count {
					t.Errorf("%d objects, want %d", f.Count(), c.count)
				}
				if len(f.Warnings()) > 0 || len(f.LeftOut()) > 0 {
					t.Errorf("warnings %q, cut %q", f.Warnings(), f.LeftOut())
				}
			})
		}
	}
}

// TestFollowShots has a cut: objects begin anew, in the tracker's case after the
// frames that were held back, and the largest is chosen anew.
func TestFollowShots(t *testing.T) {
	small, large := disc(5, 5, 3), disc(17, 17, 5)
	largest, err := ParseSelection("largest")
	if err != nil {
		t.Fatal(err)
	}
	for how, graphs := range map[string]func(answers) map[string]*scripted{"tracked": tracked, "linked": linked} {
		a := answers{tokenA: one(.9, small, large)}
		got, _ := follow(t, graphs(a), Query{Prompt: "a", Select: largest}, 4, func(i int) {
			if i == 2 {
				a[tokenA] = one(.9, large, small)
			}
		}, 2)
		if want := []string{"0: 1/0", "1: 1/0", "2: 2/0", "3: 2/0"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", how, got, want)
		}
	}
}

func TestFollowErrors(t *testing.T) {
	d := newFolder(t, tracked(answers{tokenA: one(.9, disc(5, 5, 3))}), nil).open(t)
	if _, err := d.Follow(t.Context(), Query{Prompt: " ; "}); err == nil || !strings.Contains(err.Error(), "names nothing") {
		t.Errorf("error %v, want one about a prompt that names nothing", err)
	}
	f, err := d.Follow(t.Context(), Query{Prompt: "a a a a a a a a; b", MaxObjects: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.LeftOut(); len(got) == 0 {
		t.Error("no word is cut")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	if _, err := f.Next(ctx, whitePicture()); !errors.Is(err, gone) {
		t.Errorf("error %v, want %v", err, gone)
	}
	if _, err := f.Next(t.Context(), nil); err == nil {
		t.Error("a picture of no bytes is accepted")
	}
}

// TestPictureSize has pictures of the video's size, and of the network's where
// the folder does not mind the filter.
func TestPictureSize(t *testing.T) {
	for filter, want := range map[string][2]int{"bilinear_aa": {9, 5}, "bicubic_aa": {9, 5}, "cubic": {9, 5}, "fast": {testS, testS}} {
		a := answers{tokenA: one(.9, disc(5, 5, 3))}
		graphs := linked(a)
		var seen []float32
		look := graphs["vision_encoder.onnx"].run
		graphs["vision_encoder.onnx"].run = func(in, out map[string]*tensor.Tensor) {
			look(in, out)
			seen = slices.Clone(in["pixel_values"].F32)
		}
		d := newFolder(t, graphs, map[string]string{"sam3.json": `{"resize":"` + filter + `"}`}).open(t)
		q := Query{Prompt: "a"}
		q.Width, q.Height = d.PictureSize(9, 5)
		if got := [2]int{q.Width, q.Height}; got != want {
			t.Fatalf("%s: pictures of %v, want %v", filter, got, want)
		}
		f, err := d.Follow(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Next(t.Context(), make([]byte, 7)); err == nil {
			t.Errorf("%s: a picture of 7 bytes is accepted", filter)
		}
		rgb := make([]byte, 3*q.Width*q.Height)
		for i := range rgb {
			rgb[i] = 255
		}
		if _, err := f.Next(t.Context(), rgb); err != nil {
			t.Fatal(err)
		}
		if len(seen) != 3*testS*testS || slices.Min(seen) != 1 || slices.Max(seen) != 1 {
			t.Errorf("%s: the network sees %v, want white", filter, seen)
		}
	}
}

func TestFollowWarns(t *testing.T) {
	_, f := follow(t, tracked(answers{tokenA: one(.9, disc(5, 5, 3), disc(17, 17, 5))}), Query{Prompt: "a", MaxObjects: 1}, 3, nil)
	if got := f.Warnings(); len(got) != 1 || !strings.Contains(got[0], "3 detections") {
		t.Errorf("warnings %q, want one about 3 detections", got)
	}
}

// TestOpenTracker has a folder whose vision encoder knows nothing of its tracker.
func TestOpenTracker(t *testing.T) {
	graphs := tracked(nil)
	graphs["vision_encoder.onnx"].outputs = graphs["vision_encoder.onnx"].outputs[:2]
	f := newFolder(t, graphs, nil)
	if _, err := Open(t.Context(), f.dir, f.load); fault.Of(err).Code != fault.ModelInvalid || !strings.Contains(err.Error(), "trk_s1") {
		t.Errorf("error %v, want ModelInvalid about trk_s1", err)
	}
	graphs = tracked(nil)
	delete(graphs, "memory_encoder.onnx")
	f = newFolder(t, graphs, nil)
	if _, err := Open(t.Context(), f.dir, f.load); fault.Of(err).Code != fault.ModelMissing || !strings.Contains(err.Error(), "memory_encoder") {
		t.Errorf("error %v, want ModelMissing about memory_encoder", err)
	}
	f = newFolder(t, tracked(nil), map[string]string{"sam3.json": `{"semantics":"none"}`})
	if _, err := Open(t.Context(), f.dir, f.load); fault.Of(err).Code != fault.ModelInvalid {
		t.Errorf("error %v, want ModelInvalid", err)
	}
}
