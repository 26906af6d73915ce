package pix2pix

import "math"

// torchNoise is torch.randn on a CPU: MT19937 and the transform of Box and
// Muller over blocks of sixteen. It exists to compare frames with diffusers.
type torchNoise struct {
	seed   uint64
	stream bool // seeded once, not for each frame
	seeded bool
	mt     mersenne
	// The scalar path makes values in pairs and keeps the second.
	spare    float64
	hasSpare bool
}

// fill implements noise.
func (t *torchNoise) fill(dst []float32, draw int, _ area) {
	if draw == 0 && !(t.stream && t.seeded) {
		t.mt.seed(uint32(t.seed))
		t.hasSpare, t.seeded = false, true
	}
	const block = 16
	if len(dst) < block {
		for i := range dst {
			dst[i] = float32(t.scalar())
		}
		return
	}
	for i := range dst {
		dst[i] = t.mt.uniform()
	}
	whole := len(dst) / block * block
	for i := 0; i < whole; i += block {
		torchBlock((*[block]float32)(dst[i:]))
	}
	if whole < len(dst) {
		// The rest is made by drawing the last sixteen anew.
		last := (*[block]float32)(dst[len(dst)-block:])
		for i := range last {
			last[i] = t.mt.uniform()
		}
		torchBlock(last)
	}
}

// another implements noise.
func (t *torchNoise) another() noise { return &torchNoise{seed: t.seed} }

// torchBlock turns sixteen uniform values into normal ones: value j is the
// radius, value j+8 the angle of a pair.
func torchBlock(d *[16]float32) {
	for j := range 8 {
		radius := float32(math.Sqrt(-2 * math.Log(float64(1-d[j]))))
		sin, cos := math.Sincos(float64(2 * math.Pi * d[j+8]))
		d[j], d[j+8] = radius*float32(cos), radius*float32(sin)
	}
}

// scalar returns one normal value as torch does for fewer than sixteen, in
// double precision.
func (t *torchNoise) scalar() float64 {
	if t.hasSpare {
		t.hasSpare = false
		return t.spare
	}
	angle, u := t.mt.uniform64(), t.mt.uniform64()
	radius := math.Sqrt(-2 * math.Log1p(-u))
	sin, cos := math.Sincos(2 * math.Pi * angle)
	t.spare, t.hasSpare = radius*sin, true
	return radius * cos
}

// mersenne is MT19937 (Matsumoto and Nishimura, 1998).
type mersenne struct {
	state [624]uint32
	next  int
}

func (m *mersenne) seed(s uint32) {
	m.state[0] = s
	for i := 1; i < len(m.state); i++ {
		s = 1812433253*(s^s>>30) + uint32(i)
		m.state[i] = s
	}
	m.next = len(m.state)
}

// word returns the next 32 random bits.
func (m *mersenne) word() uint32 {
	if m.next == len(m.state) {
		m.twist()
	}
	y := m.state[m.next]
	m.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (m *mersenne) twist() {
	const n, middle = len(m.state), 397
	for i := range m.state {
		y := m.state[i]&0x80000000 | m.state[(i+1)%n]&0x7fffffff
		m.state[i] = m.state[(i+middle)%n] ^ y>>1 ^ -(y&1)&0x9908b0df
	}
	m.next = 0
}

// uniform returns a value in [0, 1) of 24 bits.
func (m *mersenne) uniform() float32 {
	return float32(m.word()&(1<<24-1)) * (1.0 / (1 << 24))
}

// uniform64 returns a value in [0, 1) of 53 bits.
func (m *mersenne) uniform64() float64 {
	high := uint64(m.word())
	return float64((high<<32|uint64(m.word()))&(1<<53-1)) * (1.0 / (1 << 53))
}
