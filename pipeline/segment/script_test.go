package segment

import (
	"context"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/tensor"
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
		for _, o := range s.outputs {
			if o.Name == t.Name && t.F32 == nil && o.Type == tensor.Float32 {
				t.Shape = make([]int64, len(o.Shape))
				for i, d := range o.Shape {
					t.Shape[i] = max(d, -d) // an open size is scripted by its negative
				}
				t.F32 = make([]float32, tensor.Len(t.Shape))
			}
		}
	}
	if s.run != nil {
		s.run(given, asked)
	}
	return nil
}

func value(name string, shape ...int64) tensor.Info {
	return tensor.Info{Name: name, Type: tensor.Float32, Shape: shape}
}

// Sizes of the scripted graphs: S, L, K, tokens and channels.
const (
	testS      = 4
	testL      = 24
	testK      = 5
	testTokens = 6
	testC      = 3
)

func textGraph(name string) (string, *scripted) {
	return name, &scripted{
		inputs:  []tensor.Info{{Name: "input_ids", Type: tensor.Int64, Shape: []int64{1, testTokens}}, {Name: "attention_mask", Type: tensor.Int64, Shape: []int64{1, testTokens}}},
		outputs: []tensor.Info{value("text_features", 1, testTokens, testC), {Name: "text_mask", Type: tensor.Bool, Shape: []int64{1, testTokens}}},
		run: func(in, out map[string]*tensor.Tensor) {
			for i, id := range in["input_ids"].I64 {
				out["text_features"].F32[i*testC] = float32(id)
			}
			mask := out["text_mask"]
			mask.Shape, mask.Bool = []int64{1, testTokens}, make([]bool, testTokens)
			for i, a := range in["attention_mask"].I64 {
				mask.Bool[i] = a > 0
			}
		},
	}
}

// picture is what the scripted detectors see.
type picture struct {
	scores []float32
	masks  []frame.Plane32
}

func (p *picture) detect(scores, boxes, masks *tensor.Tensor) {
	for k := range testK {
		scores.F32[k] = -10
		if k < len(p.scores) {
			scores.F32[k] = p.scores[k]
			copy(masks.F32[k*testL*testL:], p.masks[k].Pix)
		}
		copy(boxes.F32[4*k:], []float32{float32(k), 0, 1, 1})
	}
}

// disc returns a mask of L by L logits.
func disc(x, y, r float64) frame.Plane32 {
	p := frame.NewPlane32(testL, testL)
	for i := range p.Pix {
		dx, dy := float64(i%testL)-x, float64(i/testL)-y
		p.Pix[i] = float32(r*r - dx*dx - dy*dy)
	}
	return p
}

// folder is a directory of graphs.
type folder struct {
	dir    string
	graphs map[string]*scripted
}

// newFolder writes the files of a detector: a tokenizer, and an empty file for
// each graph.
func newFolder(t testing.TB, graphs map[string]*scripted, files map[string]string) *folder {
	t.Helper()
	f := &folder{dir: t.TempDir(), graphs: graphs}
	all := map[string]string{
		"vocab.json":              `{"<|startoftext|>":0,"<|endoftext|>":1,"a":2,"a</w>":3,"b":4,"b</w>":5,"?":6}`,
		"merges.txt":              "#version: 0.2\n",
		"special_tokens_map.json": `{"unk_token":"?"}`,
	}
	for name := range graphs {
		all[name] = ""
	}
	maps.Copy(all, files)
	for name, content := range all {
		if err := os.WriteFile(filepath.Join(f.dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (f *folder) load(_ context.Context, path string) (tensor.Model, error) {
	return f.graphs[filepath.Base(path)], nil
}

func (f *folder) open(t testing.TB) *Detector {
	t.Helper()
	d, err := Open(t.Context(), f.dir, f.load)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// drawn reads a mask from text: # is inside.
func drawn(lines ...string) frame.Plane32 {
	p := frame.NewPlane32(len(lines[0]), len(lines))
	for y, row := range lines {
		for x, c := range row {
			p.Pix[y*p.Stride+x] = -1
			if c == '#' {
				p.Pix[y*p.Stride+x] = 1
			}
		}
	}
	return p
}

func randomMask(random *rand.Rand, w, h int) frame.Plane32 {
	p := frame.NewPlane32(w, h)
	for i := range p.Pix {
		p.Pix[i] = float32(random.NormFloat64())
	}
	return p
}
