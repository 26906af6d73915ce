package resize

import "math"

// kernel is a filter: its reach each way in samples of the larger of both
// pictures, and its value at a distance.
type kernel struct {
	reach float64
	at    func(x float64) float64
	// signed says that some values are below 0, so that a sum of samples may
	// leave 0..255.
	signed bool
}

var (
	triangle = kernel{reach: 1, at: func(x float64) float64 { return max(1-math.Abs(x), 0) }}

	// catmullRom is Keys' cubic with a = -1/2.
	catmullRom = kernel{reach: 2, signed: true, at: func(x float64) float64 {
		const a = -0.5
		switch x = math.Abs(x); {
		case x < 1:
			return ((a+2)*x-(a+3))*x*x + 1
		case x < 2:
			return (((x-5)*x+8)*x - 4) * a
		}
		return 0
	}}

	// lanczos is a sinc within three of its periods each way, under a wider one.
	lanczos = kernel{reach: 3, signed: true, at: func(x float64) float64 {
		if x < -3 || x >= 3 {
			return 0
		}
		return sinc(x) * sinc(x/3)
	}}
)

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}
