package composite

import (
	"fmt"

	"uredit/pipeline/media"
)

// coding turns Y'CbCr samples into the editor's RGB (-1..1) and differences of
// RGB back into differences of samples.
type coding struct {
	// RGB by table: r = y[Y]+rv[Cr], g = y[Y]+gu[Cb]+gv[Cr], b = y[Y]+bu[Cb].
	y, rv, gu, gv, bu [256]float32
	// Differences in levels: dY = ky·(kr·dR+kg·dG+kb·dB), dCb = ku·(dB-dL),
	// dCr = kv·(dR-dL) with the luma difference dL in units of RGB.
	kr, kg, kb, ky, ku, kv float32
}

// lumaWeights returns the weights of red and blue in luma. An unspecified
// matrix is read as players do: BT.601 below 720 lines, BT.709 from there.
func lumaWeights(matrix string, height int) (kr, kb float64, err error) {
	switch matrix {
	case "", "unknown", "unspecified", "reserved":
		if height < 720 {
			return 0.299, 0.114, nil
		}
		return 0.2126, 0.0722, nil
	case "bt709":
		return 0.2126, 0.0722, nil
	case "smpte170m", "bt470bg", "bt601":
		return 0.299, 0.114, nil
	case "fcc":
		return 0.30, 0.11, nil
	case "smpte240m":
		return 0.212, 0.087, nil
	case "bt2020nc", "bt2020_ncl", "bt2020c":
		return 0.2627, 0.0593, nil
	}
	return 0, 0, fmt.Errorf("colour matrix %q is not supported", matrix)
}

// newCoding prepares the tables for frames of the given height.
func newCoding(c media.Colour, height int) (*coding, error) {
	kr, kb, err := lumaWeights(c.Matrix, height)
	if err != nil {
		return nil, err
	}
	black, luma, chroma := 16., 219., 224.
	if c.Range == "pc" {
		black, luma, chroma = 0, 255, 255
	}
	kg := 1 - kr - kb
	t := &coding{
		kr: float32(kr), kg: float32(kg), kb: float32(kb),
		// RGB in -1..1 is twice as wide as RGB in 0..1.
		ky: float32(luma / 2),
		ku: float32(chroma / 2 / (2 * (1 - kb))),
		kv: float32(chroma / 2 / (2 * (1 - kr))),
	}
	for i := range 256 {
		v := (float64(i) - 128) / chroma // -0.5..0.5
		t.y[i] = float32(2*(float64(i)-black)/luma - 1)
		t.rv[i] = float32(2 * v * 2 * (1 - kr))
		t.bu[i] = float32(2 * v * 2 * (1 - kb))
		t.gv[i] = float32(-2 * v * 2 * (1 - kr) * kr / kg)
		t.gu[i] = float32(-2 * v * 2 * (1 - kb) * kb / kg)
	}
	return t, nil
}

// rgb fills the three planes of dst from samples of equal number. Colours that
// RGB cannot hold are clipped.
func (t *coding) rgb(dst []float32, y, cb, cr []byte) {
	n := len(y)
	r, g, b := dst[:n], dst[n:2*n], dst[2*n:3*n]
	cb, cr = cb[:n], cr[:n]
	for i, s := range y {
		l, u, v := t.y[s], cb[i], cr[i]
		r[i] = clip(l + t.rv[v])
		g[i] = clip(l + t.gu[u] + t.gv[v])
		b[i] = clip(l + t.bu[u])
	}
}

// difference fills dy, du and dv with what must be added to samples of source
// to make them edited, in levels. Both pictures are planar RGB.
func (t *coding) difference(dy, du, dv, edited, source []float32) {
	n := len(dy)
	er, eg, eb := edited[:n], edited[n:2*n], edited[2*n:3*n]
	sr, sg, sb := source[:n], source[n:2*n], source[2*n:3*n]
	du, dv = du[:n], dv[:n]
	for i := range dy {
		r := clip(er[i]) - sr[i]
		g := clip(eg[i]) - sg[i]
		b := clip(eb[i]) - sb[i]
		l := t.kr*r + t.kg*g + t.kb*b
		dy[i] = t.ky * l
		du[i] = t.ku * (b - l)
		dv[i] = t.kv * (r - l)
	}
}

func clip(v float32) float32 {
	if v > 1 {
		return 1
	}
	if v < -1 {
		return -1
	}
	return v
}
