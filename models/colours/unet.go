package colours

import (
	"fmt"

	"uredit/models/onnxfile"
)

// unet returns the graph that knows the clean latents and answers with the
// exact noise: with x the noisy latents in sigma's space and x0 the clean ones,
// (x-x0)/sigma. So any scheduler that is right arrives at x0, in any number of
// steps, from any noise.
func (e editor) unet() ops {
	g := newGraph("unet")
	n := int64(e.latents())
	sample := g.Input("sample", onnxfile.Float32, fmt.Sprint("batch ", 2*n, " height width"))
	step := g.Input("timestep", onnxfile.Float32, "")
	text := g.Input("encoder_hidden_states", onnxfile.Float32, fmt.Sprint("batch ", promptLength, " ", e.width()))

	sigma := g.sigma(step)
	noisy := g.mul(g.channels(sample, 0, n), g.Op("Sqrt", g.add(g.mul(sigma, sigma), g.Float(1))))
	clean := g.mul(e.cleanLatents(g, g.channels(sample, n, 2*n), text), g.Float(scalingFactor))
	g.Output("out_sample", onnxfile.Float32, fmt.Sprint("batch ", n, " height width"),
		g.div(g.sub(noisy, clean), sigma))
	return g
}

// sigma interpolates the table of noise at a step between 0 and 999.
func (g ops) sigma(step string) string {
	table := g.Floats([]int64{trainSteps}, sigmas()...)
	step = g.clip(step, 0, trainSteps-1)
	below := g.Op("Floor", step)
	low := g.gather(table, g.integer(below), 0)
	high := g.gather(table, g.integer(g.Op("Ceil", step)), 0)
	return g.add(low, g.mul(g.sub(high, low), g.sub(step, below)))
}

// cleanLatents returns the unscaled clean latents of each row: zero for a row
// without a picture, the picture I for one without words, and otherwise the
// target that guidance at the default scales turns into the repaint D:
// I + (D - imageScale*I)/textScale.
func (e editor) cleanLatents(g ops, image, text string) string {
	repaint := g.repaint(e.cells(g, image), g.lastWord(text, isColour, 1, e.width()), e.detail)
	if e.finish.Channels > 0 {
		repaint = g.concat(1, repaint, e.finishLatents(g, image, text))
	}
	pull := g.mul(g.sub(repaint, g.mul(image, g.Float(imageScale))), g.Float(1/textScale))
	words := g.Op("Unsqueeze", g.reduce("ReduceMax", g.textChannel(text, isWord), 1), g.Ints(3)) // [B,1,1,1]
	return g.add(image, g.mul(pull, g.mul(words, g.hasPicture(image))))
}

// cells returns the latents of image without those of the finish.
func (e editor) cells(g ops, image string) string {
	if e.finish.Channels == 0 {
		return image
	}
	return g.channels(image, 0, latents)
}

// finishLatents returns the vector of the word that asks for a finish, as
// constant channels.
func (e editor) finishLatents(g ops, image, text string) string {
	word := g.lastWord(text, paintWidth, genericWeight, e.width())
	// A picture has zeros there: the sum only spreads the vector.
	return g.add(g.channels(image, latents, int64(e.latents())),
		g.channels(word, paintWidth+1, int64(e.width())))
}

// surroundings is how far a repaint looks for what detail stands out from, in
// cells.
const surroundings = 12

// detail returns how much lighter each luma sample is than the mean around its
// cell, times slope; "" for no slope.
func (g ops) detail(luma string, slope float32) string {
	if slope == 0 {
		return ""
	}
	// Twice, so that no edge of the window shows.
	mean := g.mean(g.mean(g.reduce("ReduceMean", luma, 1), surroundings), surroundings)
	return g.mul(g.sub(luma, mean), g.Float(slope))
}

// hasPicture returns 0 for rows that are zero everywhere, else 1: [B,1,1,1].
func (g ops) hasPicture(image string) string {
	return g.above(g.reduce("ReduceMax", g.Op("Abs", image), 1, 2, 3), 0)
}

// lastWord returns the embedding of the last token that has a weight above 0 in
// a channel, [B,width,1,1]; zeros where there is none. A heavier token counts
// before a later one if it is heavier by more than the prompt is long. least is
// the least weight.
func (g ops) lastWord(text string, channel int64, least float32, width int) string {
	var order []float32
	for i := range promptLength {
		order = append(order, float32(i+1))
	}
	place := g.mul(g.textChannel(text, channel), g.Floats([]int64{1, promptLength, 1}, order...)) // [B,T,1]
	last := g.max(g.reduce("ReduceMax", place, 1), g.Float(least))
	chosen := g.float(g.Op("Equal", place, last))
	return g.Op("Unsqueeze", g.reshape(g.reduce("ReduceSum", g.mul(text, chosen), 1), -1, int64(width)), g.Ints(2, 3))
}

// textChannel returns one channel of the embeddings: [B,T,1].
func (g ops) textChannel(text string, c int64) string {
	return g.Op("Slice", text, g.Ints(c), g.Ints(c+1), g.Ints(2))
}

// repaint returns the picture in a colour, cell by cell, as paint describes
// it; without a colour the picture itself. detail is the slope with which it
// keeps what is lighter or darker than its surroundings, beside the slope of the
// tone curve.
func (g ops) repaint(image, colour string, detail float32) string {
	value := func(c int64) string { return g.channels(colour, c, c+1) }
	half := g.Float(0.5)
	luma := g.add(g.mul(g.channels(image, 0, 4), half), half)
	from := g.sub(luma, half)
	zero := g.Float(0)
	target := g.clip(value(paintLuma), 0.01, 0.99)
	around := g.detail(luma, detail)
	luma = g.add(target, g.add(
		g.mul(value(paintBelow), g.min(from, zero)), g.mul(value(paintAbove), g.max(from, zero))))
	if around != "" {
		luma = g.add(luma, around)
	}
	luma = g.clip(luma, 0, 1)

	mean := g.reduce("ReduceMean", luma, 1)
	strength := g.min(g.div(mean, target), g.div(g.not(mean), g.not(target)))
	chroma := g.mul(g.channels(colour, paintCb, paintCr+1), strength)
	painted := g.concat(1, g.sub(g.mul(luma, g.Float(2)), g.Float(1)), chroma)
	return g.Op("Where", g.Op("Greater", value(isColour), half), painted, image)
}
