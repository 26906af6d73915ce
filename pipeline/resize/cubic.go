package resize

import "math"

// cubicBits is the number of fraction bits of a weight of cubic. Two of them and
// a sample's 8 bits stay within 32.
const cubicBits = 11

// cubic is a Resizer that does as OpenCV's INTER_CUBIC does: four samples each
// way however much smaller the picture becomes, so that it is not antialiased;
// borders repeated; fixed-point weights, rounded once at the end. OpenCV's sums
// are rounded to single precision: a sample in many thousands is one grey level
// off, and where it uses a processor maker's library, one in twenty.
type cubic struct {
	sizes
	across, down cubicAxis
	rows         [4][]int32 // stretched along rows: those that the next row is made of
	held         [4]int     // which rows of the picture they are
}

// cubicAxis holds which four samples each sample of a result is made of.
type cubicAxis struct {
	at      [][4]int // within the picture
	weights [][4]int32
}

func newCubic(s sizes) *cubic {
	c := &cubic{sizes: s, across: newCubicAxis(s.width, s.toWidth), down: newCubicAxis(s.height, s.toHeight)}
	for i := range c.rows {
		c.rows[i] = make([]int32, 3*s.toWidth)
	}
	return c
}

// newCubicAxis computes the weights from n samples to m: Keys' cubic with
// a = -3/4, in single precision as OpenCV has them.
func newCubicAxis(n, m int) cubicAxis {
	const a = float32(-0.75)
	axis := cubicAxis{make([][4]int, m), make([][4]int32, m)}
	scale := float64(n) / float64(m)
	for i := range m {
		place := float32((float64(i)+0.5)*scale - 0.5)
		first := int(math.Floor(float64(place)))
		x := place - float32(first)
		y, z := x+1, 1-x
		w := [4]float32{
			((a*y-5*a)*y+8*a)*y - 4*a,
			((a+2)*x-(a+3))*x*x + 1,
			((a+2)*z-(a+3))*z*z + 1,
		}
		w[3] = 1 - w[0] - w[1] - w[2]
		for k := range w {
			axis.at[i][k] = min(max(first-1+k, 0), n-1)
			axis.weights[i][k] = int32(math.RoundToEven(float64(w[k] * (1 << cubicBits))))
		}
	}
	return axis
}

// Run implements Resizer. Rows are stretched when they are first needed, and
// kept as long as a later row of the result is made of them.
func (c *cubic) Run(dst, src []byte) {
	c.check(dst, src)
	c.held = [4]int{-1, -1, -1, -1}
	n := 3 * c.toWidth
	for y, at := range c.down.at {
		for _, row := range at {
			// Four successive rows have four places.
			if c.held[row&3] != row {
				c.held[row&3] = row
				c.across.row(c.rows[row&3], src[3*row*c.width:][:3*c.width])
			}
		}
		w := c.down.weights[y]
		r0, r1, r2, r3 := c.rows[at[0]&3][:n], c.rows[at[1]&3][:n], c.rows[at[2]&3][:n], c.rows[at[3]&3][:n]
		for x := range dst[n*y:][:n] {
			const half = 1 << (2*cubicBits - 1)
			sum := half + w[0]*r0[x] + w[1]*r1[x] + w[2]*r2[x] + w[3]*r3[x]
			dst[n*y+x] = clamp(sum >> (2 * cubicBits))
		}
	}
}

// row stretches one row, with cubicBits of fraction.
func (a *cubicAxis) row(dst []int32, src []byte) {
	for x, at := range a.at {
		w, d := &a.weights[x], dst[3*x:][:3]
		s0, s1, s2, s3 := src[3*at[0]:][:3], src[3*at[1]:][:3], src[3*at[2]:][:3], src[3*at[3]:][:3]
		d[0] = w[0]*int32(s0[0]) + w[1]*int32(s1[0]) + w[2]*int32(s2[0]) + w[3]*int32(s3[0])
		d[1] = w[0]*int32(s0[1]) + w[1]*int32(s1[1]) + w[2]*int32(s2[1]) + w[3]*int32(s3[1])
		d[2] = w[0]*int32(s0[2]) + w[1]*int32(s1[2]) + w[2]*int32(s2[2]) + w[3]*int32(s3[2])
	}
}
