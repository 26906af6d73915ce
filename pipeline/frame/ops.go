package frame

// Filter names how Resize computes a sample.
type Filter uint8

const (
	// Nearest copies the closest sample.
	Nearest Filter = iota
	// Linear interpolates between the four closest samples.
	Linear
	// Area averages what a sample covers: the choice for shrinking.
	Area
	// Cubic interpolates over four by four samples: the choice for motion.
	Cubic
	// Lanczos interpolates over eight by eight samples: the choice for
	// enlarging.
	Lanczos
)

// Warp says for the samples of a plane where they are found in another one and
// how much they count there. It is given on a lattice, linear between the
// centres of its cells and constant beyond them: cell (i, j) is Step by Step
// samples and begins at sample (i·Step - Margin, j·Step - Margin).
type Warp struct {
	X, Y   Plane32 // positions in the other plane
	Share  Plane32
	Step   int
	Margin int
}

// Matrix is a linear function of the three samples (a, b, c) at one place:
// component i of the result is w[0]·a + w[1]·b + w[2]·c + w[3] with w =
// Weights[4*i:]. Low and High are bounds, used as each operation says.
type Matrix struct {
	Weights   [12]float32
	Low, High float32
}

// Ops are the operations on pixels that the stages leave to a library. The
// opencv package implements them; pixels stay in the caller's memory. No
// method keeps a plane after it returns and none allocates Go memory in
// steady state. An Ops value is used by one goroutine at a time.
type Ops interface {
	// Resize fills dst with src stretched to dst's size.
	Resize(dst, src Plane, f Filter)
	// Resize32 is Resize for float32 samples.
	Resize32(dst, src Plane32, f Filter)
	// Erode writes the minimum over a k by k square around each sample of
	// src, anchored as OpenCV anchors it. Samples outside src do not count.
	// dst and src have one size and are different memory.
	Erode(dst, src Plane, k int)
	// GaussianBlur blurs src into dst with standard deviation sigma,
	// repeating the border outwards.
	GaussianBlur(dst, src Plane, sigma float64)
	// Mean writes the mean over a k by k square centred on each sample of src,
	// repeating the border outwards; k is odd. dst and src have one size and are
	// different memory.
	Mean(dst, src Plane, k int)
	// Flow estimates dense motion: the sample at (x, y) of from is found at
	// (x+dx, y+dy) of to. All four planes have one size.
	Flow(dx, dy Plane32, from, to Plane)
	// Remap32 samples src at (x[i], y[i]) for each sample i of dst with the
	// filter Linear or Cubic; positions outside src repeat its border.
	Remap32(dst, src, x, y Plane32, f Filter)
	// Blend32 moves dst, sample by sample, towards what w finds in src and away
	// from base: dst += share·(src at (x, y) - base). src is interpolated over
	// four by four samples (Catmull and Rom) and repeats its border outwards.
	// Four samples in a row may be taken from four neighbours in src, placed by
	// their middle. dst and base have one size.
	Blend32(dst, base, src Plane32, w Warp)
	// Add adds residual·alpha/255 to dst, rounded to the nearest level and kept
	// in 0..255. A sample whose alpha is 0 keeps its value. All planes have one
	// size.
	Add(dst Plane, residual Plane32, alpha Plane)
	// Matrix fills dst with m of src, kept within m's bounds. All planes have one
	// size.
	Matrix(dst [3]Plane32, src [3]Plane, m *Matrix)
	// Difference fills dst with m of a - b, where a is kept within m's bounds
	// first. All planes have one size.
	Difference(dst, a, b [3]Plane32, m *Matrix)
	// Close frees what the operations hold.
	Close() error
}
