package starter

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uredit/models"
	"uredit/models/bpe"
	"uredit/pipeline/onnx/onnxtest"
	"uredit/pipeline/tensor"
	"uredit/pipeline/text"
)

func testLexicon(t *testing.T) *lexicon {
	t.Helper()
	x, err := readLexicon(testManifest(t))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func testManifest(t *testing.T) *models.Manifest {
	t.Helper()
	m, err := models.ParseManifest(builtinFile(t, models.ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func builtinFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := fs.ReadFile(models.BuiltinFiles(), name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// channel returns the channel of a noun or a colour.
func (x *lexicon) channel(name string) int {
	if i := slices.IndexFunc(x.colours, func(c colour) bool { return c.name == name }); i >= 0 {
		return classes + i
	}
	return x.names[name][0]
}

func TestLexicon(t *testing.T) {
	x := testLexicon(t)
	if len(x.Nouns) != 80 {
		t.Errorf("%d nouns, want 80", len(x.Nouns))
	}
	seen := map[int]string{}
	for _, n := range x.Nouns {
		if other, taken := seen[n.Class]; taken || n.Class < 0 || n.Class >= classes {
			t.Errorf("%s has class %d, as %q", n.Name, n.Class, other)
		}
		seen[n.Class] = n.Name
		if !slices.Contains(n.Words, n.Name) {
			t.Errorf("%s is no word for itself", n.Name)
		}
	}
	v := bpe.Train(x.words())
	for _, w := range x.words() {
		if v.Word(w) < 0 {
			t.Errorf("%q is no token", w)
		}
	}
}

func TestTextEncoder(t *testing.T) {
	x := testLexicon(t)
	v := bpe.Train(x.words())
	dir := t.TempDir()
	for name, data := range v.Files(textLength) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tok, err := text.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	graph := textEncoder(x, v).Marshal(nil)
	for prompt, things := range map[string][][]string{
		"dog":                        {{"dog"}},
		"the red car":                {{"red", "car"}},
		"puppy, a Red car and birds": {{"dog"}, {"red", "car"}, {"bird"}},
		"hot dog":                    {{"hot dog"}},
		"dog, hot dog":               {{"dog"}, {"hot dog"}},
		"teddy bear":                 {{"teddy bear"}},
		"traffic light, traffic":     {{"traffic light"}},
		"fruit":                      {{"banana", "apple", "orange fruit"}},
		"orange":                     {{"orange"}},
	} {
		ids, attention, _ := tok.Encode(prompt, textLength)
		shape := []int64{1, textLength}
		out := onnxtest.Run(t, graph, []*tensor.Tensor{
			{Name: "input_ids", Shape: shape, I64: ids}, {Name: "attention_mask", Shape: shape, I64: attention},
		}, "text_features", "text_mask")
		width := int(featureCount(x))
		for r := range textLength {
			var got, want []int
			for c, on := range out[0].F32[r*width : (r+1)*width] {
				if on != 0 {
					got = append(got, c)
				}
			}
			if r < len(things) {
				for _, name := range things[r] {
					want = append(want, x.channel(name))
				}
			}
			slices.Sort(want)
			if !slices.Equal(got, want) || out[1].Bool[r] != (len(want) > 0) {
				t.Errorf("%q: thing %d has channels %v, want %v", prompt, r, got, want)
			}
		}
	}
}

func TestAnchors(t *testing.T) {
	centre, size := anchorBoxes()
	if len(centre) != 2*anchors || len(size) != 2*anchors {
		t.Fatalf("%d centres and %d sizes, want %d", len(centre)/2, len(size)/2, anchors)
	}
	// The first: half a cell in, three cells wide.
	if want := float32(0.5 / 40); centre[0] != want || size[0] != 3.0/40 {
		t.Errorf("first anchor at %v of size %v", centre[0], size[0])
	}
}

func TestNoticeNamesSources(t *testing.T) {
	for _, s := range []string{visionPackage.SHA256, detectorFile.SHA256, kindsFile.SHA256, edgesPackage.SHA256, edgesFile.SHA256,
		stylesPackage.SHA256, stylesNetwork.SHA256} {
		if !strings.Contains(notice, s) {
			t.Errorf("NOTICE does not name %s", s)
		}
	}
}
