package starter

import (
	"fmt"
	"math"

	"uredit/models/onnxfile"
	"uredit/models/tflite"
)

const (
	// imageSize is the side of the segmenter's pictures and masks: twice the
	// detector's, so that the edge network sees what the detector cannot.
	imageSize    = 2 * detectorSize
	detectorSize = 320
	// anchors is the number of boxes that the detector looks at.
	anchors = 19206
)

// visionEncoder returns the graph that looks for the classes everywhere: the
// network in detector, a TensorFlow Lite file, with its boxes decoded. The
// picture itself, in 0..1, goes on to what draws the masks.
func visionEncoder(detector []byte) (ops, error) {
	g := ops{onnxfile.NewGraph("vision_encoder")}
	picture := g.Input("pixel_values", onnxfile.Float32, fmt.Sprint(1, 3, imageSize, imageSize))
	small := g.OpAttr("AveragePool", []onnxfile.Attr{
		onnxfile.IntsAttr("kernel_shape", 2, 2), onnxfile.IntsAttr("strides", 2, 2),
	}, picture)
	// Samples of 0..255 stand for (sample-127)/128.
	small = g.sub(g.mul(small, g.Float(255.0/128)), g.Float(127.0/128))
	out, err := tflite.Splice(g.Graph, detector, small)
	if err != nil {
		return ops{}, fmt.Errorf("convert the detector: %w", err)
	}
	if len(out) != 2 {
		return ops{}, fmt.Errorf("convert the detector: it has %d outputs, want scores and boxes", len(out))
	}
	g.Output("class_scores", onnxfile.Float32, fmt.Sprint(1, anchors, classes), out[0])
	g.Output("anchor_boxes", onnxfile.Float32, fmt.Sprint(1, anchors, 4), g.decodeBoxes(out[1]))
	g.Output("picture", onnxfile.Float32, fmt.Sprint(1, 3, imageSize, imageSize), picture)
	return g, nil
}

// decodeBoxes turns the network's answers [1,anchors,4] (y, x, height and width,
// relative to each anchor) into left, top, right, bottom as parts of the picture.
func (g ops) decodeBoxes(relative string) string {
	centre, size := anchorBoxes()
	shape := []int64{1, anchors, 2}
	at := g.add(g.mul(g.slice(relative, 2, 0, 2), g.Floats(shape, size...)), g.Floats(shape, centre...))
	half := g.mul(g.Op("Exp", g.slice(relative, 2, 2, 4)), g.mul(g.Floats(shape, size...), g.Float(0.5)))
	low, high := g.sub(at, half), g.add(at, half)
	return g.gather(g.concat(2, low, high), g.Ints(1, 0, 3, 2), 2)
}

// The layout of EfficientDet's anchors: in each cell of each level three sizes,
// each in three aspect ratios.
const (
	firstLevel  = 3
	lastLevel   = 7
	anchorScale = 3.0
	octaves     = 3
)

var aspects = [...]float64{1, 2, 0.5}

// anchorBoxes returns y, x and height, width of each anchor as parts of the
// picture.
func anchorBoxes() (centre, size []float32) {
	for level := firstLevel; level <= lastLevel; level++ {
		stride := 1 << level
		cells := (detectorSize + stride - 1) / stride
		step := 1 / float64(cells)
		for row := range cells {
			for column := range cells {
				for octave := range octaves {
					base := anchorScale * step * math.Exp2(float64(octave)/octaves)
					for _, aspect := range aspects {
						root := math.Sqrt(aspect)
						centre = append(centre, float32((float64(row)+0.5)*step), float32((float64(column)+0.5)*step))
						size = append(size, float32(base/root), float32(base*root))
					}
				}
			}
		}
	}
	return centre, size
}
