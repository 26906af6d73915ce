package nut

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	maxPacket = 1 << 20 // bytes of a header packet
	maxFrame  = 1 << 30 // bytes of a picture
	maxSide   = 1 << 16 // samples
	maxFields = 256     // of no meaning yet in a frame's header
)

// Reader reads the pictures of a file with one video stream.
type Reader struct {
	r       *bufio.Reader
	crc     *crcTable
	header  Header
	codes   [256]frameCode
	elided  [][]byte // beginnings that small frames leave out; the first is empty
	shift   uint     // bits of a coded time
	last    int64    // time of the last frame or syncpoint
	prefix  []byte   // left out of the current picture and not read yet
	left    int      // bytes of the current picture in the file and not read yet
	synced  bool
	waiting bool   // a syncpoint promised a frame
	scratch []byte // content of the current packet
}

// frameCode is what a frame's first byte stands for.
type frameCode struct {
	flags    uint64
	ptsDelta int64
	sizeMul  uint64
	sizeLSB  uint64
	reserved uint64 // fields of no meaning yet
	elided   uint64 // index of the header left out
}

// NewReader reads the headers up to the first syncpoint.
func NewReader(r io.Reader) (*Reader, error) {
	nr := &Reader{r: bufio.NewReaderSize(r, 1<<16), crc: newCRCTable()}
	var id [len(identification)]byte
	if _, err := io.ReadFull(nr.r, id[:]); err != nil {
		return nil, fmt.Errorf("nut: read identification: %w", err)
	}
	if string(id[:]) != identification {
		return nil, errors.New("nut: not a NUT file")
	}
	var haveMain, haveStream bool
	for !nr.synced {
		first, err := nr.r.ReadByte()
		if err != nil {
			return nil, fmt.Errorf("nut: read headers: %w", err)
		}
		if first != 'N' {
			return nil, errors.New("nut: frame before the first syncpoint")
		}
		code, body, err := nr.packet()
		if err != nil {
			return nil, err
		}
		switch {
		case code == codeMain && !haveMain:
			haveMain, err = true, nr.parseMain(body)
		case code == codeStream && haveMain && !haveStream:
			haveStream, err = true, nr.parseStream(body)
		case code == codeInfo && haveStream:
			nr.parseInfo(body)
		case code == codeSyncpoint && haveStream:
			err = nr.parseSyncpoint(body)
		case code == codeSyncpoint, code == codeStream:
			err = errors.New("nut: packets out of order")
		}
		if err != nil {
			return nil, err
		}
	}
	return nr, nil
}

// Header returns the stream's description.
func (r *Reader) Header() Header { return r.header }

// Next goes to the next picture, past what is left of the current one, and
// returns its time and the number of its bytes. At the end of a complete file
// the error is io.EOF, inside a packet io.ErrUnexpectedEOF.
func (r *Reader) Next() (pts int64, size int, err error) {
	r.prefix = nil
	if r.left > 0 {
		n, err := r.r.Discard(r.left)
		r.left -= n
		if err != nil {
			return 0, 0, fmt.Errorf("nut: skip picture: %w", unexpected(err))
		}
	}
	for {
		first, err := r.r.ReadByte()
		if err == io.EOF && !r.waiting {
			return 0, 0, io.EOF
		}
		if err != nil {
			return 0, 0, fmt.Errorf("nut: read frame: %w", unexpected(err))
		}
		if first != 'N' {
			r.waiting = false
			return r.frame(first)
		}
		code, body, err := r.packet()
		if err != nil {
			return 0, 0, err
		}
		if code == codeSyncpoint {
			if err := r.parseSyncpoint(body); err != nil {
				return 0, 0, err
			}
		}
	}
}

// Read reads samples of the current picture; io.EOF at its end. Large reads go
// straight from the pipe to p.
func (r *Reader) Read(p []byte) (int, error) {
	if len(r.prefix) > 0 {
		n := copy(p, r.prefix)
		r.prefix = r.prefix[n:]
		return n, nil
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.r.Read(p[:min(len(p), r.left)])
	r.left -= n
	if err != nil && r.left > 0 {
		return n, unexpected(err)
	}
	return n, nil
}

// packet reads the rest of a packet whose first byte was 'N'. The content
// stays valid until the next call.
func (r *Reader) packet() (code uint64, body []byte, err error) {
	code = uint64('N') << 56
	for shift := 48; shift >= 0; shift -= 8 {
		b, err := r.r.ReadByte()
		if err != nil {
			return 0, nil, fmt.Errorf("nut: read start code: %w", unexpected(err))
		}
		code |= uint64(b) << shift
	}
	switch code {
	case codeMain, codeStream, codeInfo, codeSyncpoint, codeIndex:
	default:
		return 0, nil, fmt.Errorf("nut: unknown start code %#x", code)
	}
	size, err := r.readV()
	if err != nil {
		return 0, nil, err
	}
	if size < 4 || size > maxPacket && code != codeIndex || size > math.MaxInt32 {
		return 0, nil, fmt.Errorf("nut: packet of %d bytes", size)
	}
	if size > smallPacket {
		if _, err := r.r.Discard(4); err != nil {
			return 0, nil, fmt.Errorf("nut: read packet: %w", unexpected(err))
		}
	}
	if code == codeIndex { // grows with the file and serves only seeking
		if _, err := r.r.Discard(int(size)); err != nil {
			return 0, nil, fmt.Errorf("nut: skip index: %w", unexpected(err))
		}
		return code, nil, nil
	}
	if cap(r.scratch) < int(size) {
		r.scratch = make([]byte, size)
	}
	b := r.scratch[:size]
	if _, err := io.ReadFull(r.r, b); err != nil {
		return 0, nil, fmt.Errorf("nut: read packet: %w", unexpected(err))
	}
	body = b[:size-4]
	if r.crc.sum(body) != binary.BigEndian.Uint32(b[size-4:]) {
		return 0, nil, errors.New("nut: packet with a wrong checksum")
	}
	return code, body, nil
}

// frame reads the rest of a frame's header.
func (r *Reader) frame(code byte) (pts int64, size int, err error) {
	h, err := r.frameHeader(r.codes[code])
	switch {
	case err != nil:
		return 0, 0, fmt.Errorf("nut: frame code %d: %w", code, err)
	case h.stream != 0:
		return 0, 0, fmt.Errorf("nut: frame of stream %d", h.stream)
	case h.size > maxFrame:
		return 0, 0, fmt.Errorf("nut: frame of %d bytes", h.size)
	case h.pts < 0:
		return 0, 0, fmt.Errorf("nut: negative time %d", h.pts)
	}
	if h.size > smallPacket {
		h.elided = 0
	}
	if h.elided >= uint64(len(r.elided)) || uint64(len(r.elided[h.elided])) > h.size {
		return 0, 0, fmt.Errorf("nut: frame with elided header %d", h.elided)
	}
	r.prefix = r.elided[h.elided]
	r.last, r.left = h.pts, int(h.size)-len(r.prefix)
	return h.pts, int(h.size), nil
}

// frameHeader is a frame's header with what its code stands for filled in.
type frameHeader struct {
	stream uint64
	pts    int64
	size   uint64
	elided uint64
}

// frameHeader reads the fields that a frame code asks for.
func (r *Reader) frameHeader(c frameCode) (h frameHeader, err error) {
	flags := c.flags
	field := func(flag, otherwise uint64) uint64 {
		if flags&flag == 0 || err != nil {
			return otherwise
		}
		var v uint64
		v, err = r.readV()
		return v
	}
	flags ^= field(flagCoded, 0)
	if flags&(flagInvalid|flagSideData) != 0 {
		return h, errors.New("invalid, or with side data")
	}
	h.stream = field(flagStreamID, 0)
	h.pts = r.last + c.ptsDelta
	if flags&flagCodedPTS != 0 {
		h.pts = r.fullPTS(field(flagCodedPTS, 0))
	}
	msb := field(flagSizeMSB, 0)
	field(flagMatchTime, 0)
	h.elided = field(flagHeaderIdx, c.elided)
	reserved := field(flagReserved, c.reserved)
	if err != nil {
		return h, err
	}
	if reserved > maxFields || msb > maxFrame || c.sizeMul > maxFrame {
		return h, errors.New("a field out of range")
	}
	for range reserved {
		if _, err := r.readV(); err != nil {
			return h, err
		}
	}
	h.size = msb*c.sizeMul + c.sizeLSB
	if flags&flagChecksum != 0 {
		if _, err := r.r.Discard(4); err != nil {
			return h, unexpected(err)
		}
	}
	return h, nil
}

// fullPTS completes a time of which only the lowest bits were coded.
func (r *Reader) fullPTS(coded uint64) int64 {
	if limit := uint64(1) << r.shift; coded >= limit {
		return int64(coded - limit)
	}
	mask := int64(1)<<r.shift - 1
	delta := r.last - mask/2
	return (int64(coded)-delta)&mask + delta
}

func (r *Reader) readV() (uint64, error) {
	var v uint64
	for {
		b, err := r.r.ReadByte()
		if err != nil {
			return 0, fmt.Errorf("nut: read number: %w", unexpected(err))
		}
		if v > math.MaxInt64>>7 {
			return 0, errors.New("nut: number over 63 bits")
		}
		v = v<<7 | uint64(b&0x7F)
		if b&0x80 == 0 {
			return v, nil
		}
	}
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
