// Package nut reads and writes the part of the NUT container that carries one
// stream of uncompressed pictures through a pipe. Of the formats that ffmpeg
// both reads and writes it is the smallest that keeps each picture's exact
// presentation time.
//
// A file is the identification string, then packets. A packet that is not a
// frame starts with an eight byte code whose first byte is 'N':
//
//	main       time bases and the table of frame codes
//	stream     size, pixel format, time base
//	info       tags, here the nominal frame rate
//	syncpoint  a reference time; frames count from it
//	index      not needed by a reader of a pipe
//
// A frame starts with its frame code, any byte but 'N'; the table says which
// fields follow and what the others are. Numbers are big endian groups of seven
// bits, the last one with its top bit clear.
package nut

const identification = "nut/multimedia container\x00"

// Start codes of packets.
const (
	codeMain      = 0x4E4D7A561F5F04AD
	codeStream    = 0x4E5311405BF2F9DB
	codeSyncpoint = 0x4E4BE4ADEECA4569
	codeIndex     = 0x4E58DD672F23E64E
	codeInfo      = 0x4E49AB68B596BA78
)

// Flags of a frame code.
const (
	flagKey       = 1 << 0
	flagCodedPTS  = 1 << 3
	flagStreamID  = 1 << 4
	flagSizeMSB   = 1 << 5
	flagChecksum  = 1 << 6
	flagReserved  = 1 << 7
	flagSideData  = 1 << 8
	flagHeaderIdx = 1 << 10
	flagMatchTime = 1 << 11
	flagCoded     = 1 << 12
	flagInvalid   = 1 << 13
)

// Above this size a packet's header has a checksum of its own and a frame's
// elided header does not apply.
const smallPacket = 4096

// Rational is an exact fraction.
type Rational struct{ Num, Den int64 }

func (r Rational) reduced() Rational {
	a, b := r.Num, r.Den
	for b != 0 {
		a, b = b, a%b
	}
	if a == 0 {
		return r
	}
	return Rational{r.Num / a, r.Den / a}
}

// Header describes the stream of pictures.
type Header struct {
	FourCC    string   // pixel format: "I420" for planar 4:2:0, "RGB\x18" for packed RGB
	Width     int      // samples
	Height    int      // samples
	TimeBase  Rational // seconds per tick of a presentation time
	Aspect    Rational // of one sample; 0/0 when unknown
	FrameRate Rational // nominal, frames per second; 0/0 when unknown
}

// The pixel formats by the names the container has for them.
const (
	I420  = "I420"
	RGB24 = "RGB\x18"
)

// crcTable is the table of the cyclic redundancy check with the generator
// 0x04C11DB7, most significant bit first, starting from 0.
type crcTable [256]uint32

func newCRCTable() *crcTable {
	var t crcTable
	for i := range t {
		c := uint32(i) << 24
		for range 8 {
			if c&(1<<31) != 0 {
				c = c<<1 ^ 0x04C11DB7
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return &t
}

func (t *crcTable) sum(b []byte) uint32 {
	c := uint32(0)
	for _, x := range b {
		c = c<<8 ^ t[byte(c>>24)^x]
	}
	return c
}
