package colours

// What matte takes as the surroundings of a sample.
const (
	// band is how far from a mask's boundary, in samples, it is not certain.
	band = 1
	// edgeBand is the same for samples on an edge.
	edgeBand = 5
	// edgeDoubt is how much less the colour of a sample on an edge counts.
	edgeDoubt = 0.95
	// nearby is how far the colours of both sides are looked for, in samples
	// at quarter size.
	nearby = 2
	// flatness is the variance of position, in samples at half size, below
	// which a slope of colour is not believed.
	flatness = 0.2
	// noise is the variance of colour that is always there.
	noise = 4e-4
	// shading is the variance of light between the rim of a surface and what
	// is fitted beside it.
	shading = 0.02
)

// matte returns the logits of masks [K,1,L,L]. Away from its boundary a mask
// is taken as it is. At the boundary each sample is a mixture of what lies
// inside and outside nearby, and its share of the inside says where in it the
// boundary runs.
func (g ops) matte(mask, picture, half string) string {
	picture, edge := g.channels(picture, 0, 3), g.channels(picture, 3, 4)
	outside := g.not(mask)
	inner, outer := g.erode(mask, band), g.erode(outside, band)
	basis := g.basis(g.channels(half, 0, 3))
	smooth := g.not(g.mul(g.channels(half, 3, 4), g.Float(edgeDoubt)))
	in, out := g.fit(inner, smooth, basis), g.fit(outer, smooth, basis)

	weight, middle := g.unmix(in, out)
	both := g.mul(in.known, out.known)
	large := g.enlarge(g.concat(1, weight, middle, both), 2)

	// share is 0 half way, ±1/2 at the ends.
	share := g.sub(g.reduce("ReduceSum", g.mul(g.channels(large, 0, 3), picture), 1), g.channels(large, 3, 4))
	share = g.clip(share, -0.5, 0.5)
	// A straight edge seen through a triangle filter: the distance to it.
	magnitude := g.not(g.Op("Sqrt", g.not(g.mul(g.Op("Abs", share), g.Float(2)))))
	distance := g.mul(g.Op("Sign", share), magnitude)

	plain := g.sub(g.mul(mask, g.Float(2)), g.Float(1))
	far := g.max(g.erode(mask, edgeBand), g.erode(outside, edgeBand))
	certain := g.max(far, g.mul(g.max(inner, outer), g.not(edge)))
	known := g.max(certain, g.not(g.above(g.channels(large, 4, 5), 0.99)))
	return g.mul(g.add(g.mul(known, plain), g.mul(g.not(known), distance)), g.Float(certainty))
}

// unmix returns how to read the share of the inside from a sample's colour C:
// weight·C - middle is 0 half way and ±1/2 at the ends.
//
// A sample is taken as u*F + v*B, with F and B the colours of the two sides,
// each channel weighed by how steady it is on both. The share of the inside is
// 1-v. Light that falls off towards the rim of a surface lets u+v differ from
// 1 a little.
func (g ops) unmix(in, out plane) (weight, middle string) {
	f, b := g.at(in), g.at(out)
	trust := g.div(g.Float(1), g.add(g.add(in.variance, out.variance), g.Float(noise)))
	dot := func(x, y string) string {
		return g.add(g.reduce("ReduceSum", g.mul(trust, g.mul(x, y)), 1), g.Float(1/shading))
	}
	ff, fb, bb := dot(f, f), dot(f, b), dot(b, b)
	determinant := g.max(g.sub(g.mul(ff, bb), g.mul(fb, fb)), g.Float(1))
	weight = g.div(g.mul(trust, g.sub(g.mul(fb, f), g.mul(ff, b))), determinant)
	offset := g.div(g.mul(g.sub(ff, fb), g.Float(1/shading)), determinant)
	return weight, g.sub(offset, g.Float(0.5))
}

// Channels of basis: 1, x, y, xx, xy, yy, three colours, the colours times x,
// times y, and squared.
const (
	basisOne    = 0
	basisX      = 1
	basisXX     = 3
	basisColour = 6
	basisXC     = 9
	basisYC     = 12
	basisCC     = 15
)

// basis returns the products whose sums a fit needs, [1,18,L/2,L/2]. Positions
// count from the middle, so that their squares stay small.
func (g ops) basis(half string) string {
	x, y := g.ramp(3), g.ramp(2)
	one := g.Op("Expand", g.Float(1), g.Ints(1, 1, lowRes/2, lowRes/2))
	x, y = g.mul(one, x), g.mul(one, y)
	return g.concat(1, one, x, y, g.mul(x, x), g.mul(x, y), g.mul(y, y),
		half, g.mul(half, x), g.mul(half, y), g.mul(half, half))
}

// ramp returns the position along an axis.
func (g ops) ramp(axis int) string {
	const size = lowRes / 2
	var v []float32
	for i := range size {
		v = append(v, float32(i)-(size-1)/2.0)
	}
	shape := []int64{1, 1, 1, 1}
	shape[axis] = size
	return g.Floats(shape, v...)
}

// plane is a colour that changes linearly over the picture, fitted around each
// sample: offset + slopeX*x + slopeY*y, each [K,3,L/2,L/2].
type plane struct {
	offset, slopeX, slopeY string
	variance               string // [K,3,L/2,L/2]: what the plane does not explain
	known                  string // [K,1,L/2,L/2]: 1 where there was something to fit
}

// fit fits planes to the colours near each sample as far as certain [K,1,L,L]
// holds, each sample with its weight [1,1,L/2,L/2].
func (g ops) fit(certain, weight, basis string) plane {
	whole := g.mul(g.above(g.shrink(certain, 2), 0.99), weight)
	sums := g.mean(g.shrink(g.mul(whole, basis), 2), nearby) // [K,18,L/4,L/4]
	total := g.channels(sums, basisOne, basisOne+1)
	means := g.div(sums, g.max(total, g.Float(1e-5)))
	part := func(from, n int64) string { return g.channels(means, from, from+n) }
	x, y, colour := part(basisX, 1), part(basisX+1, 1), part(basisColour, 3)
	covariance := func(product, a, b string) string { return g.sub(product, g.mul(a, b)) }
	xx := g.add(covariance(part(basisXX, 1), x, x), g.Float(flatness))
	xy := covariance(part(basisXX+1, 1), x, y)
	yy := g.add(covariance(part(basisXX+2, 1), y, y), g.Float(flatness))
	xc := covariance(part(basisXC, 3), x, colour)
	yc := covariance(part(basisYC, 3), y, colour)

	determinant := g.max(g.sub(g.mul(xx, yy), g.mul(xy, xy)), g.Float(flatness*flatness))
	slopeX := g.div(g.sub(g.mul(xc, yy), g.mul(yc, xy)), determinant)
	slopeY := g.div(g.sub(g.mul(yc, xx), g.mul(xc, xy)), determinant)
	offset := g.sub(colour, g.add(g.mul(slopeX, x), g.mul(slopeY, y)))
	explained := g.add(g.mul(slopeX, xc), g.mul(slopeY, yc))
	variance := g.max(g.sub(covariance(part(basisCC, 3), colour, colour), explained), g.Float(0))

	large := g.enlarge(g.concat(1, offset, slopeX, slopeY, variance, g.above(total, 0.002)), 2)
	return plane{
		offset: g.channels(large, 0, 3), slopeX: g.channels(large, 3, 6), slopeY: g.channels(large, 6, 9),
		variance: g.channels(large, 9, 12), known: g.channels(large, 12, 13),
	}
}

// at returns a plane's colour at each sample.
func (g ops) at(p plane) string {
	return g.add(p.offset, g.add(g.mul(p.slopeX, g.ramp(3)), g.mul(p.slopeY, g.ramp(2))))
}
