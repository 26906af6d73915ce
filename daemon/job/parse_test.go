package job_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"uredit/daemon/job"
)

// valid is the smallest request: lines 1 to 5.
const valid = `job_id: test_001
input_video_path: /srv/uredit/in.mp4
output_dir: /srv/uredit/out
mask_prompt: red ball
edit_prompt: make it blue
`

func TestParseDefaults(t *testing.T) {
	got, warnings, err := job.Parse("request.yaml", []byte(valid))
	if err != nil || len(warnings) != 0 {
		t.Fatalf("warnings %v, error %v", warnings, err)
	}
	want := job.Default()
	want.JobID, want.InputVideoPath, want.OutputDir = "test_001", "/srv/uredit/in.mp4", "/srv/uredit/out"
	want.MaskPrompt, want.EditPrompt = "red ball", "make it blue"
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestOldDict is the dict of a UI that was written for the Python worker, as
// its json and yaml modules write it.
func TestOldDict(t *testing.T) {
	for _, name := range []string{"old_ui.json", "old_ui.yaml"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		got, warnings, err := job.Parse(name, data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.MaskPrompt != "红球 🔴" || got.GuidanceScale != 9 || got.Extra.ModelPath != "" ||
			got.Extra.SAMPath != "/models/sam3" || got.Extra.JobName != "演示" || got.MaxFrames != 0 {
			t.Errorf("%s: got %+v", name, got)
		}
		if want := []string{"extra.priority_class is kept and not used"}; !slices.Equal(warnings, want) {
			t.Errorf("%s: warnings %q, want %q", name, warnings, want)
		}
	}
}

func TestParseTakes(t *testing.T) {
	tests := []struct {
		name, lines string
		got         func(job.Request) any
		want        any
	}{
		{"whole float", "num_inference_steps: 50.0", func(r job.Request) any { return r.NumInferenceSteps }, 50},
		{"int for a float", "guidance_scale: 7", func(r job.Request) any { return r.GuidanceScale }, 7.0},
		{"all frames", "max_frames: null", func(r job.Request) any { return r.MaxFrames }, 0},
		{"largest seed", "seed: 9223372036854775807", func(r job.Request) any { return r.Seed }, uint64(9223372036854775807)},
		{"even window", "smoothing_window: 4", func(r job.Request) any { return r.SmoothingWindow }, 4},
		{"lossless", "video_crf: 0", func(r job.Request) any { return r.VideoCRF }, 0},
		{"block", "negative_prompt: |\n  a\n  b\n", func(r job.Request) any { return r.NegativePrompt }, "a\nb\n"},
		{"null extra", "extra: {model_path: null, notes: ~}", func(r job.Request) any { return r.Extra.ModelPath + r.Extra.Notes }, ""},
		{"empty extra", "extra:", func(r job.Request) any { return len(r.Extra.Other) }, 0},
		{"free extra", "extra: {a: [1, {b: x}]}", func(r job.Request) any { return r.Extra.Other["a"] }, []any{1, map[string]any{"b": "x"}}},
		{"notes as a list", "extra: {notes: [1]}", func(r job.Request) any { return r.Extra.Other["notes"] }, []any{1}},
		{"numbered instance", "instances: 0", func(r job.Request) any { return r.Instances }, job.Instances("0")},
		{"largest instance", "instances: largest", func(r job.Request) any { return r.Instances }, job.LargestInstance},
		{"end mark", "seed: 3\n...", func(r job.Request) any { return r.Seed }, uint64(3)},
		{"Windows", "seed: 3\r\noverwrite: true\r\n", func(r job.Request) any { return r.Overwrite }, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, _, err := job.Parse("r.yaml", []byte("\ufeff"+valid+test.lines))
			if err != nil {
				t.Fatal(err)
			}
			if got := test.got(r); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %#v, want %#v", got, test.want)
			}
		})
	}
}

// TestNull: what writers of YAML and JSON write for "nothing" is the same as no
// line, for every key that may be left out.
func TestNull(t *testing.T) {
	want, _, err := job.Parse("r.yaml", []byte(valid))
	if err != nil {
		t.Fatal(err)
	}
	inYAML, inJSON := valid, strings.NewReplacer(": ", `": "`, "\n", "\",\n\"").Replace(valid)
	inJSON = `{"` + strings.TrimSuffix(inJSON, "\n\"")
	for _, f := range reflect.VisibleFields(reflect.TypeFor[job.Request]()) {
		if name := f.Tag.Get("json"); !strings.Contains(valid, name+": ") {
			inYAML += name + ":\n"
			inJSON += "\n\"" + name + `": null,`
		}
	}
	for name, text := range map[string]string{
		"r.yaml": inYAML, "r.json": strings.TrimSuffix(inJSON, ",") + "}", "tilde.yaml": strings.ReplaceAll(inYAML, ":\n", ": ~\n"),
	} {
		if got, _, err := job.Parse(name, []byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngave  %+v\nwant %+v\nerror %v", text, got, want, err)
		}
	}
}

func TestParseWarns(t *testing.T) {
	text := valid + "frame_index: 3\nextra: {b: 1, a: 2}\n"
	_, warnings, err := job.Parse("r.yaml", []byte(text))
	want := []string{"extra.a is kept and not used", "extra.b is kept and not used", "frame_index has no effect with mode: video"}
	if err != nil || !slices.Equal(warnings, want) {
		t.Errorf("warnings %q, error %v, want %q", warnings, err, want)
	}
}

func TestDraftDir(t *testing.T) {
	text := strings.NewReplacer("/srv/uredit/in.mp4", "clips/../in.mp4", "/srv/uredit/out", "/abs/out").Replace(valid)
	r, _, err := job.Draft{File: "r.yaml", Data: []byte(text), Dir: "/home/user"}.Parse()
	if err != nil || r.InputVideoPath != "/home/user/in.mp4" || r.OutputDir != "/abs/out" {
		t.Errorf("input %q, output %q, error %v", r.InputVideoPath, r.OutputDir, err)
	}
}

func TestValidate(t *testing.T) {
	r := job.Default()
	r.JobID, r.InputVideoPath, r.OutputDir, r.MaskPrompt, r.EditPrompt = "a", "/a", "/b", "c", "d"
	if err := r.Validate(); err != nil {
		t.Errorf("a valid request: %v", err)
	}
	r.EditPrompt, r.VideoCRF = "", 60
	want := "edit_prompt: the text is empty (hint: say how it is to be edited: make it blue)\nvideo_crf: 60 is not within 0..51"
	if err := r.Validate(); fmt.Sprint(err) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestComplete(t *testing.T) {
	for text, want := range map[string]bool{
		valid + "...\n": true, valid + "...": true, valid + "...\r\n\n": true, "...": true,
		valid: false, valid + "..": false, "a: ...": false, valid + "....\n": false, "": false,
	} {
		if got := job.Complete([]byte(text)); got != want {
			t.Errorf("Complete(%q) = %v", text, got)
		}
	}
}

// TestYAML writes a request with no key at its default and reads it back.
func TestYAML(t *testing.T) {
	want := job.Request{
		JobID: "тест-1", InputVideoPath: "/in put.mp4", OutputDir: "/out: #1", MaskPrompt: "yes", EditPrompt: " \ttwo\r\nlines \n",
		NegativePrompt: "null", Mode: job.SingleFrame, FrameIndex: 3, MaxFrames: 4, NumInferenceSteps: 7, GuidanceScale: 1.25,
		ImageGuidanceScale: 0, Preset: "ur-edit", Scheduler: "ddim", Seed: 1 << 62, ErodeKernel: 0, Feather: 0.5, CropPadding: 1, EditSize: 256,
		ApplySmoothing: false, Smoothing: "classic", SmoothingWindow: 4, SmoothingAlpha: 1, VideoCodec: "hevc", VideoCRF: 0,
		VideoPreset: "fast", HDR: "tonemap", Priority: 9,
		MaskNegativePrompt: "blue ball", Instances: "3", MaskBoxes: "0,1,20,30; 5,6,7,8", MaxObjects: 7, AcrossCuts: true, Overwrite: true, Fresh: true, ReuseMasks: false,
		Extra: job.Extra{ModelPath: "m", SAMPath: "/s", JobName: "🔴", Notes: "- n", Other: map[string]any{"x": []any{1, 2.5, true, nil, "1"}}},
	}
	standard := reflect.ValueOf(job.Default())
	for i, f := range reflect.VisibleFields(standard.Type()) {
		if f.Name != "Extra" && reflect.ValueOf(want).Field(i).Equal(standard.Field(i)) {
			t.Errorf("%s is at its default: the test does not see it", f.Name)
		}
	}
	data := want.YAML()
	got, _, err := job.Parse("r.yaml", data)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s\ngave  %+v\nwant %+v\nerror %v", data, got, want, err)
	}
	if !job.Complete(data) {
		t.Errorf("%s is not complete", data)
	}
	small := job.Default()
	small.JobID = "a"
	if got := string(small.YAML()); got != "job_id: a\n...\n" {
		t.Errorf("got %q: defaults are not left out", got)
	}
}

// TestKeys ties the parser's keys to the fields: a field that no key reads, or
// that has no name of its own, is caught here.
func TestKeys(t *testing.T) {
	names := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[job.Request]()) {
		names[f.Tag.Get("json")] = true
	}
	if len(names) != reflect.TypeFor[job.Request]().NumField() {
		t.Errorf("names are used twice: %v", slices.Sorted(maps.Keys(names)))
	}
	for name := range names {
		_, _, err := job.Parse("r.yaml", []byte(name+": [wrong]\n"))
		if err == nil || strings.Contains(err.Error(), name+": no such key") {
			t.Errorf("%s is not read: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("r.yaml", []byte(valid))
	f.Add("r.json", []byte(`{"job_id": "a", "extra": {"b": [1.5, null]}}`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		r, _, err := job.Parse(name, data)
		if err != nil {
			if _, ok := errors.AsType[job.Errors](err); !ok || err.Error() == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		if err := r.Validate(); err != nil {
			t.Fatalf("parsed, and not valid: %v", err)
		}
		again, _, err := job.Parse("again.yaml", r.YAML())
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Fatalf("%q became %q\ngot  %+v\nwant %+v\nerror %v", data, r.YAML(), again, r, err)
		}
	})
}
