package pix2pix

import (
	"fmt"
	"math"
)

// Rows of the UNet's batch. A session leaves out the last ones that have no
// weight.
const (
	prompted      = 0 // prompt and picture
	pictured      = 1 // negative prompt and picture
	unconditional = 2 // negative prompt and no picture
)

// guidance says how the rows become one estimate of the noise (Brooks et al.,
// "InstructPix2Pix", 2023).
type guidance struct {
	rows        int
	text, image float32
}

// newGuidance decides how many rows are needed. Without guidance, as diffusers
// defines it, the prompted row is the result; where the picture's scale is 1 the
// unconditional row cancels out.
func newGuidance(text, image float64) (guidance, error) {
	for _, v := range []float64{text, image} {
		if math.IsNaN(v) || math.Abs(v) > 1e6 {
			return guidance{}, fmt.Errorf("a guidance scale is %v", v)
		}
	}
	g := guidance{rows: 3, text: float32(text), image: float32(image)}
	switch {
	case !(text > 1 && image >= 1):
		g.rows = 1
	case image == 1:
		g.rows = 2
	}
	return g, nil
}

// combine returns the guided estimate in the memory of the first row.
func (g guidance) combine(rows []float32) []float32 {
	n := len(rows) / g.rows
	p := rows[prompted*n:][:n]
	switch g.rows {
	case 2:
		i := rows[pictured*n:][:n]
		for j, v := range p {
			p[j] = i[j] + g.text*(v-i[j])
		}
	case 3:
		i, u := rows[pictured*n:][:n], rows[unconditional*n:][:n]
		for j, v := range p {
			p[j] = u[j] + g.text*(v-i[j]) + g.image*(i[j]-u[j])
		}
	}
	return p
}
