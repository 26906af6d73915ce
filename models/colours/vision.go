package colours

import (
	"fmt"

	"uredit/models/onnxfile"
)

// Sizes of the segmenter, as sam3.json gives them.
const (
	imageSize  = 288
	grid       = imageSize / 4
	lowRes     = imageSize
	textLength = 32 // tokens of a prompt
	queries    = 4  // masks of one run
)

// features returns the number of channels of the segmenter: one for each
// colour of the palette, then luma, Cb and Cr of the picture, then 1 on edges.
func features(palette []colour) int64 { return int64(len(palette)) + 4 }

const (
	// edgeContrast is the range of lightness in a 3 by 3 neighbourhood
	// above which two surfaces meet.
	edgeContrast = 0.14
	// chromaticityContrast is how much more a range of chromaticity counts.
	chromaticityContrast = 2.5
	// spread is how far, in samples at half size, a surface's lightness is
	// looked for.
	spread = 80
	// darkestShade is the lightness of a surface's darkest side relative to its
	// brightest. What is darker has a name of its own.
	darkestShade = 0.5
	// steadying is how often lightness is averaged over neighbours first, so
	// that a bright patch of a texture does not name the whole.
	steadying = 6
)

// visionEncoder returns the graph that names the colour of each sample.
//
// The name depends on chromaticity and on the lightness of the brightest part
// of the surface, so that the shaded side of a ball has the name of its lit
// side. A surface ends where lightness or chromaticity jumps.
func visionEncoder(palette []colour) ops {
	g := newGraph("vision_encoder")
	pixels := g.Input("pixel_values", onnxfile.Float32, fmt.Sprint(1, 3, imageSize, imageSize))
	encoded := g.clip(g.add(g.mul(pixels, g.Float(0.5)), g.Float(0.5)), 0, 1)
	cones := g.Op("Pow", g.mix(g.mul(encoded, encoded), toCones), g.Float(1.0/3))
	lab := g.mix(cones, toLab)
	light := g.channels(lab, 0, 1)
	chromaticity := g.div(g.channels(lab, 1, 3), g.add(light, g.Float(darkness)))

	edge := g.edges(light, chromaticity)
	names := g.lookUp(nameTable(palette), g.surfaceLightness(light, edge), chromaticity)
	var index []float32
	for i := range palette {
		index = append(index, float32(i))
	}
	oneHot := g.float(g.Op("Equal", names, g.Floats([]int64{1, int64(len(palette)), 1, 1}, index...)))
	full := g.concat(1, oneHot, g.mix(encoded, toLumaChroma), edge)
	g.outputMap("det_fpn_0", full, lowRes, palette)
	g.outputMap("det_fpn_1", g.shrink(full, 2), lowRes/2, palette)
	g.outputMap("det_fpn_2", g.shrink(full, 4), grid, palette)
	return g
}

// edges returns 1 where two surfaces meet, else 0.
func (g ops) edges(light, chromaticity string) string {
	both := g.concat(1, light, g.mul(chromaticity, g.Float(chromaticityContrast)))
	contrast := g.add(g.dilate(both, 1), g.dilate(g.Op("Neg", both), 1))
	return g.above(g.reduce("ReduceMax", contrast, 1), edgeContrast)
}

// surfaceLightness returns the greatest lightness that can be reached from
// each sample without crossing an edge. A sample on an edge belongs to the side
// whose lightness is closer to its own.
func (g ops) surfaceLightness(light, edge string) string {
	half := g.shrink(light, 2)
	inside := g.not(g.window("MaxPool", edge, 2, 0, 2))
	share := g.div(inside, g.max(g.mean(inside, 1), g.Float(1e-3)))
	brightest := g.mul(half, inside)
	for range steadying {
		brightest = g.mul(g.mean(brightest, 1), share)
	}
	for range spread {
		brightest = g.mul(g.dilate(brightest, 1), inside)
	}

	// Near an edge: the lighter and the darker side's own and greatest lightness.
	const reach = 2
	least := func(x string) string { // over samples that are not on an edge; 1 if there are none
		return g.not(g.dilate(g.mul(g.not(x), inside), reach))
	}
	lighter, darker := g.dilate(g.mul(half, inside), reach), least(half)
	isLighter := g.above(g.sub(g.add(half, half), g.add(lighter, darker)), 0)
	onEdge := g.add(g.mul(isLighter, g.dilate(brightest, reach)), g.mul(g.not(isLighter), least(brightest)))
	alone := g.not(g.dilate(inside, reach)) // no side within reach
	onEdge = g.add(g.mul(alone, half), g.mul(g.not(alone), onEdge))
	surface := g.add(g.mul(inside, brightest), g.mul(g.not(inside), onEdge))
	shaded := g.mul(g.mean(half, 1), g.Float(1/darkestShade))
	return g.enlarge(g.min(surface, shaded), 2)
}

// lookUp returns the table's entry for each sample, as float32.
func (g ops) lookUp(table []byte, light, chromaticity string) string {
	bin := func(x string, bins int, low, high float64) string {
		width := (high - low) / float64(bins)
		scaled := g.mul(g.sub(x, g.Float(float32(low))), g.Float(float32(1/width)))
		return g.Op("Floor", g.clip(scaled, 0, float32(bins)-0.5))
	}
	l := bin(light, lightnessBins, 0, 1)
	p := bin(g.channels(chromaticity, 0, 1), pBins, pLow, pHigh)
	q := bin(g.channels(chromaticity, 1, 2), qBins, qLow, qHigh)
	at := g.add(g.mul(g.add(g.mul(l, g.Float(pBins)), p), g.Float(qBins)), q)
	return g.float(g.gather(g.Bytes([]int64{int64(len(table))}, table...), g.integer(at), 0))
}
