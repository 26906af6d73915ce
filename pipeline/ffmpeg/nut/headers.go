package nut

import (
	"bytes"
	"errors"
	"fmt"
	"math"
)

// fields reads the content of a packet. After the first fault every number is
// 0 and err says what it was.
type fields struct {
	b   []byte
	err error
}

func (f *fields) v() uint64 {
	var v uint64
	for i, b := range f.b {
		if v > math.MaxInt64>>7 {
			f.fail("number over 63 bits")
			return 0
		}
		v = v<<7 | uint64(b&0x7F)
		if b&0x80 == 0 {
			f.b = f.b[i+1:]
			return v
		}
	}
	f.fail("packet too short")
	return 0
}

func (f *fields) s() int64 {
	v := f.v() + 1
	if v&1 == 1 {
		return -int64(v >> 1)
	}
	return int64(v >> 1)
}

func (f *fields) bytes() []byte {
	n := f.v()
	if n > uint64(len(f.b)) {
		f.fail("packet too short")
		return nil
	}
	b := f.b[:n]
	f.b = f.b[n:]
	return b
}

func (f *fields) fail(what string) {
	if f.err == nil {
		f.err = errors.New("nut: " + what)
	}
	f.b = nil
}

func (r *Reader) parseMain(body []byte) error {
	f := &fields{b: body}
	version := f.v()
	if version != 3 {
		return fmt.Errorf("nut: version %d", version)
	}
	if streams := f.v(); streams != 1 {
		return fmt.Errorf("nut: %d streams instead of one", streams)
	}
	f.v() // greatest distance between syncpoints
	if n := f.v(); n != 1 {
		return fmt.Errorf("nut: %d time bases instead of one", n)
	}
	num, den := f.v(), f.v()
	if num == 0 || den == 0 || num > math.MaxInt32 || den > math.MaxInt32 {
		return fmt.Errorf("nut: time base %d/%d", num, den)
	}
	r.header.TimeBase = Rational{int64(num), int64(den)}
	if err := r.parseFrameCodes(f); err != nil {
		return err
	}
	count := f.v()
	if count > 128 {
		return fmt.Errorf("nut: %d elided headers", count)
	}
	r.elided = [][]byte{nil}
	for range count {
		r.elided = append(r.elided, bytes.Clone(f.bytes()))
	}
	return f.err
}

// parseFrameCodes expands the run lengths of the table of frame codes.
func (r *Reader) parseFrameCodes(f *fields) error {
	c := frameCode{sizeMul: 1}
	for i := 0; i < len(r.codes); {
		c.flags, c.sizeLSB, c.reserved = f.v(), 0, 0
		n := f.v()
		if n > 64 {
			return fmt.Errorf("nut: %d fields in a frame code", n)
		}
		var count uint64
		for k := range n {
			switch k {
			case 0:
				c.ptsDelta = f.s()
			case 1:
				c.sizeMul = f.v()
			case 2:
				if stream := f.v(); stream != 0 {
					c.flags |= flagInvalid
				}
			case 3:
				c.sizeLSB = f.v()
			case 4:
				c.reserved = f.v()
			case 5:
				count = f.v()
			case 7:
				c.elided = f.v()
			default: // 6 is a match time; the others are not defined yet
				f.v()
			}
		}
		if n <= 5 {
			count = c.sizeMul - c.sizeLSB
		}
		if f.err != nil {
			return f.err
		}
		if count == 0 || count > uint64(len(r.codes)-i) || c.sizeLSB > maxFrame {
			return errors.New("nut: bad table of frame codes")
		}
		for j := uint64(0); j < count && i < len(r.codes); i++ {
			if i == 'N' {
				r.codes[i].flags = flagInvalid
				continue
			}
			r.codes[i] = c
			r.codes[i].sizeLSB += j
			j++
		}
	}
	r.codes['N'].flags = flagInvalid
	return nil
}

func (r *Reader) parseStream(body []byte) error {
	f := &fields{b: body}
	if id, class := f.v(), f.v(); id != 0 || class != 0 {
		return fmt.Errorf("nut: stream %d of class %d instead of one video stream", id, class)
	}
	r.header.FourCC = string(f.bytes())
	f.v() // time base
	shift := f.v()
	if shift > 16 {
		return fmt.Errorf("nut: times of %d bits", shift)
	}
	r.shift = uint(shift)
	f.v()     // greatest distance between times
	f.v()     // decode delay
	f.v()     // flags
	f.bytes() // codec specific data
	w, h := f.v(), f.v()
	if f.err == nil && (w == 0 || h == 0 || w > maxSide || h > maxSide) {
		return fmt.Errorf("nut: picture of %dx%d", w, h)
	}
	r.header.Width, r.header.Height = int(w), int(h)
	r.header.Aspect = Rational{int64(f.v()), int64(f.v())}
	f.v() // colour space
	return f.err
}

// parseInfo picks up the nominal frame rate. Tags are a courtesy: a packet that
// cannot be read is left out.
func (r *Reader) parseInfo(body []byte) {
	f := &fields{b: body}
	stream := f.v()
	f.s() // chapter
	f.v() // start
	f.v() // length
	count := f.v()
	for i := uint64(0); i < count && f.err == nil; i++ {
		name := string(f.bytes())
		switch kind := f.s(); kind {
		case -1:
			value := f.bytes()
			var rate Rational
			if stream == 1 && name == "r_frame_rate" {
				if n, _ := fmt.Sscanf(string(value), "%d/%d", &rate.Num, &rate.Den); n == 2 && rate.Num > 0 && rate.Den > 0 {
					r.header.FrameRate = rate
				}
			}
		case -2: // a typed value: its type, then its bytes
			f.bytes()
			f.bytes()
		case -3: // a signed number
			f.s()
		case -4: // a time
			f.v()
		default:
			if kind < -4 { // a fraction: the numerator follows
				f.s()
			}
		}
	}
}

func (r *Reader) parseSyncpoint(body []byte) error {
	f := fields{b: body}
	r.last = int64(f.v()) // one time base, so the time is not scaled by its number
	f.v()                 // distance to the syncpoint before, for seeking
	r.synced, r.waiting = f.err == nil, true
	return f.err
}
