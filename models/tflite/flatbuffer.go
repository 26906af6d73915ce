package tflite

import (
	"encoding/binary"
	"fmt"
)

// table is a table of a flat buffer: its bytes are found through a list of
// offsets, one for each field, that stands elsewhere in the file. A field that
// is not there reads as zero, as flat buffers have it. Offsets that lead out of
// the file panic with errCut, which Splice catches.
type table struct {
	file []byte
	at   int
}

// errCut is what reading beyond the file panics with.
var errCut = fmt.Errorf("%w: an offset leads out of the file", ErrFormat)

func (t table) bytes(at, n int) []byte {
	if at < 0 || n < 0 || at > len(t.file) || n > len(t.file)-at {
		panic(errCut)
	}
	return t.file[at : at+n]
}

func (t table) u16(at int) int { return int(binary.LittleEndian.Uint16(t.bytes(at, 2))) }
func (t table) i32(at int) int { return int(int32(binary.LittleEndian.Uint32(t.bytes(at, 4)))) }

// field returns where a field's value stands, 0 for a field that is not there.
func (t table) field(number int) int {
	list := t.at - t.i32(t.at)
	entry := 4 + 2*number
	if entry+2 > t.u16(list) {
		return 0
	}
	offset := t.u16(list + entry)
	if offset == 0 {
		return 0
	}
	return t.at + offset
}

// byteAt returns an unsigned byte.
func (t table) byteAt(number int) int {
	if at := t.field(number); at > 0 {
		return int(t.bytes(at, 1)[0])
	}
	return 0
}

// intAt returns an int32, missing where it is not there.
func (t table) intAt(number, missing int) int {
	if at := t.field(number); at > 0 {
		return t.i32(at)
	}
	return missing
}

// tableAt returns a table; ok is false where there is none.
func (t table) tableAt(number int) (sub table, ok bool) {
	at := t.field(number)
	if at == 0 {
		return table{}, false
	}
	return table{t.file, at + t.i32(at)}, true
}

// vector returns where the elements of a list begin and how many there are.
func (t table) vector(number, size int) (at, n int) {
	if at = t.field(number); at == 0 {
		return 0, 0
	}
	at += t.i32(at)
	n = t.i32(at)
	if n < 0 || n > len(t.file)/size {
		panic(errCut)
	}
	t.bytes(at+4, n*size)
	return at + 4, n
}

func (t table) tables(number int) []table {
	at, n := t.vector(number, 4)
	list := make([]table, n)
	for i := range list {
		list[i] = table{t.file, at + 4*i + t.i32(at+4*i)}
	}
	return list
}

func (t table) ints(number int) []int {
	at, n := t.vector(number, 4)
	list := make([]int, n)
	for i := range list {
		list[i] = t.i32(at + 4*i)
	}
	return list
}

// longs returns a list of int64.
func (t table) longs(number int) []int64 {
	at, n := t.vector(number, 8)
	list := make([]int64, n)
	for i := range list {
		list[i] = int64(binary.LittleEndian.Uint64(t.bytes(at+8*i, 8)))
	}
	return list
}

// raw returns a list of bytes.
func (t table) raw(number int) []byte {
	at, n := t.vector(number, 1)
	return t.bytes(at, n)
}
