package colours

import "math"

// Matrices of Oklab (Björn Ottosson, 2020): linear sRGB to cone responses, and
// their cube roots to lightness L, green-red a, blue-yellow b.
var (
	toCones = [][]float64{
		{0.4122214708, 0.5363325363, 0.0514459929},
		{0.2119034982, 0.6806995451, 0.1073969566},
		{0.0883024619, 0.2817188376, 0.6299787005},
	}
	toLab = [][]float64{
		{0.2104542553, 0.7936177850, -0.0040720468},
		{1.9779984951, -2.4285922050, 0.4505937099},
		{0.0259040371, 0.7827717662, -0.8086757660},
	}
)

// darkness keeps the chromaticity of black defined.
const darkness = 0.03

// appearance is a colour as the table of names orders it: the lightness, and
// what shading leaves as it is. When light falls off over a surface, Oklab's
// L, a and b shrink by the same factor, so a/L and b/L stay.
type appearance struct{ lightness, p, q float64 }

// look returns the appearance of c. The gamma of sRGB is taken as 2: the
// graph does the same, and only the agreement of the two matters.
func look(c rgb) appearance {
	cones := multiply(toCones, []float64{c[0] * c[0], c[1] * c[1], c[2] * c[2]})
	for i := range cones {
		cones[i] = math.Cbrt(cones[i])
	}
	lab := multiply(toLab, cones)
	return appearance{lab[0], lab[1] / (lab[0] + darkness), lab[2] / (lab[0] + darkness)}
}

func multiply(matrix [][]float64, v []float64) []float64 {
	out := make([]float64, len(matrix))
	for i, row := range matrix {
		for j, w := range row {
			out[i] += float64(w * v[j]) // the conversion forbids fusing, which would depend on the machine
		}
	}
	return out
}

// The table of names: bins over lightness and chromaticity.
const (
	lightnessBins = 20
	pBins         = 48
	qBins         = 64
	pLow, pHigh   = -0.36, 0.48
	qLow, qHigh   = -0.80, 0.32
)

const (
	// lightnessWeight says how much less a difference of lightness counts than
	// one of chromaticity.
	lightnessWeight = 0.35
	// farthest is the distance from all samples at which a colour has no name.
	farthest = 0.16
)

// nameTable returns, for each bin of lightness, p and q in this order of
// significance, the index of the colour with the closest sample, or
// len(palette) where no sample is close.
func nameTable(palette []colour) []byte {
	var samples []appearance
	var owner []int
	for i, c := range palette {
		for _, s := range c.samples {
			samples = append(samples, look(s))
			owner = append(owner, i)
		}
	}
	center := func(i, bins int, low, high float64) float64 {
		return low + (float64(i)+0.5)*(high-low)/float64(bins)
	}
	table := make([]byte, 0, lightnessBins*pBins*qBins)
	for l := range lightnessBins {
		for p := range pBins {
			for q := range qBins {
				at := appearance{
					center(l, lightnessBins, 0, 1),
					center(p, pBins, pLow, pHigh),
					center(q, qBins, qLow, qHigh),
				}
				name, best := len(palette), farthest
				for i, s := range samples {
					if d := at.distance(s); d < best {
						name, best = owner[i], d
					}
				}
				table = append(table, byte(name))
			}
		}
	}
	return table
}

func (a appearance) distance(b appearance) float64 {
	return math.Hypot(lightnessWeight*(a.lightness-b.lightness), math.Hypot(a.p-b.p, a.q-b.q))
}
