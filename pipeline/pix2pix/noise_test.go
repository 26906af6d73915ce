package pix2pix

import (
	"math"
	"slices"
	"testing"
)

// TestTorchNoise pins the first values of torch.randn on a CPU, as torch's own
// documentation and diffusers' tests show them.
func TestTorchNoise(t *testing.T) {
	for _, tt := range []struct {
		name string
		size int
		want []float32
	}{
		{"seed 0, scalar path", 5, []float32{1.5409961, -0.2934289, -2.1787894, 0.5684313, -1.0845224}},
		{"seed 0, blocks", 768, []float32{
			-1.1258398, -1.1523602, -0.25057858, -0.43387884, 0.84871036, 0.69200915, -0.31601277, -2.1152194,
			0.32227492, -1.2633348, 0.34998319, 0.30813393, 0.11984151, 1.2376579, 1.1167772, -0.24727815,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := make([]float32, tt.size)
			(&torchNoise{seed: 0}).fill(got, 0, area{})
			for i, want := range tt.want {
				if math.Abs(float64(got[i]-want)) > 2e-6 {
					t.Errorf("value %d is %v, want %v", i, got[i], want)
				}
			}
		})
	}
}

func TestTorchNoiseGoesOnAndStartsAgain(t *testing.T) {
	n := &torchNoise{seed: 3}
	draws := make([][]float32, 4)
	for i, draw := range []int{0, 1, 0, 1} {
		draws[i] = make([]float32, 37) // not a multiple of sixteen
		n.fill(draws[i], draw, area{})
	}
	if !slices.Equal(draws[0], draws[2]) || !slices.Equal(draws[1], draws[3]) {
		t.Error("a frame does not begin as the frame before")
	}
	if slices.Equal(draws[0], draws[1]) {
		t.Error("the second draw repeats the first")
	}
}

// TestTorchStreamGoesOn has the draws of two frames be those of one.
func TestTorchStreamGoesOn(t *testing.T) {
	one, stream := &torchNoise{seed: 3}, &torchNoise{seed: 3, stream: true}
	for i, draw := range []int{0, 1, 0, 1} {
		want, got := make([]float32, 37), make([]float32, 37)
		one.fill(want, i, area{})
		stream.fill(got, draw, area{})
		if !slices.Equal(got, want) {
			t.Errorf("draw %d of frame %d is not the generator's draw %d", draw, i/2, i)
		}
	}
}

// TestPhiloxBlock pins the generator to the known answers that its authors
// published with it.
func TestPhiloxBlock(t *testing.T) {
	const ones = 0xffffffff
	for _, tt := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{want: [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{ones, ones, ones, ones}, [2]uint32{ones, ones}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		var got [4]uint32
		c, k := tt.counter, tt.key
		got[0], got[1], got[2], got[3] = philoxBlock(c[0], c[1], c[2], c[3], k[0], k[1])
		if got != tt.want {
			t.Errorf("counter %x: %x, want %x", c, got, tt.want)
		}
	}
}

// TestPhiloxFollowsTheCanvas moves a crop and finds the same values at the same
// places, left of and above the canvas too.
func TestPhiloxFollowsTheCanvas(t *testing.T) {
	n := philox{seed: 11}
	whole := area{channels: 6, height: 24, width: 40, top: -8, left: -12}
	canvas := make([]float32, whole.channels*whole.height*whole.width)
	n.fill(canvas, 2, whole)
	for _, crop := range []area{
		{channels: 6, height: 5, width: 9, top: 0, left: 0},
		{channels: 6, height: 7, width: 13, top: -7, left: -11},
		{channels: 4, height: 3, width: 1, top: 2, left: 3},
		{channels: 6, height: 16, width: 2, top: -1, left: -1},
		{channels: 6, height: 2, width: 21, top: 9, left: 6},
	} {
		got := make([]float32, crop.channels*crop.height*crop.width)
		n.fill(got, 2, crop)
		for i, v := range got {
			c, y, x := i/(crop.width*crop.height), i/crop.width%crop.height, i%crop.width
			at := (c*whole.height+crop.top-whole.top+y)*whole.width + crop.left - whole.left + x
			if v != canvas[at] {
				t.Fatalf("crop %+v, channel %d, row %d, column %d: %v, want %v", crop, c, y, x, v, canvas[at])
			}
		}
	}
}

func TestPhiloxKeys(t *testing.T) {
	fill := func(seed uint64, draw, top int) []float32 {
		dst := make([]float32, 2*4*8)
		philox{seed}.fill(dst, draw, area{channels: 2, height: 4, width: 8, top: top})
		return dst
	}
	base := fill(1, 0, 0)
	for name, other := range map[string][]float32{
		"seed": fill(2, 0, 0), "high half of the seed": fill(1|1<<40, 0, 0), "draw": fill(1, 1, 0),
		"row": fill(1, 0, 4), "channel": slices.Concat(base[32:], base[:32]),
	} {
		for i := range base {
			if base[i] == other[i] {
				t.Errorf("another %s leaves value %d as it is", name, i)
			}
		}
	}
}

// TestPhiloxIsNormal compares the distribution of half a million values with
// the normal one: moments, the largest gap between the distribution functions
// (Kolmogorov and Smirnov), and neighbours' correlations.
func TestPhiloxIsNormal(t *testing.T) {
	a := area{channels: 8, height: 256, width: 256}
	values := make([]float32, a.channels*a.height*a.width)
	philox{seed: 7}.fill(values, 0, a)
	n := float64(len(values))
	var moments [5]float64
	for _, v := range values {
		for k := range moments {
			moments[k] += math.Pow(float64(v), float64(k)) / n
		}
	}
	// Five standard errors each: var(x^k) is 1, 2, 15, 96.
	for k, want := range [5]float64{1, 0, 1, 0, 3} {
		limit := 5 * math.Sqrt([5]float64{0, 1, 2, 15, 96}[k]/n)
		if math.Abs(moments[k]-want) > limit+1e-9 {
			t.Errorf("moment %d is %v, want %v within %v", k, moments[k], want, limit)
		}
	}
	for _, lag := range []int{1, 2, 3, a.width, a.width * a.height} {
		sum := 0.0
		for i := range values[lag:] {
			sum += float64(values[i]) * float64(values[i+lag])
		}
		if r := sum / n; math.Abs(r) > 5/math.Sqrt(n) {
			t.Errorf("correlation at distance %d is %v", lag, r)
		}
	}
	slices.Sort(values)
	gap := 0.0
	for i, v := range values {
		cdf := 0.5 * math.Erfc(-float64(v)/math.Sqrt2)
		gap = max(gap, math.Abs(cdf-float64(i)/n), math.Abs(cdf-float64(i+1)/n))
	}
	if limit := 1.95 / math.Sqrt(n); gap > limit { // one seed in a thousand
		t.Errorf("distribution functions differ by %v, want at most %v", gap, limit)
	}
	if last := values[len(values)-1]; last < 4 || last > 7 {
		t.Errorf("the largest of %d values is %v", len(values), last)
	}
}

func TestBoxMullerIsExact(t *testing.T) {
	for i := range uint32(200000) {
		u, v := i*21475, i*2654435761
		r := math.Sqrt(-2 * math.Log(float64(float32(u|1))/(1<<32)))
		sin, cos := math.Sincos(2 * math.Pi * float64(v) / (1 << 32))
		x, y := boxMuller(u, v)
		if dx, dy := math.Abs(float64(x)-r*cos), math.Abs(float64(y)-r*sin); dx > 1e-6*(1+r) || dy > 1e-6*(1+r) {
			t.Fatalf("boxMuller(%d, %d) = %v, %v, want %v, %v", u, v, x, y, r*cos, r*sin)
		}
	}
	for _, u := range []uint32{0, 1, 1<<32 - 1} {
		if x, y := boxMuller(u, u); math.IsNaN(float64(x)) || math.IsNaN(float64(y)) || math.Abs(float64(x)) > 7 {
			t.Errorf("boxMuller(%d, %d) = %v, %v", u, u, x, y)
		}
	}
}

func TestUnknownNoise(t *testing.T) {
	if _, err := newNoise("perlin", 0); err == nil {
		t.Error("no error")
	}
}

func BenchmarkPhilox(b *testing.B) {
	a := area{channels: 6, height: 256, width: 256, top: 3, left: 5}
	dst := make([]float32, a.channels*a.height*a.width)
	b.ReportAllocs()
	for b.Loop() {
		philox{seed: 1}.fill(dst, 1, a)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(dst)), "ns/value")
}
