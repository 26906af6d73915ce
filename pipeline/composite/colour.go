package composite

import (
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

// coding is the way from Y'CbCr samples to the editor's RGB (-1..1) and from
// differences of RGB back to differences of samples, in levels. Colours that RGB
// cannot hold are clipped.
type coding struct {
	rgb    frame.Matrix // of Y, Cb, Cr
	levels frame.Matrix // of differences of R, G, B
}

// newCoding prepares the conversions of frames of the given size.
func newCoding(c media.Colour, width, height int) (*coding, error) {
	kr, kb, err := c.Luma(width, height)
	if err != nil {
		return nil, err
	}
	black, luma, chroma := 16., 219., 224.
	if c.Range == "pc" {
		black, luma, chroma = 0, 255, 255
	}
	kg := 1 - kr - kb
	t := &coding{}
	// With y = (Y-black)/luma, u = (Cb-128)/chroma, v = (Cr-128)/chroma:
	// R = y + 2(1-kr)v, B = y + 2(1-kb)u, G from y = kr·R + kg·G + kb·B. The
	// editor's RGB is twice as wide and begins at -1.
	ru, rv := 0., 2*(1-kr)
	bu, bv := 2*(1-kb), 0.
	gu, gv := -kb*bu/kg, -kr*rv/kg
	t.rgb = frame.Matrix{Low: -1, High: 1}
	for i, w := range [3][2]float64{{ru, rv}, {gu, gv}, {bu, bv}} {
		t.rgb.Weights[4*i] = float32(2 / luma)
		t.rgb.Weights[4*i+1] = float32(2 / chroma * w[0])
		t.rgb.Weights[4*i+2] = float32(2 / chroma * w[1])
		t.rgb.Weights[4*i+3] = float32(-2*black/luma - 2*128/chroma*(w[0]+w[1]) - 1)
	}
	// And back, for differences: dY = luma/2·dL with dL = kr·dR + kg·dG + kb·dB,
	// dCb and dCr are what dB and dR are beyond dL.
	t.levels = frame.Matrix{Low: -1, High: 1}
	l := [3]float64{kr, kg, kb}
	for k, w := range l {
		t.levels.Weights[k] = float32(luma / 2 * w)
		t.levels.Weights[4+k] = float32(-chroma / 2 / bu * w)
		t.levels.Weights[8+k] = float32(-chroma / 2 / rv * w)
	}
	t.levels.Weights[4+2] += float32(chroma / 2 / bu)
	t.levels.Weights[8+0] += float32(chroma / 2 / rv)
	return t, nil
}
