package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"testing"
)

// words returns a record of 32-bit words.
func words(w ...uint32) []byte {
	var b []byte
	for _, v := range w {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// name returns a file's name in XDR.
func name(s string) []byte {
	b := append(words(uint32(len(s))), s...)
	return append(b, make([]byte, (4-len(s)%4)%4)...)
}

func TestIsRename(t *testing.T) {
	v4 := words(7, 0, 2, nfsProgram, 4, compoundV4, 0, 0, 0, 0)
	rename := slices.Concat(v4, words(32, 22, 4, 9, renameOpV4), name("a.yaml"), name("b.yaml"))
	for what, c := range map[string]struct {
		call []byte
		want bool
	}{
		"version 3":                     {words(7, 0, 2, nfsProgram, 3, renameCallV3), true},
		"version 3, another call":       {words(7, 0, 2, nfsProgram, 3, 15), false},
		"version 4":                     {rename, true},
		"version 4, a number by chance": {slices.Concat(v4, words(renameOpV4, 3, 1<<31)), false},
		"a reply":                       {words(7, 1, 0, nfsProgram, 3, renameCallV3), false},
		"another program":               {words(7, 0, 2, 100005, 3, renameCallV3), false},
		"cut off":                       {words(7), false},
		"nothing":                       {nil, false},
	} {
		if got := isRename(c.call); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func TestReadRecord(t *testing.T) {
	in := words(4, 1, lastFragment|8, 2, 3)
	record, body, err := readRecord(bytes.NewReader(in))
	if err != nil || !bytes.Equal(record, in) || !bytes.Equal(body, words(1, 2, 3)) {
		t.Errorf("readRecord = %x, %x, %v", record, body, err)
	}
	if _, _, err := readRecord(bytes.NewReader(in[:6])); err != io.ErrUnexpectedEOF {
		t.Errorf("a record that ends early: %v", err)
	}
	if _, _, err := readRecord(bytes.NewReader(words(lastFragment | maxRecord + 1))); err == nil {
		t.Error("a record without end is read")
	}
}
