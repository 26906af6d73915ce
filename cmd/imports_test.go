// Package cmd holds the commands. Its one test is the architecture: who may
// import whom, checked over every Go file of the tree, whatever its build tags.
package cmd

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// owners lists the only package folders that may import a foreign package
// outside of tests.
var owners = map[string][]string{
	"github.com/yalue/onnxruntime_go": {"pipeline/onnx"},
	"gocv.io/x/gocv":                  {"pipeline/opencv"},
	"os/exec":                         {"pipeline/ffmpeg", "models/fetch"},
	"github.com/fsnotify/fsnotify":    {"daemon/watch"},
	"gopkg.in/yaml.v3":                {"daemon/document"},
	"gopkg.in/natefinch/lumberjack.v2": {
		"cmd/ureditd",
	},
	"golang.org/x/text/unicode/norm":    {"pipeline/text"},
	"github.com/anishathalye/porcupine": {"daemon/spool/spooltest"},
}

// stages do not import each other.
var stages = []string{"segment", "crop", "pix2pix", "composite", "smooth", "preset"}

// leaves import nothing of the module but what is listed.
var leaves = map[string][]string{
	"pipeline/frame":  {},
	"pipeline/media":  {},
	"pipeline/tensor": {},
	"pipeline/fault":  {},
	"daemon/document": {},
	"daemon/job":      {"daemon/document"},
}

func TestImports(t *testing.T) {
	files := 0
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "build", "bin", "testdata"}, d.Name()) {
			return filepath.SkipDir
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		files++
		src, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel("..", name)
		if err != nil {
			return err
		}
		for _, spec := range src.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := forbidden(filepath.ToSlash(rel), imported); why != "" {
				t.Errorf("%s imports %s: %s", rel, imported, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Fatalf("looked at %d files only: the walk misses the tree", files)
	}
}

// forbidden says why the file may not import the package, or "".
func forbidden(file, imported string) string {
	dir, test := path.Dir(file), strings.HasSuffix(file, "_test.go")
	if homes, owned := owners[imported]; owned && !test && !slices.Contains(homes, dir) {
		return "its home is " + strings.Join(homes, ", ")
	}
	own, inside := strings.CutPrefix(imported, "uredit/")
	if !inside {
		return ""
	}
	switch {
	case within(dir, "pipeline") && within(own, "daemon"):
		return "the pipeline knows nothing of the daemon"
	case within(dir, "daemon") && within(own, "pipeline") && !test && file != "daemon/runner.go":
		return "the daemon meets the pipeline in daemon/runner.go"
	case within(dir, "daemon") && own != "pipeline" && own != "pipeline/fault" && within(own, "pipeline") && !test:
		return "the daemon knows the pipeline's front and its faults only"
	case (own == "pipeline/pipelinetest" || own == "pipeline/onnx/onnxtest" || own == "daemon/spool/spooltest") && !test:
		return "it is for tests"
	case test:
		return ""
	}
	for _, adapter := range []string{"onnx", "opencv", "ffmpeg"} {
		if within(own, "pipeline/"+adapter) && !within(dir, "cmd") && !within(dir, "pipeline/"+adapter) {
			return "adapters are joined to the pipeline by commands"
		}
	}
	if from, is := stage(dir); is {
		if to, also := stage(own); also && from != to {
			return "stages do not import each other"
		}
	}
	if allowed, leaf := leaves[dir]; leaf && !slices.Contains(allowed, own) {
		return "it is a leaf"
	}
	if within(dir, "cmd/uredit") && within(own, "pipeline") {
		return "the client is static and knows no pixel"
	}
	return ""
}

func within(dir, parent string) bool { return dir == parent || strings.HasPrefix(dir, parent+"/") }

func stage(dir string) (string, bool) {
	rest, ok := strings.CutPrefix(dir, "pipeline/")
	name, _, _ := strings.Cut(rest, "/")
	return name, ok && slices.Contains(stages, name)
}

// TestForbidden shows that each rule can fail.
func TestForbidden(t *testing.T) {
	for _, c := range []struct{ file, imported string }{
		{"pipeline/run.go", "uredit/daemon/job"},
		{"daemon/daemon.go", "uredit/pipeline"},
		{"daemon/runner.go", "uredit/pipeline/frame"},
		{"pipeline/segment/x.go", "uredit/pipeline/crop"},
		{"pipeline/segment/x.go", "uredit/pipeline/onnx"},
		{"pipeline/smooth/x.go", "gocv.io/x/gocv"},
		{"daemon/spool/x.go", "os/exec"},
		{"pipeline/frame/x.go", "uredit/pipeline/media"},
		{"cmd/uredit/x.go", "uredit/pipeline"},
		{"pipeline/run.go", "uredit/pipeline/pipelinetest"},
		{"cmd/ureditd/x.go", "uredit/pipeline/onnx/onnxtest"},
		{"daemon/x.go", "uredit/daemon/spool/spooltest"},
		{"daemon/x.go", "github.com/anishathalye/porcupine"},
	} {
		if forbidden(c.file, c.imported) == "" {
			t.Errorf("%s may import %s, and should not", c.file, c.imported)
		}
	}
	for _, c := range []struct{ file, imported string }{
		{"daemon/runner.go", "uredit/pipeline"},
		{"daemon/runner.go", "uredit/pipeline/fault"},
		{"cmd/ureditd/engine.go", "uredit/pipeline/onnx"},
		{"pipeline/run.go", "uredit/pipeline/segment"},
		{"pipeline/onnx/x.go", "github.com/yalue/onnxruntime_go"},
	} {
		if why := forbidden(c.file, c.imported); why != "" {
			t.Errorf("%s may not import %s: %s", c.file, c.imported, why)
		}
	}
}

// TestClientIsStatic keeps cgo out of what bin/uredit is made of.
func TestClientIsStatic(t *testing.T) {
	if _, err := os.Stat("uredit"); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"uredit", "../daemon/document", "../daemon/job", "../daemon/spool"} {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(names) == 0 {
			t.Fatalf("no Go files in %s: %v", dir, err)
		}
		for _, name := range names {
			src, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range src.Imports {
				if spec.Path.Value == `"C"` {
					t.Errorf("%s imports C", name)
				}
			}
		}
	}
}
