package colours

// Luma weights of BT.709 for red, green, blue.
const (
	lumaRed   = 0.2126
	lumaBlue  = 0.0722
	lumaGreen = 1 - lumaRed - lumaBlue
)

// luma returns the luma of an sRGB colour, 0..1.
func (c rgb) luma() float64 { return multiply(toLumaChroma[:1], c[:])[0] }

// chroma returns Cb and Cr of BT.709 of an sRGB colour, -1/2..1/2.
func (c rgb) chroma() (cb, cr float64) {
	y := c.luma()
	return (c[2] - y) / (2 * (1 - lumaBlue)), (c[0] - y) / (2 * (1 - lumaRed))
}

// toLumaChroma takes sRGB to luma, Cb and Cr. Mixtures stay mixtures: it is
// linear in the encoded values, as the filters of cameras and resizers are.
var toLumaChroma = [][]float64{
	{lumaRed, lumaGreen, lumaBlue},
	{-lumaRed / (2 * (1 - lumaBlue)), -lumaGreen / (2 * (1 - lumaBlue)), 0.5},
	{0.5, -lumaGreen / (2 * (1 - lumaRed)), -lumaBlue / (2 * (1 - lumaRed))},
}

// The tone curve of a repaint has the slope of contrast* around mid grey, and
// less where the target is so dark or so light that shades would be lost: at
// least the share rest of the target's distance to black or white remains.
const (
	contrastBelow = 0.5
	contrastAbove = 0.35
	rest          = 0.3
)

// paint is what the editor needs to know of a target colour: its luma, its
// chroma in latents (twice Cb and Cr, since a picture of -1..1 is twice as wide
// as one of 0..1), and the slopes of the tone curve below and above mid grey.
// With Y the luma of a sample, 0..1, y the target's and c its chroma:
//
//	Y' = clip(y + below*min(Y-1/2, 0) + above*max(Y-1/2, 0), 0, 1)
//	C' = c * min(m/y, (1-m)/(1-y))        with m the mean of the cell's Y'
//
// The second line is where the broken line from black over the target to white
// has the luma m.
type paint struct{ luma, cb, cr, below, above float64 }

func paintOf(c rgb) paint {
	y := min(max(c.luma(), 0.01), 0.99)
	cb, cr := c.chroma()
	return paint{
		luma: y, cb: 2 * cb, cr: 2 * cr,
		below: min(contrastBelow, 2*(1-rest)*y),
		above: min(contrastAbove, 2*(1-rest)*(1-y)),
	}
}
