package onnxfile_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"uredit/models/onnxfile"
)

// double returns a graph that adds its input to itself and to a constant.
func double() *onnxfile.Graph {
	g := onnxfile.NewGraph("double")
	x := g.Input("x", onnxfile.Float32, "1 3 h w")
	sum := g.Op("Add", g.Op("Add", x, x), g.Float(0.5))
	g.Output("y", onnxfile.Float32, "1 3 h w", sum)
	return g
}

func TestMarshalIsRepeatable(t *testing.T) {
	metadata := map[string]string{"b": "2", "a": "1", "c": "3"}
	first := double().Marshal(metadata)
	for range 20 {
		if !bytes.Equal(first, double().Marshal(metadata)) {
			t.Fatal("two runs wrote different bytes")
		}
	}
}

func TestConstantsAreStoredOnce(t *testing.T) {
	g := onnxfile.NewGraph("g")
	a, b := g.Floats([]int64{2}, 1, 2), g.Floats([]int64{2}, 1, 2)
	if a != b {
		t.Errorf("equal constants got the names %s and %s", a, b)
	}
	if c := g.Floats([]int64{2, 1}, 1, 2); c == a {
		t.Error("constants of different shape share a name")
	}
}

func TestMistakesPanic(t *testing.T) {
	tests := map[string]func(g *onnxfile.Graph){
		"values do not fill the shape": func(g *onnxfile.Graph) { g.Floats([]int64{2, 2}, 1, 2, 3) },
		"a name used twice": func(g *onnxfile.Graph) {
			g.Input("x", onnxfile.Float32, "1")
			g.Input("x", onnxfile.Float32, "1")
		},
	}
	for name, mistake := range tests {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			mistake(onnxfile.NewGraph("g"))
		})
	}
}

func TestLocations(t *testing.T) {
	outside := double()
	x := outside.External([]int64{4}, "weights.bin")
	y := outside.External([]int64{4}, "../secret")
	outside.External([]int64{9}, "weights.bin")
	outside.Output("z", onnxfile.Float32, "4", outside.Op("Add", x, y))

	tests := []struct {
		name string
		data []byte
		want []string
	}{
		{"everything inside", double().Marshal(map[string]string{"location": "not a file"}), nil},
		{"two files", outside.Marshal(nil), []string{"../secret", "weights.bin"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := onnxfile.Locations(bytes.NewReader(test.data))
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("Locations = %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestLocationsRefusesWhatIsNoGraph(t *testing.T) {
	whole := double().Marshal(nil)
	tests := map[string][]byte{
		"empty":     nil,
		"text":      []byte("<!DOCTYPE html><html></html>"),
		"cut short": whole[:len(whole)/2],
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := onnxfile.Locations(bytes.NewReader(data)); !errors.Is(err, onnxfile.ErrFormat) {
				t.Errorf("Locations = %q, %v; want ErrFormat", got, err)
			}
		})
	}
}

func FuzzLocations(f *testing.F) {
	f.Add(double().Marshal(nil))
	g := double()
	g.External([]int64{4}, "weights.bin")
	f.Add(g.Marshal(map[string]string{"k": "v"}))
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := onnxfile.Locations(bytes.NewReader(data))
		if err != nil {
			if !errors.Is(err, onnxfile.ErrFormat) {
				t.Errorf("error is no ErrFormat: %v", err)
			}
			return
		}
		// What is read stays read when more metadata follows.
		second, err := onnxfile.Locations(bytes.NewReader(append(slices.Clone(data), 0x72, 0)))
		if err != nil || !slices.Equal(first, second) {
			t.Errorf("with an empty metadata entry: %q, %v; before: %q", second, err, first)
		}
	})
}
