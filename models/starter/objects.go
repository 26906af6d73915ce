package starter

import (
	"fmt"
	"slices"

	"uredit/models/onnxfile"
	"uredit/models/tflite"
)

// objects returns scores, boxes and logits of what the nouns [things,classes]
// name, as far as it has one of the colours [things,colours] that stand before
// them. Without any it returns one mask without a sample, of score 0.
func (g *detectorGraph) objects(picture, scores, boxes, nouns, colours, names string) []string {
	// The best boxes of any noun, then of each thing the best that are apart.
	best := g.reshape(g.largest(g.mul(scores, g.reshape(g.largest(nouns, 0), 1, 1, classes)), 2), anchors)
	where := g.OpN("TopK", 2, nil, best, g.Ints(candidates))[1]
	boxes = g.clip(g.gather(g.reshape(boxes, anchors, 4), where, 0), 0, 1)
	scores = g.gather(g.reshape(scores, anchors, classes), where, 0)
	ofThing := g.largest(g.mul(g.unsqueeze(scores, 0), g.unsqueeze(nouns, 1)), 2)
	ofThing = g.reshape(ofThing, 1, things, candidates)
	chosen := g.Op("NonMaxSuppression", g.unsqueeze(boxes, 0), ofThing,
		g.Ints(perThing), g.Floats([]int64{1}, overlap), g.Floats([]int64{1}, leastScore)) // [K,3]
	found := g.Op("Greater", g.Op("Squeeze", g.slice(g.Op("Shape", chosen), 0, 0, 1)), g.Int64s(nil, 0))

	return g.choose("objects", found, foundShapes,
		func(b ops) []string {
			thing := b.reshape(b.slice(chosen, 1, 1, 2), -1)
			candidate := b.reshape(b.slice(chosen, 1, 2, 3), -1)
			box := b.gather(boxes, candidate, 0) // [K,4]
			score := b.gather(b.reshape(ofThing, -1),
				b.add(b.mul(thing, b.Int64s(nil, candidates)), candidate), 0)
			share := g.share(b, picture, box, b.gather(g.kindsOf(b, nouns), thing, 0)) // [K,1,S,S]
			score = b.mul(score, b.inColour(share, names, b.gather(colours, thing, 0), len(g.lexicon.colours)))
			logits := b.mul(b.sub(share, b.Float(0.5)), b.Float(2*steepness))
			return []string{b.unsqueeze(score, 0), b.unsqueeze(box, 0), b.reshape(logits, 1, -1, imageSize, imageSize)}
		},
		func(b ops) []string {
			nothing := b.OpAttr("ConstantOfShape", nil, b.Ints(1, 1, imageSize, imageSize))
			return []string{
				b.Floats([]int64{1, 1}, 0), b.Floats([]int64{1, 1, 4}, 0, 0, 0, 0), b.sub(nothing, b.Float(steepness)),
			}
		})
}

// share returns how much of each sample belongs to the object in each of the
// boxes [K,4], of kinds [K,21]: what two networks say of the box with a margin,
// put back where the box is.
func (g *detectorGraph) share(b ops, picture, box, kinds string) string {
	low, high := b.slice(box, 1, 0, 2), b.slice(box, 1, 2, 4)
	around := b.mul(b.sub(high, low), b.Float(margin))
	low, high = b.clip(b.sub(low, around), 0, 1), b.clip(b.add(high, around), 0, 1)
	around = b.concat(1, low, high)
	inside := b.mul(g.insideShare(b, b.crop(picture, around, kindSize), kinds), b.within(around, box))
	share := b.Op("Max", g.edgeShare(b, b.crop(picture, around, edgeSize)), inside)

	var at []float32
	for i := range imageSize {
		at = append(at, (float32(i)+0.5)/imageSize)
	}
	along := func(axis int64, shape ...int64) string { // -1..1 over the box
		low, size := b.slice(low, 1, axis, axis+1), b.sub(b.slice(high, 1, axis, axis+1), b.slice(low, 1, axis, axis+1))
		low, size = b.unsqueeze(low, 2, 3), b.unsqueeze(b.Op("Max", size, b.Float(1e-3)), 2, 3)
		x := b.div(b.sub(b.Floats(shape, at...), low), size)
		x = b.sub(b.mul(x, b.Float(2)), b.Float(1))
		return b.Op("Expand", x, b.Ints(1, imageSize, imageSize, 1))
	}
	grid := b.concat(3, along(0, 1, 1, imageSize, 1), along(1, 1, imageSize, 1, 1))
	return b.OpAttr("GridSample", []onnxfile.Attr{
		onnxfile.StringAttr("mode", "bilinear"), onnxfile.StringAttr("padding_mode", "zeros"),
		onnxfile.IntAttr("align_corners", 0),
	}, share, grid)
}

// crop returns the boxes [K,4] of a picture, each stretched to side by side
// samples.
func (g ops) crop(picture, boxes string, side int64) string {
	first := g.reshape(g.slice(boxes, 1, 0, 1), -1)
	return g.OpAttr("RoiAlign", []onnxfile.Attr{
		onnxfile.IntAttr("output_height", side), onnxfile.IntAttr("output_width", side),
		onnxfile.IntAttr("sampling_ratio", 0), onnxfile.StringAttr("mode", "avg"),
		onnxfile.StringAttr("coordinate_transformation_mode", "half_pixel"),
	}, picture, g.mul(boxes, g.Float(imageSize)), g.integer(g.mul(first, g.Float(0))))
}

// within returns 1 for each sample of crops, edgeSize by edgeSize samples of the
// boxes around, that lies in box, else 0: [K,1,edgeSize,edgeSize].
func (g ops) within(around, box string) string {
	var at []float32
	for i := range edgeSize {
		at = append(at, (float32(i)+0.5)/edgeSize)
	}
	along := func(axis int64, shape ...int64) string {
		side := func(x string, from int64) string { return g.unsqueeze(g.slice(x, 1, from, from+1), 2, 3) }
		low, high := side(around, axis), side(around, axis+2)
		x := g.add(low, g.mul(g.sub(high, low), g.Floats(shape, at...)))
		return g.mul(g.above(g.sub(x, side(box, axis)), 0), g.above(g.sub(side(box, axis+2), x), 0))
	}
	return g.mul(along(0, 1, 1, 1, edgeSize), along(1, 1, 1, edgeSize, 1))
}

// edgeShare returns the edge network's answer to crops, stretched to 0..1:
// exact where the object ends, and sometimes without a part of it.
func (g *detectorGraph) edgeShare(b ops, crops string) string {
	colour := []int64{1, 3, 1, 1}
	crops = b.div(b.sub(crops, b.Floats(colour, 0.485, 0.456, 0.406)), b.Floats(colour, 0.229, 0.224, 0.225))
	answer := g.splice(b, g.edges, "edges.", map[string]string{"input.1": crops}, "1959")[0]
	least := b.smallest(answer, 2, 3)
	return b.div(b.sub(answer, least), b.Op("Max", b.sub(b.largest(answer, 2, 3), least), b.Float(1e-3)))
}

// insideShare returns how sure the network of kinds is that samples are of the
// kinds [K,21], away from the borders, which it has in coarse steps only.
func (g *detectorGraph) insideShare(b ops, crops, kinds string) string {
	answer, err := tflite.Splice(b.Graph, g.kinds, b.sub(b.mul(crops, b.Float(2)), b.Float(1)))
	if err == nil && len(answer) != 1 {
		err = fmt.Errorf("it has %d outputs, want 1", len(answer))
	}
	if err != nil {
		g.fail(fmt.Errorf("convert the network of kinds: %w", err))
		return crops
	}
	each := b.OpAttr("Softmax", []onnxfile.Attr{onnxfile.IntAttr("axis", 1)}, answer[0])
	share := b.sum(b.mul(each, b.unsqueeze(kinds, 2, 3)), 1)
	const reach = 4
	inner := b.Op("Neg", b.OpAttr("MaxPool", []onnxfile.Attr{
		onnxfile.IntsAttr("kernel_shape", 2*reach+1, 2*reach+1), onnxfile.IntsAttr("pads", reach, reach, reach, reach),
	}, b.Op("Neg", share)))
	return b.resize(inner, 1, edgeSize)
}

// kindsOf returns the kinds of what nouns [things,classes] name: [things,21].
func (g *detectorGraph) kindsOf(b ops, nouns string) string {
	table := make([]float32, classes*len(kindNames))
	for _, n := range g.lexicon.Nouns {
		if k := slices.Index(kindNames[:], n.Name); k >= 0 {
			table[n.Class*len(kindNames)+k] = 1
		}
	}
	return b.clip(b.Op("MatMul", nouns, b.Floats([]int64{classes, int64(len(kindNames))}, table...)), 0, 1)
}

// kindNames are the kinds that the network tells apart, the first for all else.
var kindNames = [...]string{
	"", "airplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "dining table", "dog", "horse",
	"motorcycle", "person", "potted plant", "sheep", "couch", "train", "tv",
}

// inColour returns 1 for each object of share [K,1,S,S] that has the colours of
// its thing [K,colours] or whose thing has none, else 0.
func (g ops) inColour(share, names, colours string, n int) string {
	side := g.slice(g.Op("Shape", names), 0, 2, 4)
	sizes := g.concat(0, g.slice(g.Op("Shape", share), 0, 0, 1), g.Ints(1), side)
	inside := g.above(g.OpAttr("Resize", []onnxfile.Attr{
		onnxfile.StringAttr("mode", "linear"),
		onnxfile.StringAttr("coordinate_transformation_mode", "half_pixel"),
	}, share, "", "", sizes), 0.5)
	flat := g.OpAttr("Flatten", nil, inside)                                                                  // [K,samples]
	each := g.OpAttr("Flatten", []onnxfile.Attr{onnxfile.IntAttr("axis", 2)}, g.slice(names, 1, 0, int64(n))) // [colours,samples]
	area := g.Op("MatMul", flat, g.transpose(each, 1, 0))                                                     // [K,colours]
	own := g.div(g.sum(g.mul(area, colours), 1), g.Op("Max", g.sum(flat, 1), g.Float(1)))
	has := g.Op("Max", g.above(own, ownColour), g.not(g.largest(colours, 1)))
	return g.reshape(has, -1)
}
