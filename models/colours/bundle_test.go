package colours

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uredit/models"
)

// committed is where the output of this program lies in the repository.
const committed = "../builtin"

func builtinColours(t testing.TB) []colour {
	t.Helper()
	palette, err := parsePalette(builtinPalette)
	if err != nil {
		t.Fatal(err)
	}
	return palette
}

// testBundle returns the files of a palette's bundle.
func testBundle(t testing.TB, palette []colour) map[string][]byte {
	t.Helper()
	files, err := bundle(palette)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestCommitted says whether go generate ./models must be run.
func TestCommitted(t *testing.T) {
	want := testBundle(t, builtinColours(t))
	var found []string
	err := fs.WalkDir(os.DirFS(committed), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		found = append(found, name)
		got, err := os.ReadFile(filepath.Join(committed, name))
		if err == nil && !bytes.Equal(got, want[name]) {
			t.Errorf("%s differs from what is generated", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if expected := slices.Sorted(maps.Keys(want)); !slices.Equal(found, expected) {
		t.Errorf("committed %q, want %q", found, expected)
	}
}

func TestParsePaletteRefuses(t *testing.T) {
	const good = `{"colours": [{"name": "red", "srgb": "#ff0000", "synonyms": ["ruby"], "samples": ["#aa0000"]}]}`
	if _, err := parsePalette([]byte(good)); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, old, new, want string }{
		{"two words", `"red"`, `"light red"`, `"light red" is no lower-case word`},
		{"capitals", `"red"`, `"Red"`, "is no lower-case word"},
		{"an empty synonym", `"ruby"`, `""`, "is no lower-case word"},
		{"a word twice", `"ruby"`, `"red"`, `"red" already names red`},
		{"a short colour", "#ff0000", "#f00", `"#f00" is not #rrggbb`},
		{"a colour without #", "#aa0000", "aa0000", `"aa0000" is not #rrggbb`},
		{"an unknown key", "srgb", "rgb", `unknown field "rgb"`},
		{"no colours", good, `{"colours": []}`, "0 colours"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := parsePalette([]byte(strings.Replace(good, test.old, test.new, 1)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q in it", err, test.want)
			}
		})
	}
}

// TestContract compares the graphs' edges with the two contracts.
func TestContract(t *testing.T) {
	b, _, err := models.Open(committed)
	if err != nil {
		t.Fatal(err)
	}
	c := "16" // twelve colours, luma and chroma, edges
	want := map[string]models.Signature{
		"sam3/text_encoder.onnx": {
			Inputs:  map[string]string{"input_ids": "int64 [1,32]", "attention_mask": "int64 [1,32]"},
			Outputs: map[string]string{"text_features": "float32 [1,32," + c + "]", "text_mask": "bool [1,32]"},
		},
		"sam3/vision_encoder.onnx": {
			Inputs: map[string]string{"pixel_values": "float32 [1,3,288,288]"},
			Outputs: map[string]string{"det_fpn_0": "float32 [1," + c + ",288,288]",
				"det_fpn_1": "float32 [1," + c + ",144,144]", "det_fpn_2": "float32 [1," + c + ",72,72]"},
		},
		"sam3/detector.onnx": {
			Inputs: map[string]string{"det_fpn_0": "float32 [1," + c + ",288,288]",
				"det_fpn_1": "float32 [1," + c + ",144,144]", "det_fpn_2": "float32 [1," + c + ",72,72]",
				"text_features": "float32 [1,32," + c + "]", "text_mask": "bool [1,32]"},
			Outputs: map[string]string{"scores": "float32 [1,4]", "boxes": "float32 [1,4,4]",
				"mask_logits": "float32 [1,4,288,288]"},
		},
		"pix2pix/text_encoder/model.onnx": {
			Inputs:  map[string]string{"input_ids": "int64 [batch,77]"},
			Outputs: map[string]string{"last_hidden_state": "float32 [batch,77,8]"},
		},
		"pix2pix/unet/model.onnx": {
			Inputs: map[string]string{"sample": "float32 [batch,12,height,width]", "timestep": "float32 []",
				"encoder_hidden_states": "float32 [batch,77,8]"},
			Outputs: map[string]string{"out_sample": "float32 [batch,6,height,width]"},
		},
		"pix2pix/vae_encoder/model.onnx": {
			Inputs:  map[string]string{"sample": "float32 [batch,3,height,width]"},
			Outputs: map[string]string{"latent_parameters": "float32 [batch,12,latent_height,latent_width]"},
		},
		"pix2pix/vae_decoder/model.onnx": {
			Inputs:  map[string]string{"latent_sample": "float32 [batch,6,latent_height,latent_width]"},
			Outputs: map[string]string{"sample": "float32 [batch,3,height,width]"},
		},
	}
	got := b.Manifest().Graphs
	if len(got) != len(want) {
		t.Errorf("%d graphs, want %d", len(got), len(want))
	}
	for name, s := range want {
		if !maps.Equal(got[name].Inputs, s.Inputs) || !maps.Equal(got[name].Outputs, s.Outputs) {
			t.Errorf("%s: %v, want %v", name, got[name], s)
		}
	}
}
