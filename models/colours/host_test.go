package colours

import (
	"math"
	"path/filepath"
	"testing"

	"uredit/models"
	"uredit/pipeline/frame"
	"uredit/pipeline/onnx/onnxtest"
	"uredit/pipeline/pipelinetest"
	"uredit/pipeline/tensor"
	"uredit/pipeline/text"
)

// host runs a bundle's graphs as plainly as can be.
type host struct {
	dir  string
	load tensor.Loader
	tok  *text.Tokenizer
}

// newHost writes the palette's bundle and opens the processor.
func newHost(t testing.TB, palette []colour) *host {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bundle")
	if err := models.Write(dir, testBundle(t, palette)); err != nil {
		t.Fatal(err)
	}
	tok, err := text.Load(filepath.Join(dir, "sam3"))
	if err != nil {
		t.Fatal(err)
	}
	return &host{dir, onnxtest.Device(t).Load, tok}
}

// run runs one graph and returns the outputs asked for, in order.
func (h *host) run(t testing.TB, graph string, in []*tensor.Tensor, names ...string) []*tensor.Tensor {
	t.Helper()
	m, err := h.load(t.Context(), filepath.Join(h.dir, graph))
	if err != nil {
		t.Fatal(err)
	}
	var out []*tensor.Tensor
	for _, n := range names {
		out = append(out, &tensor.Tensor{Name: n})
	}
	if err := m.Run(t.Context(), in, out); err != nil {
		t.Fatalf("%s: %v", graph, err)
	}
	return out
}

func floats(name string, v []float32, shape ...int64) *tensor.Tensor {
	return &tensor.Tensor{Name: name, Shape: shape, F32: v}
}

// see runs the vision encoder on a picture of packed RGB in 0..1.
func (h *host) see(t testing.TB, picture []float64, width, height int) []*tensor.Tensor {
	t.Helper()
	small := stretch(picture, width, height)
	return h.run(t, "sam3/vision_encoder.onnx",
		[]*tensor.Tensor{floats("pixel_values", small, 1, 3, imageSize, imageSize)}, "det_fpn_0", "det_fpn_1", "det_fpn_2")
}

// find runs the text encoder and the detector: scores, boxes, mask_logits.
func (h *host) find(t testing.TB, maps []*tensor.Tensor, prompt string) []*tensor.Tensor {
	t.Helper()
	ids, attention, _ := h.tok.Encode(prompt, textLength)
	words := h.run(t, "sam3/text_encoder.onnx", []*tensor.Tensor{
		{Name: "input_ids", Shape: []int64{1, textLength}, I64: ids},
		{Name: "attention_mask", Shape: []int64{1, textLength}, I64: attention},
	}, "text_features", "text_mask")
	return h.run(t, "sam3/detector.onnx", append(words, maps...), "scores", "boxes", "mask_logits")
}

// stretch resizes packed RGB to imageSize each way with an antialiased
// triangle filter and returns planes in -1..1, as sam3.json asks for.
func stretch(picture []float64, width, height int) []float32 {
	columns, rows := triangle(width), triangle(height)
	narrow := make([]float64, imageSize*height*3)
	for y := range height {
		for x, taps := range columns {
			for _, tap := range taps {
				for k := range 3 {
					narrow[(y*imageSize+x)*3+k] += tap.weight * picture[(y*width+tap.at)*3+k]
				}
			}
		}
	}
	out := make([]float32, 3*imageSize*imageSize)
	for y, taps := range rows {
		for x := range imageSize {
			for k := range 3 {
				var v float64
				for _, tap := range taps {
					v += tap.weight * narrow[(tap.at*imageSize+x)*3+k]
				}
				out[(k*imageSize+y)*imageSize+x] = float32(2*math.Round(255*v)/255 - 1)
			}
		}
	}
	return out
}

type tap struct {
	at     int
	weight float64
}

// triangle returns what each of imageSize samples takes from n samples.
func triangle(n int) [][]tap {
	scale := float64(n) / imageSize
	reach := max(scale, 1)
	all := make([][]tap, imageSize)
	for i := range all {
		center := (float64(i) + 0.5) * scale
		total := 0.0
		for at := max(0, int(center-reach)); at < min(n, int(center+reach)+1); at++ {
			if w := 1 - math.Abs(float64(at)+0.5-center)/reach; w > 0 {
				all[i] = append(all[i], tap{at, w})
				total += w
			}
		}
		for j := range all[i] {
			all[i][j].weight /= total
		}
	}
	return all
}

// overlap enlarges query k of logits bilinearly to the mask's size, takes what
// is above 0, and returns intersection over union.
func overlap(logits *tensor.Tensor, k int, mask frame.Plane) float64 {
	l := logits.F32[k*lowRes*lowRes:][:lowRes*lowRes]
	at := func(i, n int) (int, int, float32) {
		v := min(max((float64(i)+0.5)*lowRes/float64(n)-0.5, 0), lowRes-1)
		return int(v), min(int(v)+1, lowRes-1), float32(v - math.Floor(v))
	}
	both, either := 0, 0
	for y := range mask.Height {
		top, bottom, down := at(y, mask.Height)
		for x, m := range mask.Row(y) {
			left, right, along := at(x, mask.Width)
			upper := l[top*lowRes+left]*(1-along) + l[top*lowRes+right]*along
			lower := l[bottom*lowRes+left]*(1-along) + l[bottom*lowRes+right]*along
			in := upper*(1-down)+lower*down > 0
			if in && m > 0 {
				both++
			}
			if in || m > 0 {
				either++
			}
		}
	}
	return float64(both) / float64(max(either, 1))
}

// draw returns frame 0 of a clip as packed RGB in 0..1, after the way through
// 4:2:0, and the mask of each ball.
func draw(c pipelinetest.Clip) (picture []float64, masks []frame.Plane) {
	f := frame.New(c.Width, c.Height)
	for range c.Balls {
		masks = append(masks, frame.NewPlane(c.Width, c.Height))
	}
	c.Draw(f, 0, masks...)
	for y := range c.Height {
		for x := range c.Width {
			for _, v := range pipelinetest.ToRGB(f, x, y) {
				picture = append(picture, min(max(v/255, 0), 1))
			}
		}
	}
	return picture, masks
}
