package starter

import (
	"fmt"

	"uredit/models/onnxfile"
)

const (
	things     = 8   // of one prompt, that separators divide; more are not looked for
	candidates = 256 // best boxes of a picture that are looked at closer
	perThing   = 16  // boxes of one thing that remain
	leastScore = 0.35
	overlap    = 0.5 // of two boxes of one thing, from which on they are one

	// margin is how much of a box the edge network sees around it.
	margin = 0.1
	// edgeSize is the side of the edge network's pictures.
	edgeSize = 320
	// kindSize is the same of the network of kinds.
	kindSize = 257
	// steepness is the logit of a sample that is wholly inside.
	steepness = 10
	// ownColour is the part of a thing that must have a colour for the thing to
	// be called by it.
	ownColour = 0.25
	// colourSize is the side of the pictures in which colours are named.
	colourSize = 288
	// colourQueries is how many colours a prompt may name alone.
	colourQueries = 4
)

// networks are the trained networks, as they are packaged.
type networks struct {
	detector []byte // boxes of 80 nouns, TensorFlow Lite
	kinds    []byte // what each sample is, of 21 kinds, TensorFlow Lite
	edges    []byte // one object's edges, ONNX
	styles   []byte // 26 styles of paintings, ONNX
}

// sources are the graphs that are put together.
type sources struct {
	networks
	colours  []byte // names each sample's colour, ONNX: the built-in bundle's vision_encoder
	surfaces []byte // masks of colours, ONNX: the built-in bundle's detector
}

// detectorGraph is the graph under construction that draws masks.
type detectorGraph struct {
	ops
	sources
	lexicon *lexicon
	err     error // the first
}

// detector returns the graph that draws a mask for each thing found.
func detector(x *lexicon, s sources) (ops, error) {
	g := &detectorGraph{ops: ops{onnxfile.NewGraph("detector")}, sources: s, lexicon: x}
	n := int64(len(x.colours))
	scores := g.Input("class_scores", onnxfile.Float32, fmt.Sprint(1, anchors, classes))
	boxes := g.Input("anchor_boxes", onnxfile.Float32, fmt.Sprint(1, anchors, 4))
	picture := g.Input("picture", onnxfile.Float32, fmt.Sprint(1, 3, imageSize, imageSize))
	text := g.Input("text_features", onnxfile.Float32, fmt.Sprint(1, textLength, featureCount(x)))

	rows := g.reshape(g.slice(text, 1, 0, things), things, featureCount(x))
	nouns, colours := g.slice(rows, 1, 0, classes), g.slice(rows, 1, classes, classes+n)
	maps := g.colourMaps(picture, g.any(colours))
	objects := g.objects(picture, scores, boxes, nouns, colours, maps[0])
	alone := g.mul(colours, g.not(g.largest(nouns, 1)))
	surfaces := g.surfaces(alone, maps)

	join := func(i int) string { return g.concat(1, objects[i], surfaces[i]) }
	g.Output("scores", onnxfile.Float32, "1 found", join(0))
	g.Output("boxes", onnxfile.Float32, "1 found 4", join(1))
	g.Output("mask_logits", onnxfile.Float32, fmt.Sprint("1 found ", imageSize, " ", imageSize), join(2))
	return g.ops, g.err
}

// any returns whether a matrix has a value above 0, a scalar bool.
func (g *detectorGraph) any(x string) string {
	return g.Op("Greater", g.Op("Squeeze", g.largest(x, 0, 1)), g.Float(0))
}

// splice puts a graph of others into b.
func (g *detectorGraph) splice(b ops, data []byte, prefix string, in map[string]string, wanted ...string) []string {
	out, err := b.Splice(data, prefix, in, wanted...)
	if err != nil {
		g.fail(err)
		return make([]string, len(wanted))
	}
	return out
}

// fail keeps the first error.
func (g *detectorGraph) fail(err error) {
	if g.err == nil {
		g.err = err
	}
}

var mapNames = []string{"det_fpn_0", "det_fpn_1", "det_fpn_2"}

// colourMaps names the colours of a picture where the prompt names any: what the
// built-in bundle's vision_encoder gives, at full, half and quarter size.
func (g *detectorGraph) colourMaps(picture, wanted string) []string {
	channels := len(g.lexicon.colours) + 4
	shape := fmt.Sprint("1 ", channels, " rows columns")
	return g.choose("colours", wanted, []string{shape, shape, shape},
		func(b ops) []string {
			small := b.resize(picture, 3, colourSize)
			small = b.sub(b.mul(small, b.Float(2)), b.Float(1))
			return g.splice(b, g.colours, "colours.", map[string]string{"pixel_values": small}, mapNames...)
		},
		func(b ops) []string {
			none := b.Floats([]int64{1, int64(channels), 1, 1}, make([]float32, channels)...)
			return []string{none, none, none}
		})
}

var foundShapes = []string{"1 n", "1 n 4", fmt.Sprint("1 n ", imageSize, " ", imageSize)}

// surfaces returns scores, boxes and logits of the surfaces that have one of the
// colours which stand alone [things,colours].
func (g *detectorGraph) surfaces(alone string, maps []string) []string {
	n := int64(len(g.lexicon.colours))
	return g.choose("surfaces", g.any(alone), foundShapes,
		func(b ops) []string {
			words := b.concat(1, b.reshape(alone, 1, things, n),
				b.Floats([]int64{1, textLength - things, n}, make([]float32, (textLength-things)*n)...))
			words = b.concat(2, words, b.Floats([]int64{1, textLength, 4}, make([]float32, textLength*4)...))
			in := map[string]string{
				"text_features": words,
				"text_mask":     b.Op("Greater", b.Floats([]int64{1, textLength}, ones(textLength)...), b.Float(0)),
			}
			for i, name := range mapNames {
				in[name] = maps[i]
			}
			out := g.splice(b, g.sources.surfaces, "surfaces.", in, "scores", "boxes", "mask_logits")
			out[2] = b.resize(out[2], colourQueries, imageSize)
			return out
		},
		func(b ops) []string {
			return []string{
				b.Floats([]int64{1, 0}), b.Floats([]int64{1, 0, 4}), b.Floats([]int64{1, 0, imageSize, imageSize}),
			}
		})
}

func ones(n int) []float32 {
	list := make([]float32, n)
	for i := range list {
		list[i] = 1
	}
	return list
}
