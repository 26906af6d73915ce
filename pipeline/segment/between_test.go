package segment

import (
	"fmt"
	"slices"
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/tensor"
)

// tellingOps knows the motion between two pictures from their brightness: each
// level is a column to the right.
type tellingOps struct{ frame.Ops }

func (tellingOps) Resize(dst, src frame.Plane, _ frame.Filter) {
	for j := range dst.Height {
		copy(dst.Row(j), src.Row(j))
	}
}

func (tellingOps) Resize32(dst, src frame.Plane32, _ frame.Filter) {
	for j := range dst.Height {
		for i := range dst.Row(j) {
			dst.Row(j)[i] = src.Row(0)[0]
		}
	}
}

func (tellingOps) Flow(dx, dy frame.Plane32, from, to frame.Plane) {
	for j := range dx.Height {
		for i := range dx.Row(j) {
			// Columns are a mask's, motion is in the picture's samples.
			dx.Row(j)[i] = (float32(to.Row(0)[0]) - float32(from.Row(0)[0])) * testS / testL
			dy.Row(j)[i] = 0
		}
	}
}

func (tellingOps) Remap32(dst, src, x, y frame.Plane32, _ frame.Filter) {
	for j := range dst.Height {
		for i := range dst.Row(j) {
			c := min(max(int(x.Row(j)[i]+0.5), 0), src.Width-1)
			dst.Row(j)[i] = src.Row(int(y.Row(j)[i] + 0.5))[c]
		}
	}
}

// bar returns a mask of four columns from left on.
func bar(left int) frame.Plane32 {
	p := frame.NewPlane32(testL, testL)
	for i := range p.Pix {
		p.Pix[i] = -1
		if c := i % testL; c >= left && c < left+4 {
			p.Pix[i] = 1
		}
	}
	return p
}

// columns writes of each frame the objects' ids and first columns.
func columns(frames []Frame) (list []string) {
	for _, f := range frames {
		line := fmt.Sprint(f.Index)
		for _, o := range f.Objects {
			line += fmt.Sprintf(" %d@%.0f", o.ID, box(o.Logits)[0]*testL)
		}
		list = append(list, line)
	}
	return list
}

// TestBetweenKeyframes: two of three pictures are not looked at. Masks move with
// the picture between; a keyframe's mask that lies elsewhere is approached; what
// only one keyframe has is seen in the half nearer to it.
func TestBetweenKeyframes(t *testing.T) {
	p := &picture{}
	graphs := contract(t, p)
	graphs["detector.onnx"].run = func(_, out map[string]*tensor.Tensor) {
		p.detect(out["scores"], out["boxes"], out["mask_logits"])
	}
	d := newFolder(t, graphs, nil).open(t)
	d.config.Keyframes = keyframes{Interval: 3}
	f, err := d.Follow(t.Context(), Query{Prompt: "a", Ops: tellingOps{}})
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	next := func(level int) {
		t.Helper()
		p.scores, p.masks = []float32{0.9}, []frame.Plane32{bar(level + 2)}
		if level >= 3 {
			p.scores, p.masks = append(p.scores, 0.8), append(p.masks, bar(level+10))
		}
		rgb := make([]byte, 3*testS*testS)
		for i := range rgb {
			rgb[i] = byte(level)
		}
		frames, err := f.Next(t.Context(), rgb)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, columns(frames))
	}
	for level := range 6 {
		next(level)
	}
	got = append(got, columns(f.NewShot()))
	next(1)
	next(2)
	got = append(got, columns(f.Flush()))
	want := [][]string{
		{"0 0@2"}, nil, nil, {"1 0@3", "2 0@4 1@12", "3 0@5 1@13"}, nil, nil, {"4 0@6 1@14", "5 0@7 1@15"},
		{"6 2@3"}, nil, {"7 2@4"},
	}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("frames %q, want %q", got, want)
	}
	if runs := graphs["detector.onnx"].runs; runs != 3 {
		t.Errorf("the detector ran %d times, want 3", runs)
	}
}

// TestKeyframesOfWords: a folder says for which words the pictures between need not
// be looked at; without operations to move masks each is.
func TestKeyframesOfWords(t *testing.T) {
	d := newFolder(t, contract(t, &picture{}), nil).open(t)
	d.config.Keyframes = keyframes{Interval: 3, Words: []string{"b"}}
	for _, c := range []struct {
		prompt string
		ops    frame.Ops
		spares bool
	}{{"a b", tellingOps{}, true}, {"a", tellingOps{}, false}, {"b; a", tellingOps{}, false}, {"b", nil, false}} {
		f, err := d.Follow(t.Context(), Query{Prompt: c.prompt, Ops: c.ops})
		if err != nil || (f.between != nil) != c.spares {
			t.Errorf("%q: spares pictures: %v, %v", c.prompt, f.between != nil, err)
		}
	}
	if err := parseConfig([]byte(`{"keyframes":{"interval":31}}`), &config{}); err == nil {
		t.Error("an interval of 31 is taken")
	}
}
