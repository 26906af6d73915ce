// Package resize stretches packed 8-bit RGB pictures with the filters that
// networks are fed with: as Pillow does to the last bit, as OpenCV does to one
// grey level. It is a leaf.
package resize

import "fmt"

// Filter names a way to stretch a picture, as sam3.json does.
type Filter string

// The filters. Those with AA are antialiased: they widen where a picture becomes
// smaller.
const (
	BilinearAA Filter = "bilinear_aa" // Pillow's BILINEAR: SAM 3 in transformers
	BicubicAA  Filter = "bicubic_aa"  // Pillow's BICUBIC: "resample": 3 of a preprocessor_config.json
	LanczosAA  Filter = "lanczos_aa"  // Pillow's LANCZOS: Instruct-Pix2Pix in diffusers
	Cubic      Filter = "cubic"       // OpenCV's INTER_CUBIC: SAM 3 of Meta on videos
)

// Resizer stretches pictures of one size to another. It is used by one goroutine
// at a time.
type Resizer interface {
	// Run fills dst, packed R, G, B bytes in rows from the top, with the picture
	// in src. It panics when either has not the size that New was told.
	Run(dst, src []byte)
}

// New returns a Resizer for pictures of w by h samples, to be made toW by toH. A
// size below 1 and a filter that is none are errors.
func New(f Filter, w, h, toW, toH int) (Resizer, error) {
	if min(w, h, toW, toH) <= 0 {
		return nil, fmt.Errorf("resize: %d by %d to %d by %d samples", w, h, toW, toH)
	}
	s := sizes{w, h, toW, toH}
	switch f {
	case BilinearAA:
		return newPillow(s, triangle), nil
	case BicubicAA:
		return newPillow(s, catmullRom), nil
	case LanczosAA:
		return newPillow(s, lanczos), nil
	case Cubic:
		return newCubic(s), nil
	}
	return nil, fmt.Errorf("resize: filter %q is unknown", f)
}

// sizes are those of a picture and of what is made of it, in samples.
type sizes struct{ width, height, toWidth, toHeight int }

// check panics when a picture has another size.
func (s sizes) check(dst, src []byte) {
	if len(src) != 3*s.width*s.height || len(dst) != 3*s.toWidth*s.toHeight {
		panic(fmt.Sprintf("resize: %d to %d bytes, want %d by %d to %d by %d pixels",
			len(src), len(dst), s.width, s.height, s.toWidth, s.toHeight))
	}
}

// clamp returns v as a sample. Without a branch of its own for each border: most
// samples need neither.
func clamp(v int32) byte {
	if uint32(v) > 255 {
		v = ^v >> 31 // all bits, or none for what is below 0
	}
	return byte(v)
}
