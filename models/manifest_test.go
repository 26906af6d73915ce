package models_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"uredit/models"
)

const (
	sum      = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	manifest = `{"format": "uredit-bundle/1", "name": "n", "licence": "l", "about": "a",
"files": {"sam3/a.onnx": {"sha256": "` + sum + `", "size": 0}}}`
)

func TestParseManifest(t *testing.T) {
	m, err := models.ParseManifest([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	if f := m.Files["sam3/a.onnx"]; m.Name != "n" || f.SHA256 != sum {
		t.Errorf("read %+v", m)
	}
}

func TestParseManifestRefuses(t *testing.T) {
	tests := []struct {
		name, old, new string // replacement in manifest
		want           string // part of the error
	}{
		{"an unknown key", `"name"`, `"nmae"`, `unknown field "nmae"`},
		{"another format", "bundle/1", "bundle/2", `format is "uredit-bundle/2"`},
		{"no name", `"name": "n"`, `"name": ""`, "name is missing"},
		{"no files", `"sam3/a.onnx": {"sha256": "` + sum + `", "size": 0}`, "", "files is empty"},
		{"a path that leaves", "sam3/a.onnx", "../a.onnx", `"../a.onnx" is no path below`},
		{"an absolute path", "sam3/a.onnx", "/a.onnx", `"/a.onnx" is no path below`},
		{"a path that is not clean", "sam3/a.onnx", "sam3/../a.onnx", "is no path below"},
		{"itself", "sam3/a.onnx", "bundle.json", "is no path below"},
		{"a short hash", sum, sum[2:], "sha256 is no 64"},
		{"an upper-case hash", sum, strings.ToUpper(sum), "sha256 is no 64"},
		{"a negative size", `"size": 0`, `"size": -1`, "size is negative"},
		{"a wrong type, with its line", `"size": 0`, `"size": "0"`, "line 2: "},
		{"a syntax error, with its line", `"size": 0}}`, `"size": 0}`, "line 2: "},
		{"a second document", "0}}}", "0}}}\n{}", "line 3: text after the end"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(manifest, test.old, test.new, 1)
			if text == manifest {
				t.Fatal("the replacement changes nothing")
			}
			_, err := models.ParseManifest([]byte(text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q in it", err, test.want)
			}
		})
	}
}

func FuzzParseManifest(f *testing.F) {
	builtin, err := os.ReadFile("builtin/bundle.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(builtin)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := models.ParseManifest(data)
		if err != nil {
			return
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := models.ParseManifest(text)
		if err != nil {
			t.Fatalf("what was read is refused when written: %v\n%s", err, text)
		}
		// Free text keeps its meaning, not its spaces.
		m.Notes, again.Notes = nil, nil
		if !reflect.DeepEqual(m, again) {
			t.Errorf("read %+v, then %+v", m, again)
		}
	})
}
