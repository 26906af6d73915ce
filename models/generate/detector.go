package main

import (
	"fmt"

	"uredit/models/onnxfile"
)

// textEncoder returns the graph that says which colours each token names: row
// t of text_features has a 1 in the channel of each.
func textEncoder(palette []colour, v vocabulary) ops {
	g := newGraph("text_encoder")
	ids := g.Input("input_ids", onnxfile.Int64, fmt.Sprint(1, textLength))
	mask := g.Input("attention_mask", onnxfile.Int64, fmt.Sprint(1, textLength))
	width := features(palette)
	table := make([]float32, int64(len(v.tokens))*width)
	for i, c := range palette {
		for _, w := range c.words {
			table[int64(v.word(w))*width+int64(i)] = 1
		}
	}
	embedding := g.Floats([]int64{int64(len(v.tokens)), width}, table...)
	valid := g.OpAttr("Cast", []onnxfile.Attr{onnxfile.IntAttr("to", int64(onnxfile.Bool))}, mask)
	g.Output("text_features", onnxfile.Float32, fmt.Sprint(1, textLength, width), g.gather(embedding, ids, 0))
	g.Output("text_mask", onnxfile.Bool, fmt.Sprint(1, textLength), valid)
	return g
}

const (
	// smallest is the number of samples below which a surface is not there.
	smallest = 12
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
	logits := g.matte(mask, g.channels(full, n, n+3), g.channels(half, n, n+3))

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

// clean removes speckle: what no 3 by 3 square fits into goes, what touches
// such a square stays, and small holes are filled.
func (g ops) clean(mask, coarse string) string {
	_ = coarse
	mask = g.above(g.mean(mask, 1), 0.5)
	kept := g.erode(mask, 1)
	for range 3 {
		kept = g.mul(g.dilate(kept, 1), mask)
	}
	return g.erode(g.dilate(kept, 2), 2)
}

// matte returns the logits of masks [1,K,L,L]. Away from its boundary a mask
// is taken as it is. At the boundary each sample is a mixture of what lies
// inside and outside nearby; its share of the inside is its projection on the
// line between the two means, each channel weighed by how steady it is there.
func (g ops) matte(mask, lab, half string) string {
	inner, outer := g.erode(mask, 2), g.erode(g.not(mask), 2)
	in, inVariance, hasIn := g.statistics(inner, half)
	out, outVariance, hasOut := g.statistics(outer, half)

	difference := g.sub(in, out)
	weight := g.div(difference, g.add(g.add(inVariance, outVariance), g.Float(4e-4)))
	length := g.reduce("ReduceSum", g.mul(weight, difference), 2)
	weight = g.enlargeFive(weight)
	middle := g.enlargeFive(g.mul(g.add(in, out), g.Float(0.5)))
	length = g.enlargeFive(g.max(length, g.Float(1e-6)))
	// share is 0 half way, ±1/2 at the ends.
	share := g.div(g.reduce("ReduceSum", g.mul(weight, g.sub(g.Op("Unsqueeze", lab, g.Ints(1)), middle)), 2), length)
	share = g.clip(g.Op("Squeeze", share, g.Ints(2)), -0.5, 0.5)
	// A straight edge seen through a triangle filter: the distance to it.
	magnitude := g.not(g.Op("Sqrt", g.not(g.mul(g.Op("Abs", share), g.Float(2)))))
	distance := g.mul(g.Op("Sign", share), magnitude)

	plain := g.sub(g.mul(mask, g.Float(2)), g.Float(1))
	known := g.max(g.max(inner, outer), g.not(g.above(g.enlarge(g.mul(hasIn, hasOut), 2), 0.5)))
	return g.mul(g.add(g.mul(known, plain), g.mul(g.not(known), distance)), g.Float(certainty))
}

// statistics returns mean and variance [1,K,3,L/2,L/2] of the colours near each
// sample as far as certain [1,K,L,L] holds, and where there are any [1,K,L/2,L/2].
func (g ops) statistics(certain, half string) (mean, variance, known string) {
	const reach = 4
	whole := g.above(g.shrink(certain, 2), 0.99)
	colours := g.Op("Unsqueeze", half, g.Ints(1))      // [1,1,3,h,w]
	weights := g.Op("Unsqueeze", whole, g.Ints(2))     // [1,K,1,h,w]
	first := g.mul(weights, colours)                   // [1,K,3,h,w]
	second := g.mul(first, colours)                    // [1,K,3,h,w]
	sums := g.concat(2, weights, first, second)        // [1,K,7,h,w]
	flat := g.reshape(sums, 1, -1, lowRes/2, lowRes/2) // [1,K*7,h,w]
	near := g.reshape(g.mean(flat, reach), 1, -1, 7, lowRes/2, lowRes/2)
	part := func(from, to int64) string {
		return g.Op("Slice", near, g.Ints(from), g.Ints(to), g.Ints(2))
	}
	total := g.max(part(0, 1), g.Float(1e-4))
	mean = g.div(part(1, 4), total)
	variance = g.max(g.sub(g.div(part(4, 7), total), g.mul(mean, mean)), g.Float(0))
	return mean, variance, g.Op("Squeeze", g.above(part(0, 1), 0.01), g.Ints(2))
}

// enlargeFive doubles the size of [1,K,c,h,w].
func (g ops) enlargeFive(x string) string {
	shape := g.Op("Shape", x)
	flat := g.enlarge(g.reshape(x, 1, -1, lowRes/2, lowRes/2), 2)
	head := g.Op("Slice", shape, g.Ints(0), g.Ints(3))
	return g.Op("Reshape", flat, g.concat(0, head, g.Ints(lowRes, lowRes)))
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
