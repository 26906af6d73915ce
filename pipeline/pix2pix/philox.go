package pix2pix

import "math"

// philox is the default noise: Philox4x32-10 (Salmon et al., "Parallel random
// numbers: as easy as 1, 2, 3", 2011) counted by place. One block of the
// generator serves four neighbouring columns of one row, so a value depends
// only on the seed, the draw, the channel and its row and column on the canvas.
// The same place gets the same noise in every frame and in every crop.
type philox struct {
	seed uint64
}

// another implements noise.
func (p philox) another() noise { return p }

// fill implements noise.
func (p philox) fill(dst []float32, draw int, a area) {
	for c := range a.channels {
		for y := range a.height {
			row := dst[(c*a.height+y)*a.width:][:a.width]
			p.row(row, uint32(a.top+y), uint32(c), uint32(draw), a.left)
		}
	}
}

// row writes the values of one row of the canvas from column left on.
func (p philox) row(dst []float32, y, channel, draw uint32, left int) {
	k0, k1 := uint32(p.seed), uint32(p.seed>>32)
	column := uint32(left >> 2)
	if skip := left & 3; skip != 0 {
		block := normalBlock(column, y, channel, draw, k0, k1)
		dst = dst[copy(dst, block[skip:]):]
		column++
	}
	for len(dst) >= 4 {
		u0, u1, u2, u3 := philoxBlock(column, y, channel, draw, k0, k1)
		dst[0], dst[1] = boxMuller(u0, u1)
		dst[2], dst[3] = boxMuller(u2, u3)
		dst = dst[4:]
		column++
	}
	if len(dst) > 0 {
		block := normalBlock(column, y, channel, draw, k0, k1)
		copy(dst, block[:])
	}
}

// normalBlock returns the four values of one block, for the ends of a row.
func normalBlock(c0, c1, c2, c3, k0, k1 uint32) (block [4]float32) {
	u0, u1, u2, u3 := philoxBlock(c0, c1, c2, c3, k0, k1)
	block[0], block[1] = boxMuller(u0, u1)
	block[2], block[3] = boxMuller(u2, u3)
	return block
}

// philoxBlock is the generator: ten rounds on a counter c under a key k. They
// are passed and returned one by one because arrays would go through memory.
func philoxBlock(c0, c1, c2, c3, k0, k1 uint32) (u0, u1, u2, u3 uint32) {
	const (
		m0, m1 = 0xd2511f53, 0xcd9e8d57
		w0, w1 = 0x9e3779b9, 0xbb67ae85
	)
	for range 5 { // two rounds each time, which is 5 % faster
		p, q := uint64(m0)*uint64(c0), uint64(m1)*uint64(c2)
		c0, c1, c2, c3 = uint32(q>>32)^c1^k0, uint32(q), uint32(p>>32)^c3^k1, uint32(p)
		k0 += w0
		k1 += w1
		p, q = uint64(m0)*uint64(c0), uint64(m1)*uint64(c2)
		c0, c1, c2, c3 = uint32(q>>32)^c1^k0, uint32(q), uint32(p>>32)^c3^k1, uint32(p)
		k0 += w0
		k1 += w1
	}
	return c0, c1, c2, c3
}

// boxMuller turns two uniform words into two independent normal values,
// r·cos(a) and r·sin(a) with r = sqrt(-2 ln u), u in (0, 1], and a uniform in a
// turn. With the library's functions it would take three times as long; these
// series are within 1e-6 of them.
func boxMuller(radius, angle uint32) (float32, float32) {
	// u = m·2^e with m in [sqrt(1/2), sqrt(2)); ln m by the series of the area
	// tangent, which needs few terms around 1. The last bit is set to keep 0
	// out.
	const sqrtHalf = 0x3f3504f3 // its bits
	b := math.Float32bits(float32(radius|1)) - 32<<23 - sqrtHalf
	e := float32(int32(b) >> 23)
	m := math.Float32frombits(b&(1<<23-1) + sqrtHalf)
	f := (1 - m) / (1 + m)
	z := f * f
	r := float32(math.Sqrt(float64(e*(-2*math.Ln2) + f*(4+z*(4./3+z*(4./5+z*(4./7)))))))

	// The nearest quarter turn, and the rest of at most an eighth of a turn. The
	// coefficients are those of the Cephes library.
	quarter := (angle + 1<<29) >> 30
	a := float32(int32(angle-quarter<<30)) * (2 * math.Pi / (1 << 32))
	w := a * a
	sin := a + a*w*(-1.6666654611e-1+w*(8.3321608736e-3-w*1.9515295891e-4))
	cos := 1 + w*(-0.5+w*(4.166664568298827e-2+w*(-1.388731625493765e-3+w*2.443315711809948e-5)))

	// Turn (cos, sin) by the quarters without a branch that half of the values
	// would mispredict.
	s, c := math.Float32bits(sin), math.Float32bits(cos)
	swap := (s ^ c) & -(quarter & 1)
	s, c = s^swap, c^swap
	s ^= (quarter & 2) << 30
	c ^= ((quarter + 1) & 2) << 30
	return r * math.Float32frombits(c), r * math.Float32frombits(s)
}
