package track_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/onnx/onnxtest"
	"uredit/pipeline/resize"
	"uredit/pipeline/segment"
	"uredit/pipeline/segment/track"
	"uredit/pipeline/tensor"
)

// object is one that is shown in a frame. rle is nil where its mask was not
// drawn at the video's size.
type object struct {
	presence float32
	low, rle []uint32
}

// result is what we make of a recording's input, to be compared with it.
type result struct {
	steps []step
	banks [][]track.Kept   // after each frame; nil where they cannot be seen
	shown []map[int]object // of each frame, by id
}

// spy notes what a tracker's step graph is fed and what it gives.
type spy struct {
	tensor.Model
	oldest float64 // age in frames of a pointer whose ptr_tdiff is 1
	into   *result
}

func (s *spy) Run(ctx context.Context, in, out []*tensor.Tensor) error {
	if err := s.Model.Run(ctx, in, out); err != nil {
		return err
	}
	var st step
	for _, x := range slices.Concat(in, out) {
		switch x.Name {
		case "mem_tpos":
			for _, p := range x.I64 {
				st.Places = append(st.Places, int(p))
			}
		case "ptr_tdiff":
			for _, a := range x.F32 {
				st.Ago = append(st.Ago, int(math.Round(float64(a)*s.oldest)))
			}
		case "object_score":
			st.Logit = float64(x.F32[0])
		case "mask_logits":
			side := int(x.Shape[3])
			st.Low = runs(frame.Plane32{Pix: x.F32, Stride: side, Width: side, Height: side})
		}
	}
	slices.Sort(st.Places)
	slices.Sort(st.Ago)
	s.into.steps = append(s.into.steps, st)
	return nil
}

// TestParity compares with Hugging Face's video model: what the network is asked
// about each object (which memories, how old the pointers are), what each bank
// holds, who is shown under which id, and every mask.
func TestParity(t *testing.T) {
	dev := onnxtest.Device(t)
	clips, errClips := filepath.Glob(filepath.Join(bundle, "clips", "*.json.gz"))
	scripts, errScripts := filepath.Glob(filepath.Join(bundle, "scripts", "*.json.gz"))
	paths := slices.Concat(clips, scripts)
	if err := errors.Join(errClips, errScripts); err != nil || len(clips)*len(scripts) == 0 {
		t.Fatalf("recordings in %s: %v, %v", bundle, paths, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			r := readRecording(t, path)
			dir, pictures := r.folder(t), r.pictures(t)
			got := &result{shown: make([]map[int]object, len(pictures))}
			for i := range got.shown {
				got.shown[i] = make(map[int]object)
			}
			load := func(ctx context.Context, path string) (tensor.Model, error) {
				m, err := dev.Load(ctx, path)
				if err == nil && filepath.Base(path) == "tracker_step.onnx" {
					m = &spy{Model: m, oldest: 15, into: got}
				}
				return m, err
			}
			if r.Given {
				got.follow(t, r, dir, load, pictures)
			} else {
				got.find(t, r, dir, load, pictures)
			}
			got.compare(t, r)
		})
	}
}

// find runs detector and tracker as an edit does.
func (got *result) find(t *testing.T, r *recording, dir string, load tensor.Loader, pictures [][]byte) {
	d, err := segment.Open(t.Context(), dir, load)
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Follow(t.Context(), segment.Query{Prompt: r.Prompt, Width: r.Width, Height: r.Height, Frames: len(pictures)})
	if err != nil {
		t.Fatal(err)
	}
	union := segment.NewUnion(r.Width, r.Height)
	take := func(done []segment.Frame) {
		for _, x := range done {
			for _, o := range x.Objects {
				got.shown[x.Index][o.ID] = object{presence: o.Presence, low: runs(o.Logits), rle: []uint32{uint32(r.Width * r.Height)}}
			}
			for _, o := range union.Instances(x) {
				shown := got.shown[x.Index][o.ID]
				shown.rle = segment.RLE(o.Mask)
				got.shown[x.Index][o.ID] = shown
			}
		}
	}
	for _, p := range pictures {
		done, err := f.Next(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		take(done)
	}
	take(f.Flush())
}

// follow runs the tracker with the recording's detections.
func (got *result) follow(t *testing.T, r *recording, dir string, load tensor.Loader, pictures [][]byte) {
	data, err := os.ReadFile(filepath.Join(dir, "sam3.json"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := track.ParseConfig(data)
	if err != nil {
		t.Fatal(err)
	}
	m, err := track.Open(t.Context(), dir, load, c)
	if err != nil {
		t.Fatal(err)
	}
	look := eye(t, r, dir, load)
	tr := m.Track(track.Options{Frames: len(pictures)})
	take := func(done []track.Frame) {
		for _, x := range done {
			for _, o := range x.Objects {
				got.shown[x.Index][o.ID] = object{presence: o.Presence, low: runs(o.Logits)}
			}
		}
	}
	for i, p := range pictures {
		var found []track.Detection
		for _, d := range r.Frames[i].Detections {
			if d.Kept {
				found = append(found, track.Detection{Score: d.Score, Logits: given(d.Low, low)})
			}
		}
		done, err := tr.Next(t.Context(), look(p), found)
		if err != nil {
			t.Fatal(err)
		}
		got.banks = append(got.banks, tr.Banks())
		take(done)
	}
	take(tr.Flush())
}

// Sizes of the small SAM 3: its picture and its masks.
const side, low = 112, 32

// eye returns the vision encoder's view of pictures.
func eye(t *testing.T, r *recording, dir string, load tensor.Loader) func(rgb []byte) []*tensor.Tensor {
	vision, err := load(t.Context(), filepath.Join(dir, "vision_encoder.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	stretch, err := resize.New(resize.BilinearAA, r.Width, r.Height, side, side)
	if err != nil {
		t.Fatal(err)
	}
	small := make([]byte, 3*side*side)
	in := &tensor.Tensor{Name: "pixel_values", Shape: []int64{1, 3, side, side}, F32: make([]float32, 3*side*side)}
	return func(rgb []byte) []*tensor.Tensor {
		stretch.Run(small, rgb)
		for i, v := range small {
			in.F32[i%3*side*side+i/3] = (float32(v)/255 - 0.5) / 0.5
		}
		var features []*tensor.Tensor
		for _, name := range track.FeatureNames() {
			features = append(features, &tensor.Tensor{Name: name})
		}
		if err := vision.Run(t.Context(), []*tensor.Tensor{in}, features); err != nil {
			t.Fatal(err)
		}
		return features
	}
}

// same is the overlap from which on two masks are one.
const same = 0.999

func (got *result) compare(t *testing.T, r *recording) {
	next, worst := 0, 0.0
	for i, f := range r.Frames {
		for _, want := range f.Steps {
			if next == len(got.steps) {
				t.Fatalf("frame %d: only %d steps", i, next)
			}
			s := got.steps[next]
			next++
			if !slices.Equal(s.Places, want.Places) || !slices.Equal(s.Ago, want.Ago) {
				t.Fatalf("frame %d: memories at %v and pointers %v ago, want %v and %v", i, s.Places, s.Ago, want.Places, want.Ago)
			}
			if o := overlap(s.Low, want.Low); o < same {
				t.Errorf("frame %d: a step's mask overlaps the recorded one by %.4f", i, o)
			}
			worst = max(worst, math.Abs(s.Logit-want.Logit))
		}
		if got.banks != nil && !reflect.DeepEqual(got.banks[i], f.Bank) {
			t.Errorf("frame %d: banks %v, want %v", i, got.banks[i], f.Bank)
		}
		if len(got.shown[i]) != len(f.Objects) {
			t.Errorf("frame %d: shown are %v, want %v", i, got.shown[i], f.Objects)
			continue
		}
		for _, want := range f.Objects {
			o, ok := got.shown[i][want.ID]
			switch {
			case !ok || math.Abs(float64(o.presence-want.Presence)) > 1e-4:
				t.Errorf("frame %d: object %d is there %t with presence %g, want %g", i, want.ID, ok, o.presence, want.Presence)
			case overlap(o.low, want.Low) < same, o.rle != nil && overlap(o.rle, want.RLE.Counts) < same:
				t.Errorf("frame %d: object %d's mask is %v, %v, want %v, %v", i, want.ID, o.low, o.rle, want.Low, want.RLE.Counts)
			}
		}
	}
	if next != len(got.steps) {
		t.Errorf("%d steps more than recorded", len(got.steps)-next)
	}
	// Rounding of 1e-4 a step comes back through the memories.
	if worst > 2e-2 {
		t.Errorf("object scores differ by %.1e", worst)
	}
	t.Logf("%d steps, object scores within %.1e", next, worst)
}
