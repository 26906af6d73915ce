package starter

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"uredit/models"
	"uredit/models/colours"
	"uredit/models/onnxfile"
	"uredit/pipeline/fault"
	"uredit/pipeline/onnx"
	"uredit/pipeline/onnx/onnxtest"
	"uredit/pipeline/pix2pix"
)

// flatStyles is a style network for tests: style k is the grey k/25, and the
// picture comes out larger than it went in, as the real network rounds up.
func flatStyles() []byte {
	g := ops{onnxfile.NewGraph("styles")}
	picture := g.Input("image", onnxfile.Float32, "n 3 h w")
	weights := g.Input("style_weights", onnxfile.Float32, "26")
	greys := make([]float32, styleCount)
	for i := range greys {
		greys[i] = float32(i) / (styleCount - 1)
	}
	grey := g.sum(g.mul(weights, g.Floats([]int64{styleCount}, greys...)), 0)
	flat := g.add(g.mul(picture, g.Float(0)), grey)
	g.Output("stylized", onnxfile.Float32, "n 3 rows columns", g.concat(2, flat, g.slice(flat, 2, 0, 3)))
	return g.Marshal(nil)
}

// styleEditor returns the files of an editor that paints with flatStyles, below
// pix2pix/.
func styleEditor(t *testing.T) map[string][]byte {
	t.Helper()
	b := bundle{files: map[string][]byte{}, graphs: map[string]models.Signature{}}
	if err := b.editor(testLexicon(t), flatStyles()); err != nil {
		t.Fatal(err)
	}
	return b.files
}

// openEditor writes files and opens the folder under them.
func openEditor(t *testing.T, d *onnx.Device, files map[string][]byte, under string) *pix2pix.Editor {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bundle")
	if err := models.Write(dir, files); err != nil {
		t.Fatal(err)
	}
	e, err := pix2pix.Open(t.Context(), filepath.Join(dir, under), d.Load)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// edited returns a sample of a light grey picture, 0.8, after an edit.
func edited(t *testing.T, e *pix2pix.Editor, prompt string, guidance float64) float64 {
	t.Helper()
	s, err := e.Start(t.Context(), pix2pix.Params{Prompt: prompt, Steps: 8, GuidanceScale: guidance, ImageGuidanceScale: 1.5})
	if err != nil {
		t.Fatal(err)
	}
	const width, height = 22, 18
	picture := make([]float32, 3*width*height)
	for i := range picture {
		picture[i] = 0.6
	}
	if err := s.Edit(t.Context(), picture, picture, width, height, 0, 0); err != nil {
		t.Fatal(err)
	}
	return float64(picture[width*height/2]+1) / 2
}

// TestStyles: a prompt's last style is painted, a generic word means one only
// where no other is named, and guidance says how strongly.
func TestStyles(t *testing.T) {
	e := openEditor(t, onnxtest.Device(t), styleEditor(t), "pix2pix")
	grey := func(number int) float64 { return float64(number) / (styleCount - 1) }
	for prompt, want := range map[string]float64{
		"in mosaic style":      grey(25),
		"as an oil painting":   grey(5),
		"as a painting":        grey(5),
		"a painting in pastel": grey(12),
		"a pastel painting":    grey(12),
		"chalk and ink":        grey(2),
	} {
		if got := edited(t, e, prompt, 9); math.Abs(got-want) > 2e-3 {
			t.Errorf("%q: grey %v, want %v", prompt, got, want)
		}
	}
	// Half the guidance changes the picture I as well: 1.5 I + (I - 1.5 I)/2 = 1.25 I.
	picture := (1 + 1.25*0.6) / 2
	want := picture + (grey(0)-picture)/2
	if got := edited(t, e, "chalk", 4.5); math.Abs(got-want) > 2e-3 {
		t.Errorf("at half the guidance: grey %v, want %v", got, want)
	}
	if _, err := e.Start(t.Context(), pix2pix.Params{Prompt: "in cubist style", Steps: 1}); fault.Of(err).Code != fault.UnknownWords {
		t.Errorf("a style that is not known: %v, want code %s", err, fault.UnknownWords)
	}
}

// TestColoursWithoutStyle: without a style the editor does what an editor without
// styles does.
func TestColoursWithoutStyle(t *testing.T) {
	plain, _, err := colours.Editor(texture, colours.Finish{})
	if err != nil {
		t.Fatal(err)
	}
	d := onnxtest.Device(t)
	want := edited(t, openEditor(t, d, plain, ""), "make it blue", 9)
	got := edited(t, openEditor(t, d, styleEditor(t), "pix2pix"), "make it blue", 9)
	if math.Abs(want-got) > 1e-3 {
		t.Errorf("grey %v with styles, %v without", got, want)
	}
}

// TestStyleWords: every style of the network has a name, and no word has two
// meanings.
func TestStyleWords(t *testing.T) {
	s, err := readStyles()
	if err != nil {
		t.Fatal(err)
	}
	var numbers []int
	for _, style := range s.Styles {
		numbers = append(numbers, style.Number)
	}
	slices.Sort(numbers)
	for i := range styleCount {
		if i >= len(numbers) || numbers[i] != i {
			t.Fatalf("styles have the numbers %v", numbers)
		}
	}
	words := s.words()
	if n := len(words); len(slices.Compact(slices.Clone(words))) != n {
		t.Errorf("a word is named twice: %q", words)
	}
	for _, c := range testLexicon(t).colours {
		for _, w := range c.words {
			if slices.Contains(words, w) {
				t.Errorf("%q is a colour and a style", w)
			}
		}
	}
}
