package onnx

import (
	"encoding/binary"
	"math"
)

// halves writes src as little-endian float16, rounded to the nearest, ties to
// even; dst holds two bytes for each number.
func halves(dst []byte, src []float32) {
	for i, f := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], toHalf(f))
	}
}

// floats reads little-endian float16 from src.
func floats(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = fromHalf(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

// toHalf rounds f to float16: 1 sign, 5 exponent and 10 fraction bits.
func toHalf(f float32) uint16 {
	bits := math.Float32bits(f)
	sign := uint16(bits>>16) & 0x8000
	bits &^= 1 << 31
	const (
		infinity = 0x7f800000
		overflow = 0x477ff000 // 65520, the first that rounds to infinity
		normal   = 0x38800000 // 2^-14, the smallest normal float16
	)
	switch {
	case bits > infinity:
		return sign | 0x7e00
	case bits >= overflow:
		return sign | 0x7c00
	case bits >= normal:
		// Rebias the exponent from 127 to 15 and round away 13 bits; a
		// carry moves into the exponent, as it must.
		bits -= (127 - 15) << 23
		return sign | uint16((bits+0x0fff+bits>>13&1)>>13)
	default:
		// Adding 0.5 leaves the fraction in units of 2^-24, rounded by the
		// processor.
		sum := math.Float32frombits(bits) + 0.5
		return sign | uint16(math.Float32bits(sum)-math.Float32bits(0.5))
	}
}

// fromHalf widens a float16; every value has a float32.
func fromHalf(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exponent, fraction := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0:
		f := float32(fraction) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
