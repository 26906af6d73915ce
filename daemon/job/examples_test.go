package job_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"uredit/daemon/job"
)

const examples = "../../examples/requests"

func TestExamples(t *testing.T) {
	names, err := filepath.Glob(examples + "/*")
	if err != nil || len(names) < 4 {
		t.Fatalf("examples %q, error %v", names, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r, warnings, err := job.Parse(name, data)
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: warnings %q, error %v", name, warnings, err)
		}
		if !strings.HasSuffix(name, ".json") && !job.Complete(data) {
			t.Errorf("%s does not end in ...", name)
		}
		if filepath.Base(r.OutputDir) != r.JobID {
			t.Errorf("%s: the output_dir is %s", name, r.OutputDir)
		}
	}
}

// TestAllKeys: the manual shows every key, and the defaults as they are.
func TestAllKeys(t *testing.T) {
	data, err := os.ReadFile(examples + "/all-keys.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := job.Parse("all-keys.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	want := job.Default()
	want.JobID, want.InputVideoPath, want.OutputDir = got.JobID, got.InputVideoPath, got.OutputDir
	want.MaskPrompt, want.EditPrompt = got.MaskPrompt, got.EditPrompt
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the manual says\n%+v\nthe defaults are\n%+v", got, want)
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[job.Request]()) {
		name := f.Tag.Get("json")
		if !regexp.MustCompile(`(?m)^` + name + `:`).Match(data) {
			t.Errorf("the manual does not show %s", name)
		}
	}
}
