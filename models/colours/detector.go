package colours

import (
	"fmt"

	"uredit/models/onnxfile"
)

const (
	// smallest is the number of samples below which a surface is not there.
	smallest = 12
	// alone is the share of a colour in a sample's surroundings below which it
	// is a speck.
	alone = 0.12
	// certainty is the logit of a sample that is wholly inside.
	certainty = 10
)

// detector returns the graph that makes one mask for each colour the text
// names, at most queries of them.
func detector(palette []colour) ops {
	g := newGraph("detector")
	full := g.inputMap("det_fpn_0", lowRes, palette)
	half := g.inputMap("det_fpn_1", lowRes/2, palette)
	coarse := g.inputMap("det_fpn_2", grid, palette)
	text := g.Input("text_features", onnxfile.Float32, fmt.Sprint(1, textLength, features(palette)))
	valid := g.Input("text_mask", onnxfile.Bool, fmt.Sprint(1, textLength))

	named, which := g.namedColours(text, valid, palette)
	n := int64(len(palette))
	mask := g.clean(g.gather(g.channels(full, 0, n), which, 1), g.gather(g.channels(coarse, 0, n), which, 1))
	mask = g.reshape(mask, -1, 1, lowRes, lowRes)
	logits := g.matte(mask, g.channels(full, n, n+4), g.channels(half, n, n+4))
	logits = g.reshape(logits, 1, -1, lowRes, lowRes)

	present := g.above(g.reduce("ReduceSum", g.above(logits, 0), 2, 3), smallest)
	scores := g.mul(g.reshape(present, 1, -1), named)
	k := min(queries, len(palette))
	g.Output("scores", onnxfile.Float32, fmt.Sprint(1, k), scores)
	g.Output("boxes", onnxfile.Float32, fmt.Sprint(1, k, 4), g.boxes(logits, scores))
	g.Output("mask_logits", onnxfile.Float32, fmt.Sprint(1, k, lowRes, lowRes), logits)
	return g
}

// namedColours returns which colours the text names: for each query 1 when it
// is in use, and the palette's index [K].
func (g ops) namedColours(text, valid string, palette []colour) (named, which string) {
	n := len(palette)
	perToken := g.mul(g.Op("Slice", text, g.Ints(0), g.Ints(int64(n)), g.Ints(2)),
		g.Op("Unsqueeze", g.float(valid), g.Ints(2)))
	perColour := g.reshape(g.reduce("ReduceMax", perToken, 1), 1, int64(n))
	// Equal values would leave the order to the runtime.
	var order []float32
	for i := range n {
		order = append(order, -float32(i)/1024)
	}
	top := g.OpN("TopK", 2, nil, g.add(perColour, g.Floats([]int64{1, int64(n)}, order...)),
		g.Ints(int64(min(queries, n))))
	return g.above(top[0], 0.5), g.reshape(top[1], -1)
}

// clean removes specks: what no 3 by 3 square fits into goes, and what is
// alone in its surroundings, as the coarse map has them. What touches the rest
// stays, and small holes are filled.
func (g ops) clean(mask, coarse string) string {
	mask = g.above(g.mean(mask, 1), 0.5)
	dense := g.enlarge(g.above(g.mean(coarse, 1), alone), 4)
	kept := g.mul(g.erode(mask, 1), g.above(dense, 0.5))
	for range 3 {
		kept = g.mul(g.dilate(kept, 1), mask)
	}
	return g.erode(g.dilate(kept, 2), 2)
}

// boxes returns x0, y0, x1, y1 of each mask in 0..1; zeros where the score is 0.
func (g ops) boxes(logits, scores string) string {
	inside := g.above(logits, 0)
	var first, last []float32
	for i := range lowRes {
		last = append(last, float32(i+1)/lowRes)
		first = append(first, 1-float32(i)/lowRes)
	}
	edge := func(used string, position []float32, axis int64) string {
		shape := []int64{1, 1, 1, 1}
		shape[axis] = lowRes
		return g.reshape(g.reduce("ReduceMax", g.mul(used, g.Floats(shape, position...)), axis), 1, -1, 1)
	}
	columns, rows := g.reduce("ReduceMax", inside, 2), g.reduce("ReduceMax", inside, 3)
	corners := g.concat(2,
		g.not(edge(columns, first, 3)), g.not(edge(rows, first, 2)),
		edge(columns, last, 3), edge(rows, last, 2))
	return g.mul(corners, g.Op("Unsqueeze", scores, g.Ints(2)))
}

func (g ops) inputMap(name string, size int, palette []colour) string {
	return g.Input(name, onnxfile.Float32, fmt.Sprint(1, features(palette), size, size))
}

func (g ops) outputMap(name, v string, size int, palette []colour) {
	g.Output(name, onnxfile.Float32, fmt.Sprint(1, features(palette), size, size), v)
}
