package starter

import (
	"os"
	"slices"
	"testing"

	"uredit/models/onnxfile"
	"uredit/pipeline/onnx/onnxtest"
	"uredit/pipeline/tensor"
)

// brightness is an edge network for tests: bright is inside.
func brightness() []byte {
	g := ops{onnxfile.NewGraph("brightness")}
	x := g.Input("input.1", onnxfile.Float32, "n 3 h w")
	mean := g.OpAttr("ReduceMean", []onnxfile.Attr{onnxfile.IntsAttr("axes", 1)}, x)
	g.Output("1959", onnxfile.Float32, "n 1 h w", g.Op("Sigmoid", mean))
	return g.Marshal(nil)
}

// scene is what the detector's graph sees: a dark picture with squares.
type scene struct {
	scores, boxes, picture []float32
	next                   int // anchor
}

func newScene() *scene {
	return &scene{
		scores: make([]float32, anchors*classes), boxes: make([]float32, anchors*4),
		picture: make([]float32, 3*imageSize*imageSize),
	}
}

// square paints a square at x, y of a side, in samples, that has a score.
func (s *scene) square(class int, score float32, colour [3]float32, x, y, side int) {
	for c, v := range colour {
		for row := y; row < y+side; row++ {
			for column := x; column < x+side; column++ {
				s.picture[(c*imageSize+row)*imageSize+column] = v
			}
		}
	}
	s.scores[s.next*classes+class] = score
	for i, v := range []int{x - side/4, y - side/4, x + side + side/4, y + side + side/4} {
		s.boxes[s.next*4+i] = float32(v) / imageSize
	}
	s.next++
}

// ask runs the detector's graph for things.
func (s *scene) ask(t *testing.T, x *lexicon, graph []byte, named [][]string) (scores, masks []float32) {
	t.Helper()
	width := int(featureCount(x))
	features := make([]float32, textLength*width)
	for r, names := range named {
		for _, name := range names {
			features[r*width+x.channel(name)] = 1
		}
	}
	out := onnxtest.Run(t, graph, []*tensor.Tensor{
		{Name: "class_scores", Shape: []int64{1, anchors, classes}, F32: s.scores},
		{Name: "anchor_boxes", Shape: []int64{1, anchors, 4}, F32: s.boxes},
		{Name: "picture", Shape: []int64{1, 3, imageSize, imageSize}, F32: s.picture},
		{Name: "text_features", Shape: []int64{1, textLength, int64(width)}, F32: features},
	}, "scores", "boxes", "mask_logits")
	return out[0].F32, out[2].F32
}

// found returns, in order, the centre of the mask of each result above the least
// score.
func found(scores, masks []float32) (centres [][2]int) {
	for k, score := range scores {
		if score < leastScore {
			continue
		}
		n, sumX, sumY := 0, 0, 0
		for i, v := range masks[k*imageSize*imageSize : (k+1)*imageSize*imageSize] {
			if v > 0 {
				n, sumX, sumY = n+1, sumX+i%imageSize, sumY+i/imageSize
			}
		}
		if n == 0 {
			n = -1
		}
		centres = append(centres, [2]int{sumX / n, sumY / n})
	}
	slices.SortFunc(centres, func(a, b [2]int) int { return a[0] - b[0] })
	return centres
}

// testGraph returns the detector's graph with networks that tests understand:
// what is bright is inside, what is blue is a dog.
func testGraph(t *testing.T, x *lexicon) []byte {
	t.Helper()
	kinds, err := os.ReadFile("testdata/kinds.tflite")
	if err != nil {
		t.Fatal(err)
	}
	g, err := detector(x, sources{
		networks: networks{edges: brightness(), kinds: kinds},
		colours:  builtinFile(t, "sam3/vision_encoder.onnx"), surfaces: builtinFile(t, "sam3/detector.onnx"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return g.Marshal(nil)
}

// TestKindsFill: what the edge network leaves out and the network of kinds knows
// belongs to the mask, of a thing of that kind only.
func TestKindsFill(t *testing.T) {
	x := testLexicon(t)
	graph := testGraph(t, x)
	for name, want := range map[string][2]int{"dog": {199, 199}, "car": {149, 199}} {
		s := newScene()
		s.square(x.channel(name), 0.9, [3]float32{0, 0, 1}, 200, 150, 100)
		s.square(x.channel(name), 0, [3]float32{1, 1, 1}, 100, 150, 100)
		// Blue to the box's end and beyond, where it does not count.
		s.square(x.channel(name), 0, [3]float32{0, 0, 1}, 300, 150, 100)
		s.boxes[0], s.boxes[2] = 75.0/imageSize, 300.0/imageSize
		got := found(s.ask(t, x, graph, [][]string{{name}}))
		if len(got) != 1 || max(got[0][0]-want[0], want[0]-got[0][0]) > 4 {
			t.Errorf("%s: masks around %v, want %v", name, got, want)
		}
	}
}

func TestDetector(t *testing.T) {
	x := testLexicon(t)
	graph := testGraph(t, x)
	dog, car := x.channel("dog"), x.channel("car")
	s := newScene()
	red, white := [3]float32{0.85, 0.15, 0.15}, [3]float32{1, 1, 1}
	s.square(dog, 0.9, white, 80, 100, 80)
	s.square(dog, 0.6, white, 400, 100, 80)
	s.square(dog, 0.2, white, 240, 500, 40) // too unlikely
	s.square(car, 0.8, red, 80, 400, 100)
	s.square(car, 0.7, white, 400, 400, 100)
	for name, c := range map[string]struct {
		named [][]string
		want  [][2]int
	}{
		"each instance": {[][]string{{"dog"}}, [][2]int{{119, 139}, {439, 139}}},
		"several":       {[][]string{{"dog"}, {"car"}}, [][2]int{{119, 139}, {129, 449}, {439, 139}, {449, 449}}},
		"of a colour":   {[][]string{{"red", "car"}}, [][2]int{{129, 449}}},
		"colour alone":  {[][]string{{"red"}}, [][2]int{{129, 449}}},
		"mixed":         {[][]string{{"red"}, {"dog"}}, [][2]int{{119, 139}, {129, 449}, {439, 139}}},
		"absent":        {[][]string{{"bus"}}, nil},
		"nothing":       {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := found(s.ask(t, x, graph, c.named))
			if !slices.EqualFunc(got, c.want, func(a, b [2]int) bool {
				return max(a[0]-b[0], b[0]-a[0], a[1]-b[1], b[1]-a[1]) <= 2
			}) {
				t.Errorf("masks around %v, want %v", got, c.want)
			}
		})
	}
}
