package nut

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Writer writes pictures of one size, each behind a syncpoint of its own: a
// frame then needs no time field and a reader no distance check.
type Writer struct {
	w    io.Writer
	crc  *crcTable
	buf  []byte // the bytes before a picture's samples, used again for each
	body []byte // the content of the packet being built
}

// NewWriter writes the headers of a stream that h describes.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	if h.Width <= 0 || h.Height <= 0 || h.TimeBase.Num <= 0 || h.TimeBase.Den <= 0 {
		return nil, fmt.Errorf("nut: bad header: size %dx%d, time base %d/%d",
			h.Width, h.Height, h.TimeBase.Num, h.TimeBase.Den)
	}
	nw := &Writer{w: w, crc: newCRCTable(), buf: make([]byte, 0, 1024), body: make([]byte, 0, 512)}
	nw.buf = append(nw.buf, identification...)
	nw.packet(codeMain, appendMain(nw.body[:0], h.TimeBase.reduced()))
	nw.packet(codeStream, appendStream(nw.body[:0], h))
	if h.FrameRate.Num > 0 && h.FrameRate.Den > 0 {
		nw.packet(codeInfo, appendFrameRate(nw.body[:0], h.FrameRate))
	}
	if _, err := w.Write(nw.buf); err != nil {
		return nil, fmt.Errorf("nut: write headers: %w", err)
	}
	return nw, nil
}

// WriteFrame writes one picture. pts counts ticks of the time base and is not
// negative; pix is kept only until WriteFrame returns.
func (w *Writer) WriteFrame(pts int64, pix []byte) error {
	if pts < 0 {
		return fmt.Errorf("nut: negative time %d", pts)
	}
	if len(pix) == 0 {
		return errors.New("nut: empty picture")
	}
	w.buf = w.buf[:0]
	body := appendV(w.body[:0], uint64(pts))
	w.packet(codeSyncpoint, appendV(body, 0))
	frame := len(w.buf)
	w.buf = append(w.buf, 0) // the only frame code of appendMain's table
	w.buf = appendV(w.buf, uint64(len(pix)))
	w.buf = binary.BigEndian.AppendUint32(w.buf, w.crc.sum(w.buf[frame:]))
	if _, err := w.w.Write(w.buf); err != nil {
		return fmt.Errorf("nut: write frame header: %w", err)
	}
	if _, err := w.w.Write(pix); err != nil {
		return fmt.Errorf("nut: write frame: %w", err)
	}
	return nil
}

// packet appends a packet with its checksums to buf.
func (w *Writer) packet(code uint64, body []byte) {
	start := len(w.buf)
	w.buf = binary.BigEndian.AppendUint64(w.buf, code)
	size := len(body) + 4
	w.buf = appendV(w.buf, uint64(size))
	if size > smallPacket {
		w.buf = binary.BigEndian.AppendUint32(w.buf, w.crc.sum(w.buf[start:]))
	}
	w.buf = append(w.buf, body...)
	w.buf = binary.BigEndian.AppendUint32(w.buf, w.crc.sum(body))
}

// appendMain appends the main header's content: one stream, one time base, and
// a table in which code 0 is a key frame with its size and a checksum, and
// every other code is invalid.
func appendMain(b []byte, tb Rational) []byte {
	const version, streams, maxDistance = 3, 1, 65536
	for _, v := range []uint64{version, streams, maxDistance, 1, uint64(tb.Num), uint64(tb.Den)} {
		b = appendV(b, v)
	}
	const fields = 6
	for _, e := range []struct{ flags, count uint64 }{
		{flagKey | flagSizeMSB | flagChecksum, 1},
		{flagInvalid, 254}, // 'N' is not counted
	} {
		b = appendV(b, e.flags)
		b = appendV(b, fields)
		b = appendS(b, 0) // time since the last frame
		b = appendV(b, 1) // size multiplier
		b = appendV(b, 0) // stream
		b = appendV(b, 0) // size remainder
		b = appendV(b, 0) // reserved fields
		b = appendV(b, e.count)
	}
	return appendV(b, 0) // no elided headers
}

func appendStream(b []byte, h Header) []byte {
	b = appendV(b, 0) // stream
	b = appendV(b, 0) // class: video
	b = appendV(b, uint64(len(h.FourCC)))
	b = append(b, h.FourCC...)
	for _, v := range []uint64{
		0, // time base
		7, // bits of a coded time; unused, frames are at their syncpoint's time
		1, // greatest distance between times without a checksum
		0, // decode delay
		0, // flags
		0, // codec specific data
		uint64(h.Width), uint64(h.Height),
	} {
		b = appendV(b, v)
	}
	aspect := Rational{}
	if h.Aspect.Num > 0 && h.Aspect.Den > 0 {
		aspect = h.Aspect.reduced()
	}
	b = appendV(b, uint64(aspect.Num))
	b = appendV(b, uint64(aspect.Den))
	return appendV(b, 0) // colour space: told by tags, not here
}

func appendFrameRate(b []byte, r Rational) []byte {
	b = appendV(b, 1) // stream 0
	b = appendS(b, 0) // no chapter
	b = appendV(b, 0) // start
	b = appendV(b, 0) // length
	b = appendV(b, 1) // one tag
	const name = "r_frame_rate"
	b = appendV(b, uint64(len(name)))
	b = append(b, name...)
	b = appendS(b, -1) // a string follows
	value := fmt.Sprintf("%d/%d", r.Num, r.Den)
	b = appendV(b, uint64(len(value)))
	return append(b, value...)
}

// appendV appends an unsigned number of any length.
func appendV(b []byte, v uint64) []byte {
	shift := 0
	for v>>shift > 0x7F && shift < 63 {
		shift += 7
	}
	for ; shift > 0; shift -= 7 {
		b = append(b, 0x80|byte(v>>shift))
	}
	return append(b, byte(v)&0x7F)
}

// appendS appends a signed number: 0, 1, -1, 2, -2, ... become 0, 1, 2, 3, 4.
func appendS(b []byte, v int64) []byte {
	if v > 0 {
		return appendV(b, uint64(2*v-1))
	}
	return appendV(b, uint64(-2*v))
}
