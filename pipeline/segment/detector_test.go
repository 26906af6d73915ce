package segment

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/fault"
	"uredit/pipeline/frame"
	"uredit/pipeline/tensor"
)

// contract returns the graphs of sam3-video/1 that see p.
func contract(t *testing.T, p *picture) map[string]*scripted {
	graphs := make(map[string]*scripted)
	name, text := textGraph("text_encoder.onnx")
	graphs[name] = text
	graphs["vision_encoder.onnx"] = &scripted{
		inputs:  []tensor.Info{value("pixel_values", 1, 3, testS, testS)},
		outputs: []tensor.Info{value("det_fpn_0", 1, testC, 4, 4), value("det_fpn_1", -1, testC, 2, 2), value("trk_feat", 1, testC, 4, 4)},
		run: func(in, out map[string]*tensor.Tensor) {
			if out["trk_feat"] != nil {
				t.Error("features for a tracker were asked for")
			}
			out["det_fpn_0"].F32[0] = in["pixel_values"].F32[0]
		},
	}
	graphs["detector.onnx"] = &scripted{
		inputs: []tensor.Info{value("det_fpn_0", 1, testC, 4, 4), value("det_fpn_1", 1, testC, 2, 2),
			value("text_features", 1, testTokens, testC), {Name: "text_mask", Type: tensor.Bool}},
		outputs: []tensor.Info{value("scores", 1, testK), value("boxes", 1, testK, 4), value("mask_logits", 1, testK, testL, testL)},
		run: func(in, out map[string]*tensor.Tensor) {
			if got := in["det_fpn_0"].F32[0]; got != 1 {
				t.Errorf("the detector's feature is %v, the vision encoder made 1", got)
			}
			if got := in["text_features"].F32[testC]; got != 3 {
				t.Errorf("the second token is %v, want 3", got)
			}
			if want := []bool{true, true, true, false, false, false}; !slices.Equal(in["text_mask"].Bool, want) {
				t.Errorf("text mask %v, want %v", in["text_mask"].Bool, want)
			}
			p.detect(out["scores"], out["boxes"], out["mask_logits"])
		},
	}
	return graphs
}

// fused returns one graph in the place of vision and detector, without inputs
// that are not needed and with an open number of queries.
func fused(t *testing.T, p *picture) map[string]*scripted {
	name, text := textGraph("text_encoder.onnx")
	text.inputs = text.inputs[:1]
	text.outputs = text.outputs[:1]
	text.run = nil
	return map[string]*scripted{name: text, "frame.onnx": {
		inputs:  []tensor.Info{value("pixel_values", -1, 3, -1, -1), value("text_features", 1, testTokens, testC), {Name: "text_mask", Type: tensor.Bool}},
		outputs: []tensor.Info{value("scores", 1, -testK), value("boxes", 1, -testK, 4), value("mask_logits", 1, -testK, testL, testL)},
		run: func(in, out map[string]*tensor.Tensor) {
			if want := []bool{true, true, true, false, false, false}; !slices.Equal(in["text_mask"].Bool, want) {
				t.Errorf("text mask %v, want %v", in["text_mask"].Bool, want)
			}
			p.detect(out["scores"], out["boxes"], out["mask_logits"])
		},
	}}
}

// public returns the public three-graph split.
func public(t *testing.T, p *picture) map[string]*scripted {
	name, text := textGraph("text-encoder.onnx")
	features := []tensor.Info{value("fpn_feat_0", -1, testC, 4, 4), value("fpn_feat_2", -1, testC, 1, 1), value("fpn_pos_2", -1, testC, 1, 1)}
	return map[string]*scripted{name: text,
		"vision-encoder.onnx": {
			inputs:  []tensor.Info{value("images", -1, 3, testS, testS)},
			outputs: append(slices.Clone(features), value("fpn_feat_1", -1, testC, 2, 2)),
		},
		"geo-encoder-mask-decoder.onnx": {
			inputs: append(slices.Clone(features), value("text_features", -1, -1, testC), tensor.Info{Name: "text_mask", Type: tensor.Bool},
				value("input_boxes", -1, -1, 4), tensor.Info{Name: "input_boxes_labels", Type: tensor.Int64}),
			outputs: []tensor.Info{value("pred_masks", -1, testK, testL, testL), value("pred_boxes", -1, testK, 4),
				value("pred_logits", -1, testK), value("presence_logits", -1, 1)},
			run: func(in, out map[string]*tensor.Tensor) {
				if b := in["input_boxes"]; !slices.Equal(b.F32, make([]float32, 4)) || !slices.Equal(b.Shape, []int64{1, 1, 4}) {
					t.Errorf("box %v %v", b.Shape, b.F32)
				}
				if l := in["input_boxes_labels"]; !slices.Equal(l.I64, []int64{-10}) || !slices.Equal(l.Shape, []int64{1, 1}) {
					t.Errorf("label %v %v", l.Shape, l.I64)
				}
				p.detect(out["pred_logits"], out["pred_boxes"], out["pred_masks"])
				out["presence_logits"].F32[0] = 2
				for k, s := range out["pred_logits"].F32 {
					// The inverse of the product, so that p's scores come out.
					q := float64(s) * (1 + math.Exp(-2))
					out["pred_logits"].F32[k] = float32(math.Log(q / (1 - q)))
				}
			},
		}}
}

func whitePicture() []byte {
	rgb := make([]byte, testS*testS*3)
	for i := range rgb {
		rgb[i] = 255
	}
	return rgb
}

func TestDetect(t *testing.T) {
	for name, graphs := range map[string]func(*testing.T, *picture) map[string]*scripted{
		"contract": contract, "fused": fused, "public": public,
	} {
		t.Run(name, func(t *testing.T) {
			p := &picture{
				scores: []float32{0.6, 0.4, 0.8, 0.75},
				masks:  []frame.Plane32{disc(5, 5, 3), disc(15, 15, 3), disc(16, 16, 4), disc(16.4, 16, 4)},
			}
			files := map[string]string{"sam3.json": `{"format":"sam3-video/1","image_size":4,"resize":"cubic"}`}
			d := newFolder(t, graphs(t, p), files).open(t)
			if d.ImageSize() != testS || d.config.Resize != "cubic" {
				t.Errorf("size %d, filter %s", d.ImageSize(), d.config.Resize)
			}
			prompt, err := d.Prompt(t.Context(), "A")
			if err != nil {
				t.Fatal(err)
			}
			memory := make(map[*float32]bool)
			for range 2 {
				found, err := d.Detect(t.Context(), whitePicture(), prompt)
				if err != nil {
					t.Fatal(err)
				}
				// 1 is below the threshold, 3 is 2 again.
				if len(found) != 2 {
					t.Fatalf("%d detections, want 2", len(found))
				}
				memory[&found[0].Logits.Pix[0]] = true
				for i, want := range []int{0, 2} {
					got := found[i]
					if math.Abs(float64(got.Score-p.scores[want])) > 1e-6 || got.Box[0] != float32(want) {
						t.Errorf("detection %d: score %v, box %v; want query %d", i, got.Score, got.Box, want)
					}
					if !slices.Equal(got.Logits.Pix, p.masks[want].Pix) {
						t.Errorf("detection %d has not the mask of query %d", i, want)
					}
				}
			}
			if name != "fused" && len(memory) != 1 {
				t.Error("masks of a known size got new memory")
			}
		})
	}
}

// TestSuppressChain shows that a suppressed detection suppresses nothing.
func TestSuppressChain(t *testing.T) {
	p := &picture{
		scores: []float32{0.7, 0.9, 0.8},
		masks:  []frame.Plane32{disc(15, 10, 4), disc(5, 10, 4), disc(10, 10, 4)},
	}
	d := newFolder(t, contract(t, p), nil).open(t)
	prompt, err := d.Prompt(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	found, err := d.Detect(t.Context(), whitePicture(), prompt)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || found[0].Score != 0.7 || found[1].Score != 0.9 {
		t.Errorf("got %d detections, want those of 0.7 and 0.9", len(found))
	}
}

// TestSuppressAtThreshold has masks of 11 samples that share 2: an overlap of
// exactly 0.1, which is not more than 0.1.
func TestSuppressAtThreshold(t *testing.T) {
	found := []Detection{
		{Score: 0.9, Logits: drawn("###########.........")},
		{Score: 0.8, Logits: drawn(".........###########")},
	}
	for _, c := range []struct {
		threshold float32
		kept      int
	}{{0.1, 2}, {0.0999, 1}} {
		if got := new(cleaner).suppress(slices.Clone(found), c.threshold); len(got) != c.kept {
			t.Errorf("threshold %v: %d kept, want %d", c.threshold, len(got), c.kept)
		}
	}
}

// TestThresholdIsFloat32 is about a score that passes as float64 only.
func TestThresholdIsFloat32(t *testing.T) {
	p := &picture{scores: []float32{0.7, math.Nextafter32(0.7, 1)}, masks: []frame.Plane32{disc(4, 4, 3), disc(18, 18, 3)}}
	files := map[string]string{"sam3.json": `{"thresholds":{"score_threshold_detection":0.7}}`}
	d := newFolder(t, contract(t, p), files).open(t)
	prompt, err := d.Prompt(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	found, err := d.Detect(t.Context(), whitePicture(), prompt)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].Box[0] != 1 {
		t.Errorf("%d detections, want the second query alone", len(found))
	}
}

func TestNormalise(t *testing.T) {
	graphs := contract(t, &picture{})
	var seen []float32
	graphs["vision_encoder.onnx"].run = func(in, out map[string]*tensor.Tensor) {
		seen = slices.Clone(in["pixel_values"].F32)
		out["det_fpn_0"].F32[0] = 1
	}
	files := map[string]string{"sam3.json": `{"mean":[0.5,0,1],"std":[0.5,1,0.5]}`}
	d := newFolder(t, graphs, files).open(t)
	prompt, err := d.Prompt(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	rgb := make([]byte, testS*testS*3)
	copy(rgb[3:], []byte{255, 51, 255}) // the second sample
	if _, err := d.Detect(t.Context(), rgb, prompt); err != nil {
		t.Fatal(err)
	}
	const n = testS * testS
	for _, c := range []struct {
		at   int
		want float32
	}{{0, -1}, {1, 1}, {n, 0}, {n + 1, 0.2}, {2 * n, -2}, {2*n + 1, 0}} {
		if seen[c.at] != c.want {
			t.Errorf("element %d is %v, want %v", c.at, seen[c.at], c.want)
		}
	}
	if _, err := d.Detect(t.Context(), rgb[1:], prompt); err == nil {
		t.Error("a picture of another size was taken")
	}
}

func TestPromptsAreKept(t *testing.T) {
	f := newFolder(t, contract(t, &picture{}), nil)
	d, text := f.open(t), f.graphs["text_encoder.onnx"]
	for _, c := range []struct {
		prompt string
		runs   int
	}{{"a", 1}, {"b", 2}, {"a", 2}, {"b", 2}} {
		if _, err := d.Prompt(t.Context(), c.prompt); err != nil {
			t.Fatal(err)
		}
		if text.runs != c.runs {
			t.Errorf("%q: %d runs of the text encoder, want %d", c.prompt, text.runs, c.runs)
		}
	}
	for i := range 2 * maxPrompts {
		if _, err := d.Prompt(t.Context(), strings.Repeat("b ", i+2)); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.prompts) != maxPrompts {
		t.Errorf("%d prompts are kept, want %d", len(d.prompts), maxPrompts)
	}
	p, err := d.Prompt(t.Context(), "a b a b a b")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Cut, []string{"a", "b"}) {
		t.Errorf("cut %q, want the last two words", p.Cut)
	}
}

func TestDetectCancelled(t *testing.T) {
	d := newFolder(t, contract(t, &picture{}), nil).open(t)
	prompt, err := d.Prompt(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := d.Detect(ctx, whitePicture(), prompt); !errors.Is(err, cause) {
		t.Errorf("got error %v, want the cause", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(f *folder)
		config string
		code   string
		says   []string
	}{
		{name: "no text encoder", change: func(f *folder) { f.remove("text_encoder.onnx") }, code: fault.ModelMissing, says: []string{"text_encoder.onnx or text-encoder.onnx"}},
		{name: "no vision", change: func(f *folder) { f.remove("vision_encoder.onnx") }, code: fault.ModelMissing, says: []string{"vision_encoder.onnx"}},
		{name: "no detector", change: func(f *folder) { f.remove("detector.onnx") }, code: fault.ModelMissing, says: []string{"detector.onnx or decoder.onnx"}},
		{name: "no tokenizer", change: func(f *folder) { f.remove("vocab.json") }, code: fault.ModelMissing, says: []string{"vocab.json"}},
		{name: "not a picture", change: func(f *folder) { f.graphs["vision_encoder.onnx"].inputs[0].Name = "sample" }, code: fault.ModelInvalid, says: []string{`"sample"`, "pixel_values"}},
		{name: "unknown input", change: func(f *folder) { f.graphs["detector.onnx"].inputs[1].Name = "mystery" }, code: fault.ModelInvalid, says: []string{"detector.onnx", `"mystery"`}},
		{name: "no scores", change: func(f *folder) { f.graphs["detector.onnx"].outputs[0].Name = "other" }, code: fault.ModelInvalid, says: []string{`"other"`, "scores"}},
		{name: "no presence", change: func(f *folder) { f.graphs["detector.onnx"].outputs[0].Name = "pred_logits" }, code: fault.ModelInvalid, says: []string{"presence_logits"}},
		{name: "text inputs", change: func(f *folder) { f.graphs["text_encoder.onnx"].inputs[0].Name = "tokens" }, code: fault.ModelInvalid, says: []string{"text_encoder.onnx", `"tokens"`}},
		{name: "text outputs", change: func(f *folder) { f.graphs["text_encoder.onnx"].outputs[0].Name = "pooled" }, code: fault.ModelInvalid, says: []string{`"pooled"`, "text_features"}},
		{name: "open size", change: func(f *folder) { f.graphs["vision_encoder.onnx"].inputs[0].Shape = []int64{1, 3, -1, -1} }, code: fault.ModelInvalid, says: []string{"image_size"}},
		{name: "other size", config: `{"image_size":1008}`, code: fault.ModelInvalid, says: []string{"4x4", "1008"}},
		{name: "not JSON", config: `{`, code: fault.ModelInvalid, says: []string{"sam3.json"}},
		{name: "format", config: `{"format":"sam4"}`, code: fault.ModelInvalid, says: []string{"sam3.json", `"sam4"`}},
		{name: "resize", config: `{"resize":"linear"}`, code: fault.ModelInvalid, says: []string{`"linear"`, "bilinear_aa"}},
		{name: "std", config: `{"std":[0.5,0,0.5]}`, code: fault.ModelInvalid, says: []string{"std"}},
		{name: "threshold", config: `{"thresholds":{"det_nms_thresh":7}}`, code: fault.ModelInvalid, says: []string{"threshold"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{}
			if c.config != "" {
				files["sam3.json"] = c.config
			}
			f := newFolder(t, contract(t, &picture{}), files)
			if c.change != nil {
				c.change(f)
			}
			_, err := Open(t.Context(), f.dir, f.load)
			if err == nil {
				t.Fatal("it was opened")
			}
			if got := fault.Of(err); got.Code != c.code || got.Hint == "" {
				t.Errorf("code %q, hint %q: %v", got.Code, got.Hint, err)
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in %q", want, err)
				}
			}
		})
	}
}

func (f *folder) remove(name string) {
	if err := os.Remove(filepath.Join(f.dir, name)); err != nil {
		panic(err)
	}
}
