// Package frame holds the pixels of one picture: planar Y'CbCr 4:2:0 as the
// decoder gave it, single planes, and the edit of a frame as a patch. It is a
// leaf: it knows no codec, no tensor and no library.
package frame

// Frame is one picture of a video: 8-bit planar Y'CbCr 4:2:0 without padding.
//
// Width and Height are even; a source with an odd size is extended by one
// column or row that repeats its neighbour, so that no sample of it is lost.
// A Frame belongs to one stage at a time.
type Frame struct {
	Index  int    // position in decoding order of the output, from 0
	PTS    int64  // presentation time in the stream's time base
	Width  int    // luma columns
	Height int    // luma rows
	Pix    []byte // Y, then Cb, then Cr: Width*Height*3/2 bytes
}

// Size returns the number of bytes of a w by h frame.
func Size(w, h int) int { return w*h + 2*((w/2)*(h/2)) }

// New returns a frame of w by h samples; both must be even.
func New(w, h int) *Frame {
	return &Frame{Width: w, Height: h, Pix: make([]byte, Size(w, h))}
}

// Y returns the luma plane. It shares the frame's memory.
func (f *Frame) Y() Plane {
	n := f.Width * f.Height
	return Plane{Pix: f.Pix[:n:n], Stride: f.Width, Width: f.Width, Height: f.Height}
}

// Cb returns the blue-difference plane, half the size of luma each way. It
// shares the frame's memory.
func (f *Frame) Cb() Plane { return f.chroma(0) }

// Cr returns the red-difference plane, half the size of luma each way. It
// shares the frame's memory.
func (f *Frame) Cr() Plane { return f.chroma(1) }

func (f *Frame) chroma(i int) Plane {
	w, h := f.Width/2, f.Height/2
	from := f.Width*f.Height + i*w*h
	return Plane{Pix: f.Pix[from : from+w*h : from+w*h], Stride: w, Width: w, Height: h}
}

// Samples is a rectangle of samples inside a larger picture.
type Samples[T byte | float32] struct {
	Pix    []T // Pix[y*Stride+x]
	Stride int // samples from one row to the next
	Width  int
	Height int
}

// Plane holds 8-bit samples: a component of a frame, a mask.
type Plane = Samples[byte]

// Plane32 holds float32 samples: logits, motion, residuals.
type Plane32 = Samples[float32]

// NewPlane returns a plane of its own memory, all zero.
func NewPlane(w, h int) Plane {
	return Plane{Pix: make([]byte, w*h), Stride: w, Width: w, Height: h}
}

// NewPlane32 returns a plane of its own memory, all zero.
func NewPlane32(w, h int) Plane32 {
	return Plane32{Pix: make([]float32, w*h), Stride: w, Width: w, Height: h}
}

// Row returns row y.
func (p Samples[T]) Row(y int) []T { return p.Pix[y*p.Stride:][:p.Width] }

// Sub returns the part of p that starts at (x, y) and is w by h samples large.
// It shares p's memory.
func (p Samples[T]) Sub(x, y, w, h int) Samples[T] {
	from := y*p.Stride + x
	to := from + (h-1)*p.Stride + w
	if w == 0 || h == 0 {
		to = from
	}
	return Samples[T]{Pix: p.Pix[from:to], Stride: p.Stride, Width: w, Height: h}
}
