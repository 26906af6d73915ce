package segment

import (
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/tensor"
)

// around returns a box of samples of a mask as parts of the picture.
func around(left, top, right, bottom float32) [4]float32 {
	return [4]float32{left / testL, top / testL, right / testL, bottom / testL}
}

// TestBoxes has three discs, of which the third appears later, with and without a
// tracker.
func TestBoxes(t *testing.T) {
	small, large, late := disc(5, 5, 3), disc(16, 16, 6), disc(20, 3, 2)
	for _, c := range []struct {
		name   string
		boxes  [][4]float32
		want   string // of each frame
		missed []int
	}{
		{"all", nil, " 0/0 1/0", nil},
		{"tight", [][4]float32{around(10, 10, 23, 23)}, " 0/0", nil},
		{"loose", [][4]float32{around(0, 0, 12, 12)}, " 0/0", nil},
		{"all of the picture means the one that fills most of it", [][4]float32{around(0, 0, 24, 24)}, " 0/0", nil},
		{"in the order of the boxes", [][4]float32{around(10, 10, 23, 23), around(0, 0, 12, 12)}, " 0/0 1/0", nil},
		{"twice the same", [][4]float32{around(0, 0, 12, 12), around(1, 1, 12, 12)}, " 0/0", []int{1}},
		{"a part of one", [][4]float32{around(16, 10, 17, 23)}, "", []int{0}},
		{"nothing there yet", [][4]float32{around(17, 0, 24, 6), around(0, 0, 12, 12)}, " 0/0", []int{0}},
	} {
		for name, graphs := range map[string]func(answers) map[string]*scripted{"tracked": tracked, "linked": linked} {
			a := answers{tokenA: one(.9, small, large)}
			out, f := follow(t, graphs(a), Query{Prompt: "a", Boxes: c.boxes}, 4, func(i int) {
				if i == 2 && c.boxes != nil {
					a[tokenA] = one(.9, small, large, late)
				}
			})
			for i, frame := range out { // a Linker has its objects in the detector's order
				fields := strings.Fields(frame)
				slices.Sort(fields[1:])
				out[i] = strings.TrimSpace(fields[0] + " " + strings.Join(fields[1:], " "))
			}
			want := []string{"0:" + c.want, "1:" + c.want, "2:" + c.want, "3:" + c.want}
			if !slices.Equal(out, want) || !slices.Equal(f.Missed(), c.missed) {
				t.Errorf("%s, %s: %q and boxes %v missed, want %q and %v", c.name, name, out, f.Missed(), want, c.missed)
			}
		}
	}
}

// TestBoxMeansTheRightOne: which object is followed, not only how many.
func TestBoxMeansTheRightOne(t *testing.T) {
	for name, graphs := range map[string]func(answers) map[string]*scripted{"tracked": tracked, "linked": linked} {
		d := newFolder(t, graphs(answers{tokenA: one(.9, disc(5, 5, 3), disc(16, 16, 6))}), nil).open(t)
		f, err := d.Follow(t.Context(), Query{Prompt: "a", Boxes: [][4]float32{around(9, 9, 24, 24)}})
		if err != nil {
			t.Fatal(err)
		}
		frames, err := f.Next(t.Context(), whitePicture())
		if err != nil {
			t.Fatal(err)
		}
		// At once, also with a tracker: nothing of it can turn out to be none.
		if len(frames) != 1 || len(frames[0].Objects) != 1 {
			t.Fatalf("%s: %v", name, frames)
		}
		if b := box(frames[0].Objects[0].Logits); b[0] < 10./testL || b[1] < 10./testL {
			t.Errorf("%s: the object's box is %v, want the larger disc's", name, b)
		}
	}
}

// TestBoxWithoutAName: where the prompt names nothing in a box, the tracker says
// what is there, if the folder has a graph for it.
func TestBoxWithoutAName(t *testing.T) {
	graphs := tracked(answers{tokenA: one(.9, disc(5, 5, 3))})
	step := graphs["tracker_step.onnx"]
	graphs["tracker_box.onnx"] = &scripted{
		inputs:  append(slices.Clone(step.inputs[:3]), value("box", -1, 4)),
		outputs: []tensor.Info{value("mask_logits", -1, 1, testL, testL), value("object_score", -1, 1)},
		run: func(in, out map[string]*tensor.Tensor) {
			b := in["box"].F32
			copy(out["mask_logits"].F32, disc(float64(b[0]+b[2])/2*testL, float64(b[1]+b[3])/2*testL, 4).Pix)
			out["object_score"].F32[0] = 3 - 10*b[1] // nothing is at the bottom
		},
	}
	boxes := [][4]float32{around(12, 0, 24, 10), around(0, 0, 12, 12), around(12, 16, 24, 24)}
	out, f := follow(t, graphs, Query{Prompt: "a", Boxes: boxes}, 30, nil)
	for _, frame := range out {
		if !strings.HasSuffix(frame, ": 0/0 1/0") {
			t.Fatalf("%q, want the thing in the first box and the named one in each frame", out)
		}
	}
	if !slices.Equal(f.Unnamed(), []int{0}) || !slices.Equal(f.Missed(), []int{2}) {
		t.Errorf("boxes %v unnamed, %v missed; want 0, 2", f.Unnamed(), f.Missed())
	}
}

// TestBoxesEndWithTheShot: a new shot shows other things.
func TestBoxesEndWithTheShot(t *testing.T) {
	for name, graphs := range map[string]func(answers) map[string]*scripted{"tracked": tracked, "linked": linked} {
		out, _ := follow(t, graphs(answers{tokenA: one(.9, disc(5, 5, 3))}), Query{Prompt: "a", Boxes: [][4]float32{around(0, 0, 12, 12)}}, 4, nil, 2)
		if want := []string{"0: 0/0", "1: 0/0", "2:", "3:"}; !slices.Equal(out, want) {
			t.Errorf("%s: %q, want %q", name, out, want)
		}
	}
}
