package opencv_test

import (
	"math"

	"uredit/pipeline/frame"
)

// reference does what frame.Ops says in plain Go, slowly: the textbook that the
// contract is checked against.
type reference struct{}

func (reference) Resize(dst, src frame.Plane, f frame.Filter) {
	d, s := frame.NewPlane32(dst.Width, dst.Height), frame.NewPlane32(src.Width, src.Height)
	for y := range src.Height {
		for x, v := range src.Row(y) {
			s.Row(y)[x] = float32(v)
		}
	}
	reference{}.Resize32(d, s, f)
	for y := range dst.Height {
		for x, v := range d.Row(y) {
			dst.Row(y)[x] = byte(min(max(math.Round(float64(v)), 0), 255))
		}
	}
}

func (reference) Resize32(dst, src frame.Plane32, f frame.Filter) {
	wide := frame.NewPlane32(dst.Width, src.Height)
	kx, ky := taps(dst.Width, src.Width, f), taps(dst.Height, src.Height, f)
	for y := range src.Height {
		for x := range dst.Width {
			wide.Row(y)[x] = kx[x].sum(func(i int) float32 { return src.Row(y)[i] })
		}
	}
	for y := range dst.Height {
		for x := range dst.Width {
			dst.Row(y)[x] = ky[y].sum(func(i int) float32 { return wide.Row(i)[x] })
		}
	}
}

// tap is the weights of source samples from first on.
type tap struct {
	first   int
	weights []float64
	n       int // source samples; positions outside repeat the border
}

func (t tap) sum(at func(int) float32) float32 {
	v := 0.0
	for i, w := range t.weights {
		v += w * float64(at(min(max(t.first+i, 0), t.n-1)))
	}
	return float32(v)
}

// taps returns the weights along one axis for each sample of dst.
func taps(dst, src int, f frame.Filter) []tap {
	out := make([]tap, dst)
	scale := float64(src) / float64(dst)
	for i := range out {
		centre := (float64(i)+0.5)*scale - 0.5
		switch {
		case f == frame.Nearest:
			out[i] = tap{int(float64(i) * scale), []float64{1}, src}
		case f == frame.Area && scale > 1:
			out[i] = covered(float64(i)*scale, float64(i+1)*scale, src)
		case f == frame.Cubic:
			out[i] = kernel(centre, 2, src, keys)
		case f == frame.Lanczos:
			out[i] = kernel(centre, 4, src, lanczos)
		default:
			out[i] = kernel(centre, 1, src, func(x float64) float64 { return max(0, 1-math.Abs(x)) })
		}
	}
	return out
}

// covered weighs samples by how much of [from, to) they fill.
func covered(from, to float64, n int) tap {
	t := tap{first: int(from), n: n}
	for i := t.first; float64(i) < to-1e-9 && i < n; i++ {
		t.weights = append(t.weights, (min(to, float64(i+1))-max(from, float64(i)))/(to-from))
	}
	return t
}

func kernel(centre float64, radius, n int, k func(float64) float64) tap {
	first := int(math.Floor(centre)) - radius + 1
	t, sum := tap{first: first, n: n}, 0.0
	for i := range 2 * radius {
		w := k(centre - float64(first+i))
		t.weights = append(t.weights, w)
		sum += w
	}
	for i := range t.weights {
		t.weights[i] /= sum
	}
	return t
}

// keys is the cubic kernel with the slope that OpenCV uses.
func keys(x float64) float64 { return cubicKernel(x, -0.75) }

func cubicKernel(x, a float64) float64 {
	x = math.Abs(x)
	switch {
	case x < 1:
		return (a+2)*x*x*x - (a+3)*x*x + 1
	case x < 2:
		return a*x*x*x - 5*a*x*x + 8*a*x - 4*a
	}
	return 0
}

func lanczos(x float64) float64 {
	if x == 0 {
		return 1
	}
	if math.Abs(x) >= 4 {
		return 0
	}
	p := math.Pi * x
	return 4 * math.Sin(p) * math.Sin(p/4) / (p * p)
}

func (reference) Erode(dst, src frame.Plane, k int) {
	for y := range dst.Height {
		for x := range dst.Width {
			least := byte(255)
			for j := y - k/2; j < y-k/2+k; j++ {
				for i := x - k/2; i < x-k/2+k; i++ {
					if i >= 0 && j >= 0 && i < src.Width && j < src.Height {
						least = min(least, src.Row(j)[i])
					}
				}
			}
			dst.Row(y)[x] = least
		}
	}
}

func (reference) GaussianBlur(dst, src frame.Plane, sigma float64) {
	radius := int(math.Ceil(4 * sigma))
	weights, sum := make([]float64, 2*radius+1), 0.0
	for i := range weights {
		d := float64(i - radius)
		weights[i] = math.Exp(-d * d / (2 * sigma * sigma))
		sum += weights[i]
	}
	for i := range weights {
		weights[i] /= sum
	}
	for y := range dst.Height {
		for x := range dst.Width {
			v := 0.0
			for j := -radius; j <= radius; j++ {
				row := src.Row(min(max(y+j, 0), src.Height-1))
				for i := -radius; i <= radius; i++ {
					v += weights[i+radius] * weights[j+radius] * float64(row[min(max(x+i, 0), src.Width-1)])
				}
			}
			dst.Row(y)[x] = byte(math.Round(v))
		}
	}
}

func (reference) Mean(dst, src frame.Plane, k int) {
	for y := range dst.Height {
		for x := range dst.Width {
			sum := 0
			for j := y - k/2; j <= y+k/2; j++ {
				for i := x - k/2; i <= x+k/2; i++ {
					sum += int(src.Row(min(max(j, 0), src.Height-1))[min(max(i, 0), src.Width-1)])
				}
			}
			dst.Row(y)[x] = byte((sum + k*k/2) / (k * k))
		}
	}
}

// Flow finds one motion for the whole plane by trying all of up to eight
// samples: enough for a contract about uniform motion.
func (reference) Flow(dx, dy frame.Plane32, from, to frame.Plane) {
	best, bx, by := math.Inf(1), 0, 0
	for y := -8; y <= 8; y++ {
		for x := -8; x <= 8; x++ {
			if e := mismatch(from, to, x, y); e < best {
				best, bx, by = e, x, y
			}
		}
	}
	for y := range dx.Height {
		for x := range dx.Width {
			dx.Row(y)[x], dy.Row(y)[x] = float32(bx), float32(by)
		}
	}
}

func mismatch(from, to frame.Plane, dx, dy int) float64 {
	sum, n := 0.0, 0.0
	for y := max(0, -dy); y < min(from.Height, to.Height-dy); y++ {
		for x := max(0, -dx); x < min(from.Width, to.Width-dx); x++ {
			d := float64(from.Row(y)[x]) - float64(to.Row(y + dy)[x+dx])
			sum += d * d
			n++
		}
	}
	return sum / n
}

func (reference) Remap32(dst, src, x, y frame.Plane32, f frame.Filter) {
	for j := range dst.Height {
		for i := range dst.Width {
			kx, ky := at(float64(x.Row(j)[i]), src.Width, f), at(float64(y.Row(j)[i]), src.Height, f)
			dst.Row(j)[i] = ky.sum(func(b int) float32 {
				return kx.sum(func(a int) float32 { return src.Row(b)[a] })
			})
		}
	}
}

func (reference) Blend32(dst, base, src frame.Plane32, w frame.Warp) {
	size := dst.Width * dst.Height
	x, y, share := frame.NewPlane32(dst.Width, dst.Height), frame.NewPlane32(dst.Width, dst.Height), frame.NewPlane32(dst.Width, dst.Height)
	for j := range dst.Height {
		for i := range dst.Width {
			u := (float64(i+w.Margin)+0.5)/float64(w.Step) - 0.5
			v := (float64(j+w.Margin)+0.5)/float64(w.Step) - 0.5
			between := func(p frame.Plane32) float32 {
				ku, kv := at(u, p.Width, frame.Linear), at(v, p.Height, frame.Linear)
				return kv.sum(func(b int) float32 { return ku.sum(func(a int) float32 { return p.Row(b)[a] }) })
			}
			x.Row(j)[i], y.Row(j)[i], share.Row(j)[i] = between(w.X), between(w.Y), between(w.Share)
		}
	}
	found := frame.NewPlane32(dst.Width, dst.Height)
	for j := range dst.Height {
		for i := range dst.Width {
			kx := kernel(float64(x.Row(j)[i]), 2, src.Width, catmullRom)
			ky := kernel(float64(y.Row(j)[i]), 2, src.Height, catmullRom)
			found.Row(j)[i] = ky.sum(func(b int) float32 { return kx.sum(func(a int) float32 { return src.Row(b)[a] }) })
		}
	}
	for i := range size {
		j, i := i/dst.Width, i%dst.Width
		dst.Row(j)[i] += share.Row(j)[i] * (found.Row(j)[i] - base.Row(j)[i])
	}
}

func catmullRom(x float64) float64 { return cubicKernel(x, -0.5) }

func at(centre float64, n int, f frame.Filter) tap {
	if f == frame.Cubic {
		return kernel(centre, 2, n, keys)
	}
	return kernel(centre, 1, n, func(x float64) float64 { return max(0, 1-math.Abs(x)) })
}

func (reference) Add(dst frame.Plane, residual frame.Plane32, alpha frame.Plane) {
	for y := range dst.Height {
		for x, a := range alpha.Row(y) {
			if a > 0 {
				v := float64(dst.Row(y)[x]) + float64(residual.Row(y)[x])*float64(a)/255
				dst.Row(y)[x] = byte(min(max(math.Round(v), 0), 255))
			}
		}
	}
}

func (reference) Matrix(dst [3]frame.Plane32, src [3]frame.Plane, m *frame.Matrix) {
	for y := range dst[0].Height {
		for x := range dst[0].Width {
			for i, v := range product(m, func(k int) float32 { return float32(src[k].Row(y)[x]) }) {
				dst[i].Row(y)[x] = min(max(v, m.Low), m.High)
			}
		}
	}
}

func (reference) Difference(dst, a, b [3]frame.Plane32, m *frame.Matrix) {
	for y := range dst[0].Height {
		for x := range dst[0].Width {
			for i, v := range product(m, func(k int) float32 {
				return min(max(a[k].Row(y)[x], m.Low), m.High) - b[k].Row(y)[x]
			}) {
				dst[i].Row(y)[x] = v
			}
		}
	}
}

func product(m *frame.Matrix, at func(int) float32) (out [3]float32) {
	for i := range out {
		w := m.Weights[4*i:]
		out[i] = w[0]*at(0) + w[1]*at(1) + w[2]*at(2) + w[3]
	}
	return out
}

func (reference) Close() error { return nil }
