package onnx

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	ort "github.com/yalue/onnxruntime_go"

	"uredit/pipeline/tensor"
)

func TestReadHeader(t *testing.T) {
	g := addition(float16Type, "batch", 4, "width")
	// A weight that old exporters list as an input, and one too large to
	// pass through the reader's window.
	g.inputs = append(g.inputs, describeValue("weight", float32Type, 1))
	g.constants = [][]byte{
		int64Constant("weight", 1, 1),
		message{}.number(1, 1<<20).number(2, int64Type).text(8, "large").bytes(9, make([]byte, 8<<20)),
	}
	b := g.model()
	r := &countingReader{r: bytes.NewReader(b)}
	h, err := readHeader(r, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if got := names(h.inputs); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("inputs %v", got)
	}
	z := h.outputs[0]
	if z.Name != "z" || z.Type != tensor.Float16 || !slices.Equal(z.Shape, []int64{-1, 4, -1}) ||
		!slices.Equal(z.symbols, []string{"batch", "", "width"}) {
		t.Errorf("output %+v", z)
	}
	if r.n > 64<<10 {
		t.Errorf("%d bytes read of a file of %d", r.n, len(b))
	}
}

type countingReader struct {
	r io.ReaderAt
	n int
}

func (c *countingReader) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.r.ReadAt(b, at)
	c.n += n
	return n, err
}

// TestHeaderAgrees compares with what the library says about the same graphs.
func TestHeaderAgrees(t *testing.T) {
	for _, g := range []graph{addition(float32Type, "n", 3), addition(int64Type), endless()} {
		b := g.model()
		h, err := readHeader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		in, out, err := ort.GetInputOutputInfoWithONNXData(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			ours   []graphValue
			theirs []ort.InputOutputInfo
		}{{h.inputs, in}, {h.outputs, out}} {
			if len(c.ours) != len(c.theirs) {
				t.Fatalf("%v, the library says %v", c.ours, c.theirs)
			}
			for i, v := range c.ours {
				o := c.theirs[i]
				element, ok := elementType(int64(o.DataType))
				if v.Name != o.Name || !ok || v.Type != element || !slices.Equal(v.Shape, o.Dimensions) {
					t.Errorf("%+v, the library says %v", v, &o)
				}
			}
		}
	}
}

func TestReadHeaderRefuses(t *testing.T) {
	good := addition(float32Type, 1).model()
	for n := range len(good) - 4 { // the last 4 bytes are the operator set
		if _, err := readHeader(bytes.NewReader(good[:n]), int64(n)); err == nil {
			t.Errorf("a file cut to %d of %d bytes was read", n, len(good))
		}
	}
	if _, err := readHeader(bytes.NewReader(nil), 0); !errors.Is(err, errNoGraph) {
		t.Errorf("an empty file: %v", err)
	}
	twice := addition(float32Type, 1)
	twice.inputs[1] = twice.inputs[0]
	b := twice.model()
	if _, err := readHeader(bytes.NewReader(b), int64(len(b))); err == nil {
		t.Error("two inputs of one name were read")
	}
}

// FuzzReadHeader holds the reader to: no panic, nothing from beyond the end, and
// a header that Run could serve.
func FuzzReadHeader(f *testing.F) {
	f.Add(addition(float32Type, "n", 2).model())
	f.Add(endless().model())
	f.Add([]byte("<html></html>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := readHeader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		if len(h.inputs) == 0 || len(h.outputs) == 0 {
			t.Fatal("a graph without inputs or outputs")
		}
		for _, v := range slices.Concat(h.inputs, h.outputs) {
			if v.Name == "" || len(v.symbols) != len(v.Shape) {
				t.Fatalf("%+v", v)
			}
			for _, d := range v.Shape {
				if d < -1 {
					t.Fatalf("%+v", v)
				}
			}
		}
	})
}
