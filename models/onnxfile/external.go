package onnxfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ErrFormat says that a file is not an ONNX graph.
var ErrFormat = errors.New("not an ONNX file")

// maxString bounds what is kept in memory of one external data entry.
const maxString = 4096

// maxDepth bounds how deep graphs lie in attributes of nodes of graphs.
const maxDepth = 64

// Locations returns the names of the files that hold the data of the graph in
// r, sorted and without repetition: what the graph's external tensors call
// their location. It steps over the data of tensors, so a file of gigabytes
// costs neither memory nor time. A file that cannot be read as a ModelProto
// with a graph gives ErrFormat.
func Locations(r io.ReadSeeker) ([]string, error) {
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	s := scanner{file: r, in: bufio.NewReader(r), size: size}
	if err := s.message(modelProto, -1, 0); err != nil {
		return nil, err
	}
	if !s.graph {
		return nil, fmt.Errorf("%w: it holds no graph", ErrFormat)
	}
	slices.Sort(s.found)
	return slices.Compact(s.found), nil
}

// kind is the type of a message as far as the way to external data needs it.
type kind uint8

const (
	opaque kind = iota
	modelProto
	graphProto
	nodeProto
	attributeProto
	tensorProto
	sparseProto
	functionProto
	entryProto
)

// within returns the kind of the message in a field of a message of kind k.
func (k kind) within(field uint64) kind {
	switch {
	case k == modelProto && field == 7:
		return graphProto
	case k == modelProto && field == 25:
		return functionProto
	case k == graphProto && field == 1, k == functionProto && field == 7:
		return nodeProto
	case k == graphProto && field == 5, k == attributeProto && (field == 5 || field == 10):
		return tensorProto
	case k == graphProto && field == 15, k == attributeProto && (field == 22 || field == 23):
		return sparseProto
	case k == sparseProto && (field == 1 || field == 2):
		return tensorProto
	case k == nodeProto && field == 5:
		return attributeProto
	case k == attributeProto && (field == 6 || field == 11):
		return graphProto
	case k == tensorProto && field == 13:
		return entryProto
	}
	return opaque
}

type scanner struct {
	file  io.ReadSeeker
	in    *bufio.Reader // over file
	at    int64         // bytes consumed
	size  int64         // of the file
	found []string
	graph bool
}

// message reads one message of n bytes, or to the end of the file when n < 0.
func (s *scanner) message(k kind, n int64, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: messages nested too deep at byte %d", ErrFormat, s.at)
	}
	end := s.at + n
	for n < 0 || s.at < end {
		if n < 0 {
			if _, err := s.in.Peek(1); err == io.EOF {
				return nil
			}
		}
		if err := s.field(k, n, end, depth); err != nil {
			return err
		}
	}
	if n >= 0 && s.at != end {
		return fmt.Errorf("%w: a message ends beyond its length at byte %d", ErrFormat, s.at)
	}
	return nil
}

// field reads one field of a message of kind k that ends at end when n >= 0.
func (s *scanner) field(k kind, n, end int64, depth int) error {
	tag, err := s.varint()
	if err != nil {
		return err
	}
	field, wire := tag>>3, tag&7
	switch wire {
	case wireVarint:
		_, err := s.varint()
		return err
	case wireFixed64:
		return s.skip(8)
	case wireFixed32:
		return s.skip(4)
	case wireBytes:
	default:
		return fmt.Errorf("%w: unknown field at byte %d", ErrFormat, s.at)
	}
	size, err := s.varint()
	if err != nil {
		return err
	}
	if size > 1<<62 || n >= 0 && int64(size) > end-s.at {
		return fmt.Errorf("%w: a field longer than its message at byte %d", ErrFormat, s.at)
	}
	switch inner := k.within(field); inner {
	case opaque:
		return s.skip(int64(size))
	case entryProto:
		return s.entry(int64(size))
	case graphProto:
		s.graph = s.graph || k == modelProto
		fallthrough
	default:
		return s.message(inner, int64(size), depth+1)
	}
}

// entry reads a StringStringEntryProto and keeps the value of "location".
func (s *scanner) entry(n int64) error {
	if n > maxString {
		return fmt.Errorf("%w: a file name of %d bytes at byte %d", ErrFormat, n, s.at)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(s.in, body); err != nil {
		return s.ended(err)
	}
	s.at += n
	var text [3]string // by field number: key 1, value 2
	for len(body) > 0 {
		tag, used := binary.Uvarint(body)
		if used <= 0 || tag&7 != wireBytes || tag>>3 < 1 || tag>>3 > 2 {
			return fmt.Errorf("%w: bad entry before byte %d", ErrFormat, s.at)
		}
		body = body[used:]
		size, used := binary.Uvarint(body)
		if used <= 0 || size > uint64(len(body)-used) {
			return fmt.Errorf("%w: bad entry before byte %d", ErrFormat, s.at)
		}
		text[tag>>3] = string(body[used : used+int(size)])
		body = body[used+int(size):]
	}
	if text[1] == "location" {
		s.found = append(s.found, text[2])
	}
	return nil
}

func (s *scanner) varint() (uint64, error) {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b, err := s.in.ReadByte()
		if err != nil {
			return 0, s.ended(err)
		}
		s.at++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%w: bad number at byte %d", ErrFormat, s.at)
}

func (s *scanner) skip(n int64) error {
	if n > s.size-s.at {
		return s.ended(io.EOF)
	}
	s.at += n
	if n <= int64(s.in.Buffered()) {
		_, err := s.in.Discard(int(n))
		return err
	}
	_, err := s.file.Seek(s.at, io.SeekStart)
	s.in.Reset(s.file)
	return err
}

// ended turns the end of the file inside a field into a sentence.
func (s *scanner) ended(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: it ends inside a field at byte %d", ErrFormat, s.at)
	}
	return err
}
