package track

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/tensor"
)

// Sizes of the scripted graphs. A memory is a mask.
const (
	testL = 16
	area  = testL * testL
)

// scripted is a graph whose result a test writes down.
type scripted struct {
	inputs, outputs []tensor.Info
	run             func(in, out map[string]*tensor.Tensor)
	runs            int
}

func (s *scripted) Inputs() []tensor.Info  { return s.inputs }
func (s *scripted) Outputs() []tensor.Info { return s.outputs }

func (s *scripted) Run(ctx context.Context, in, out []*tensor.Tensor) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.runs++
	given, asked := make(map[string]*tensor.Tensor), make(map[string]*tensor.Tensor)
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

// script is a tracker that knows. The feature of a picture says for each sample
// which thing it shows, 0 for none; a pointer is the thing that an object is. A
// thing is found wherever it shows; an object that is no thing is where it was.
type script struct {
	init, step, memory *scripted
	hard               int // masks that became memories with hard edges
	places             [][]int64
	ago                [][]float32
}

func newScript() *script {
	s := &script{}
	features := []tensor.Info{info("trk_s0"), info("trk_s1"), info("trk_feat", 1, 1, testL, testL)}
	s.init = &scripted{
		inputs:  []tensor.Info{features[2], info("mask_logits", -1, 1, testL, testL)},
		outputs: []tensor.Info{info("obj_ptr", -1, 1), info("mem_feat", -1, 1, testL, testL)},
		run: func(in, out map[string]*tensor.Tensor) {
			for n := range len(in["mask_logits"].F32) / area {
				mask := in["mask_logits"].F32[n*area:][:area]
				copy(out["mem_feat"].F32[n*area:], mask)
				out["obj_ptr"].F32[n] = thing(mask, in["trk_feat"].F32)
			}
		},
	}
	s.memory = &scripted{
		inputs:  []tensor.Info{features[2], info("mask_logits", -1, 1, testL, testL), info("object_score", -1, 1), {Name: "binarize", Type: tensor.Bool, Shape: []int64{1}}},
		outputs: []tensor.Info{info("mem_feat", -1, 1, testL, testL)},
		run: func(in, out map[string]*tensor.Tensor) {
			if b := in["binarize"]; b != nil && b.Bool[0] {
				s.hard += len(in["object_score"].F32)
			}
			copy(out["mem_feat"].F32, in["mask_logits"].F32)
		},
	}
	s.step = &scripted{
		inputs: append(features, info("mem_feat", -1, 1, testL, testL), tensor.Info{Name: "mem_tpos", Type: tensor.Int64, Shape: []int64{-1}},
			info("ptr", -1, 1), info("ptr_tdiff", -1)),
		outputs: []tensor.Info{info("mask_logits", 1, 1, testL, testL), info("iou", 1, 1), info("object_score", 1, 1), info("obj_ptr", 1, 1)},
		run:     s.follow,
	}
	return s
}

// thing returns what most samples of a mask show.
func thing(mask, labels []float32) float32 {
	count := make(map[float32]int)
	best := float32(0)
	for i, v := range mask {
		if v >= 0.5 {
			count[labels[i]]++
		}
	}
	for label, n := range count {
		if n > count[best] || n == count[best] && label > best {
			best = label
		}
	}
	return best
}

func (s *script) follow(in, out map[string]*tensor.Tensor) {
	s.places = append(s.places, append([]int64{}, in["mem_tpos"].I64...))
	s.ago = append(s.ago, append([]float32{}, in["ptr_tdiff"].F32...))
	is := in["ptr"].F32[0]
	mask, labels := out["mask_logits"].F32, in["trk_feat"].F32
	seen := false
	newest := len(in["mem_tpos"].I64) - 1
	for i := range mask {
		mask[i] = -4
		if is > 0 && labels[i] == is || is == 0 && in["mem_feat"].F32[newest*area+i] > 0 {
			mask[i], seen = 4, true
		}
	}
	out["object_score"].F32[0], out["obj_ptr"].F32[0] = 3, is
	if out["iou"] != nil {
		out["iou"].F32[0] = 0.9
	}
	if !seen {
		out["object_score"].F32[0] = -3
	}
}

func (s *script) load(_ context.Context, path string) (tensor.Model, error) {
	return map[string]*scripted{initFile: s.init, stepFile: s.step, memoryFile: s.memory}[filepath.Base(path)], nil
}

// folder returns a directory with the tracker's three files, all empty.
func folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{initFile, stepFile, memoryFile} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (s *script) open(t testing.TB, c Config) *Model {
	t.Helper()
	m, err := Open(t.Context(), folder(t), s.load, c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// box is a thing in a picture: its label and where it is.
type box struct{ label, x, y, w, h int }

// labels draws things; later ones lie on earlier ones.
func labels(things ...box) []*tensor.Tensor {
	feature := &tensor.Tensor{Name: "trk_feat", Shape: []int64{1, 1, testL, testL}, F32: make([]float32, area)}
	for _, b := range things {
		for i := range area {
			if x, y := i%testL, i/testL; x >= b.x && x < b.x+b.w && y >= b.y && y < b.y+b.h {
				feature.F32[i] = float32(b.label)
			}
		}
	}
	return []*tensor.Tensor{{Name: "trk_s0", F32: []float32{0}}, {Name: "trk_s1", F32: []float32{0}}, feature}
}

// detect returns the detection of a box.
func detect(score float32, b box) Detection {
	p := frame.NewPlane32(testL, testL)
	for i := range p.Pix {
		p.Pix[i] = -3
		if x, y := i%testL, i/testL; x >= b.x && x < b.x+b.w && y >= b.y && y < b.y+b.h {
			p.Pix[i] = 3
		}
	}
	return Detection{Score: score, Logits: p}
}

// scene says what frame t shows and what of it is detected.
type scene func(t int) (things []box, found []Detection)

// record is what was shown of a frame.
type record map[int]extent

// extent is where an object was: samples, and the sum of their positions.
type extent struct{ samples, positions int }

// play runs a scene of n frames and returns what was shown.
func play(t testing.TB, tr *Tracker, n int, s scene) []record {
	t.Helper()
	var all []record
	keep := func(frames []Frame) {
		for _, f := range frames {
			if f.Index != len(all) {
				t.Fatalf("frame %d comes after %d frames", f.Index, len(all))
			}
			r := record{}
			for i, o := range f.Objects {
				if i > 0 && o.ID <= f.Objects[i-1].ID {
					t.Errorf("frame %d: object %d comes after %d", f.Index, o.ID, f.Objects[i-1].ID)
				}
				var where extent
				for p, v := range o.Logits.Pix {
					if v > 0 {
						where.samples++
						where.positions += p
					}
				}
				r[o.ID] = where
			}
			all = append(all, r)
		}
	}
	for i := range n {
		things, found := s(i)
		frames, err := tr.Next(t.Context(), labels(things...), found)
		if err != nil {
			t.Fatal(err)
		}
		keep(frames)
	}
	keep(tr.Flush())
	if len(all) != n {
		t.Fatalf("%d frames come out, want %d", len(all), n)
	}
	return all
}
