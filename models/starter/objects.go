package starter

import (
	"uredit/models/onnxfile"
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
			share := g.edgeShare(b, picture, box) // [K,1,S,S]
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

// edgeShare returns how much of each sample belongs to the object in each of the
// boxes [K,4]: the edge network's answer to the box with a margin, put back
// where the box is.
func (g *detectorGraph) edgeShare(b ops, picture, box string) string {
	low, high := b.slice(box, 1, 0, 2), b.slice(box, 1, 2, 4)
	around := b.mul(b.sub(high, low), b.Float(margin))
	low, high = b.clip(b.sub(low, around), 0, 1), b.clip(b.add(high, around), 0, 1)

	rois := b.mul(b.concat(1, low, high), b.Float(imageSize))
	zeros := b.OpAttr("Cast", []onnxfile.Attr{onnxfile.IntAttr("to", int64(onnxfile.Int64))},
		b.mul(b.reshape(b.slice(low, 1, 0, 1), -1), b.Float(0)))
	crops := b.OpAttr("RoiAlign", []onnxfile.Attr{
		onnxfile.IntAttr("output_height", edgeSize), onnxfile.IntAttr("output_width", edgeSize),
		onnxfile.IntAttr("sampling_ratio", 0), onnxfile.StringAttr("mode", "avg"),
		onnxfile.StringAttr("coordinate_transformation_mode", "half_pixel"),
	}, picture, rois, zeros)
	colour := []int64{1, 3, 1, 1}
	crops = b.div(b.sub(crops, b.Floats(colour, 0.485, 0.456, 0.406)), b.Floats(colour, 0.229, 0.224, 0.225))
	answer := g.splice(b, g.edges, "edges.", map[string]string{"input.1": crops}, "1959")[0]
	least := b.smallest(answer, 2, 3)
	answer = b.div(b.sub(answer, least), b.Op("Max", b.sub(b.largest(answer, 2, 3), least), b.Float(1e-3)))

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
	}, answer, grid)
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
