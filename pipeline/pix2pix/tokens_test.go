package pix2pix_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"uredit/pipeline/text"
)

// TestTokensAsTransformers encodes ten thousand recorded strings, ordinary and
// odd ones, to the lengths of Stable Diffusion and of SAM 3.
func TestTokensAsTransformers(t *testing.T) {
	tokenizer, err := text.Load(filepath.Join(tinyFolder, "tokenizer"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(referenceFolder, "tokens.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	count, wrong := 0, 0
	for r := bytes.NewReader(data); r.Len() > 0; count++ {
		s := string(next(t, r, make([]byte, next(t, r, make([]uint16, 1))[0])))
		for _, length := range []int{77, 32} {
			want := next(t, r, make([]uint16, length))
			got, _, _ := tokenizer.Encode(s, length)
			if !slices.EqualFunc(got, want, func(g int64, w uint16) bool { return g == int64(w) }) {
				if wrong++; wrong <= 10 {
					t.Errorf("%q to %d: %v, want %v", s, length, got, want)
				}
			}
		}
	}
	if count != 10_000 || wrong > 0 {
		t.Errorf("%d of %d strings differ at one length or both", wrong, count)
	}
}

// next fills values from r.
func next[T any](t *testing.T, r io.Reader, values []T) []T {
	t.Helper()
	if err := binary.Read(r, binary.LittleEndian, values); err != nil {
		t.Fatal(err)
	}
	return values
}
