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

func TestParseFaults(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", "r.yaml: the file is empty (hint: write lines such as  key: value)"},
		{"blank", "\n# nothing yet\n", "r.yaml: the file is empty (hint: write lines such as  key: value)"},
		{"only an end", "...\n", "r.yaml: the file is empty (hint: write lines such as  key: value)"},
		{"null", "~\n", "r.yaml: the file is empty (hint: write lines such as  key: value)"},
		{"list", "- a\n- b\n", "r.yaml:1: a list stands where keys and values are wanted (hint: write lines such as  key: value)"},
		{"text", "make it blue", `r.yaml:1: text "make it blue" stands where keys and values are wanted (hint: write lines such as  key: value)`},
		{"two documents", valid + "---\njob_id: b\n", "r.yaml:6: a second document begins (hint: one file holds one document: remove the line --- or split the file)"},
		{"not UTF-8", "job_id: a\nmask_prompt: b\xffll\n", "r.yaml:2: the text is not UTF-8 (hint: save the file as UTF-8)"},
		{"alias", "job_id: &a x\nmask_prompt: *a\n", "r.yaml:1: anchors and aliases (& and *) are not taken (hint: write the value out, and put text that begins with & or * in quotes)"},
		{"tag", "job_id: !!binary YQ==\n", "r.yaml:1: the tag !!binary is not taken (hint: put text that begins with ! in quotes)"},
		{"colon", "mask_prompt: ball: red\n", `r.yaml:1: not YAML: mapping values are not allowed in this context (hint: put a value that contains ": " in quotes, and begin keys of one level in one column)`},
		{"tab", "extra:\n\tnotes: a\n", "r.yaml:2: not YAML: found character that cannot start any token (hint: indent with spaces, and put a value that begins with @, % or a backquote in quotes)"},
		{"bracket", "job_id: a\nseed: [1\nmode: video\n", "r.yaml:2: not YAML: did not find expected ',' or ']' (hint: look for a quote, bracket or indentation that is wrong here or in the next lines)"},
		{"quote", "job_id: 'it's'\n", "r.yaml:1: not YAML: did not find expected key (hint: look for a quote, bracket or indentation that is wrong here or in the next lines)"},
		{"star", "job_id: a\nmask_prompt: *ball\n", "r.yaml:2: not YAML: unknown anchor 'ball' referenced (hint: put text that begins with * in quotes)"},
		{"torn by NUL", "job_id: a\n\x00\x00", `r.yaml:2: the text contains the control character '\x00' (hint: save the file as plain UTF-8 text)`},
		{"UTF-16", "\xff\xfej\x00o\x00b\x00", "r.yaml:1: the text is not UTF-8 (hint: save the file as UTF-8)"},
		{"too large", "# " + strings.Repeat("x", job.MaxRequestBytes), "r.yaml: the file has more than 262144 bytes (hint: a request holds a few lines; it names its video by a path)"},
		{"nothing but a key", "priority: 3\n", `r.yaml: job_id: the key is missing (hint: write a line  job_id: ...)
r.yaml: input_video_path: the key is missing (hint: write a line  input_video_path: ...)
r.yaml: output_dir: the key is missing (hint: write a line  output_dir: ...)
r.yaml: mask_prompt: the key is missing (hint: write a line  mask_prompt: ...)
r.yaml: edit_prompt: the key is missing (hint: write a line  edit_prompt: ...)`},

		{"fraction", valid + "\nnum_inference_steps: 3.5\n", "r.yaml:7: num_inference_steps: 3.5 is not a whole number (hint: write 3 or 4)"},
		{"unknown key", valid + "guidence_scale: 3\n", "r.yaml:6: guidence_scale: no such key (hint: did you mean guidance_scale?)"},
		{"hyphens", valid + "Max-Frames: 3\n", "r.yaml:6: Max-Frames: no such key (hint: did you mean max_frames?)"},
		{"nothing like it", valid + "colour: 3\n", "r.yaml:6: colour: no such key (hint: remove the line)"},
		{"misplaced", valid + "model_path: /m\n", "r.yaml:6: model_path: no such key (hint: it belongs below extra:)"},
		{"merge", valid + "<<: {seed: 1}\n", "r.yaml:6: <<: no such key (hint: write the keys out)"},
		{"twice", valid + "seed: 1\nseed: 2\n", "r.yaml:7: seed: the key is there twice, first in line 6 (hint: remove one)"},
		{"key is a list", valid + "? [a]\n: b\n", "r.yaml:6: a list stands where a key is wanted"},
		{"text for a number", valid + "seed: seven\n", `r.yaml:6: seed: text "seven" is not a whole number (hint: write digits)`},
		{"quoted number", valid + `seed: "7"` + "\n", `r.yaml:6: seed: text "7" is not a whole number (hint: write 7 without quotes)`},
		{"comma", valid + "guidance_scale: 7,5\n", `r.yaml:6: guidance_scale: text "7,5" is not a number (hint: write 7.5, with a decimal point)`},
		{"NaN", valid + "guidance_scale: .nan\n", "r.yaml:6: guidance_scale: .nan is not a finite number"},
		{"infinite", valid + "smoothing_alpha: -.inf\n", "r.yaml:6: smoothing_alpha: -.inf is not a finite number"},
		{"infinite whole", valid + "seed: .inf\n", "r.yaml:6: seed: .inf is not a whole number"},
		{"overflow", valid + "guidance_scale: 1e999\n", "r.yaml:6: guidance_scale: 1e999 is too large"},
		{"huge whole", valid + "seed: 99999999999999999999\n", "r.yaml:6: seed: 99999999999999999999 is too large"},
		{"NaN as text", valid + "guidance_scale: NaN\n", `r.yaml:6: guidance_scale: text "NaN" is not a number (hint: write digits)`},
		{"time", valid + "max_frames: 1:30\n", `r.yaml:6: max_frames: text "1:30" is not a whole number (hint: write digits)`},
		{"key cut short", valid + "guidance: 3\n", "r.yaml:6: guidance: no such key (hint: did you mean guidance_scale?)"},
		{"step", valid + "step: 3\n", "r.yaml:6: step: no such key (hint: did you mean num_inference_steps?)"},
		{"smooth", valid + "smooth: classic\n", "r.yaml:6: smooth: no such key (hint: did you mean smoothing?)"},
		{"octal", valid + "erode_kernel: 010\n", "r.yaml:6: erode_kernel: 010 begins with a zero (hint: write 10)"},
		{"huge", valid + "seed: 18446744073709551615\n", "r.yaml:6: seed: 18446744073709551615 is too large"},
		{"negative seed", valid + "seed: -1\n", "r.yaml:6: seed: -1 is negative (hint: write a whole number from 0 on)"},
		{"yes", valid + "apply_smoothing: yes\n", `r.yaml:6: apply_smoothing: text "yes" is not true or false (hint: write true or false, without quotes)`},
		{"number for text", valid + "negative_prompt: 12\n", `r.yaml:6: negative_prompt: 12 is not text (hint: write "12", in quotes)`},
		{"list for text", valid + "negative_prompt: [a, b]\n", "r.yaml:6: negative_prompt: a list is not text (hint: write one value)"},
		{"list for a number", valid + "seed: [1]\n", "r.yaml:6: seed: a list is not a whole number (hint: write one value)"},
		{"instances", valid + "instances: biggest\n", `r.yaml:6: instances: "biggest" is not known (hint: write all, largest, or a number from 0 on)`},
		{"instances below 0", valid + "instances: -1\n", `r.yaml:6: instances: "-1" is not known (hint: write all, largest, or a number from 0 on)`},
		{"instances as a fraction", valid + "instances: 1.5\n", `r.yaml:6: instances: 1.5 is not text (hint: write "1.5", in quotes)`},
		{"too many objects", valid + "max_objects: 10001\n", "r.yaml:6: max_objects: 10001 is not within 0..10000"},
		{"blank negative", valid + "mask_negative_prompt: ' '\n", "r.yaml:6: mask_negative_prompt: the text is empty (hint: leave it out)"},
		{"across cuts", valid + "across_cuts: 1\n", "r.yaml:6: across_cuts: 1 is not true or false (hint: write true or false, without quotes)"},
		{"extra is text", valid + "extra: fast\n", `r.yaml:6: extra: text "fast" stands where keys and values are wanted (hint: write  extra: {key: value})`},
		{"extra path is a number", valid + "extra:\n  model_path: 4\n", `r.yaml:7: extra.model_path: 4 is not text (hint: write "4", in quotes)`},
		{"extra twice", valid + "extra:\n  a: 4\n  a: 5\n", "r.yaml:8: extra.a: the key is there twice, first in line 7 (hint: remove one)"},
		{"extra NaN", valid + "extra:\n  a: [.nan]\n", "r.yaml:7: extra.a: .nan is not a finite number"},

		{"mode", valid + "mode: image\n", `r.yaml:6: mode: "image" is not known (hint: write video or single_frame)`},
		{"steps", valid + "num_inference_steps: 0\n", "r.yaml:6: num_inference_steps: 0 is not within 1..1000"},
		{"alpha", valid + "smoothing_alpha: 1.01\n", "r.yaml:6: smoothing_alpha: 1.01 is not within 0..1"},
		{"window", valid + "smoothing_window: 0\n", "r.yaml:6: smoothing_window: 0 is not within 1..99"},
		{"kernel", valid + "erode_kernel: -1\n", "r.yaml:6: erode_kernel: -1 is not within 0..1000"},
		{"preset", valid + "preset: fast\n", `r.yaml:6: preset: "fast" is not known (hint: leave it out, or write ur-edit)`},
		{"scheduler", valid + "scheduler: ../x\n", `r.yaml:6: scheduler: "../x" is no name of a scheduler (hint: leave it out for the model's own)`},
		{"priority", valid + "priority: 10\n", "r.yaml:6: priority: 10 is not within 0..9"},

		{"several at once", "job_id: ../x\ninput_video_path: in.mp4\noutput_dir: ~/out\nmask_prompt: \" \"\nseed: 1.5\n", `r.yaml:1: job_id: the name begins with '.' (hint: use letters, digits, . _ and -, beginning with a letter or a digit)
r.yaml:2: input_video_path: "in.mp4" is not absolute (hint: write the whole path, from / on)
r.yaml:3: output_dir: "~/out" is not absolute (hint: write the home directory out)
r.yaml:4: mask_prompt: the text is empty (hint: name what is to be edited: red ball)
r.yaml:5: seed: 1.5 is not a whole number (hint: write 1 or 2)
r.yaml: edit_prompt: the key is missing (hint: write a line  edit_prompt: ...)`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := job.Parse("r.yaml", []byte(test.text))
			if fmt.Sprint(err) != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			list, ok := errors.AsType[job.Errors](err)
			if !ok || list[0].Code == "" || list[0].Retryable {
				t.Errorf("%#v is no Errors of a permanent fault", err)
			}
		})
	}
}

func TestParseValueFaults(t *testing.T) {
	tests := []struct{ key, line, want string }{
		{"job_id", `job_id: 123`, `123 is not text (hint: write "123", in quotes)`},
		{"job_id", `job_id: null`, `the key is missing (hint: write a line  job_id: ...)`},
		{"job_id", `job_id: 2026-01-31`, `2026-01-31 is not text (hint: write "2026-01-31", in quotes)`},
		{"job_id", `job_id: a/b`, `the name contains '/' (hint: use letters, digits, . _ and -, beginning with a letter or a digit)`},
		{"input_video_path", `input_video_path: ""`, `the path is empty (hint: write an absolute path)`},
		{"input_video_path", `input_video_path: http://host/x.mp4`, `"http://host/x.mp4" is an address, not a path (hint: copy the file to the share and write its path)`},
		{"input_video_path", `input_video_path: "/a\0b"`, `the path contains the control character '\x00'`},
		{"input_video_path", `input_video_path: "/a.mp4 "`, `the path "/a.mp4 " begins or ends with a blank (hint: remove the blank)`},
		{"output_dir", `output_dir: /` + strings.Repeat("x", 4096), `the path has 4097 bytes, more than 4096`},
		{"mask_prompt", `mask_prompt: true`, `true is not text (hint: write "true", in quotes)`},
		{"mask_prompt", `mask_prompt: "a\eb"`, `the text contains the control character '\x1b'`},
	}
	for _, test := range tests {
		t.Run(test.line[:min(len(test.line), 30)], func(t *testing.T) {
			lines := strings.Split(valid, "\n")
			i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, test.key+":") })
			lines[i] = test.line
			_, _, err := job.Parse("r.yaml", []byte(strings.Join(lines, "\n")))
			if want := fmt.Sprintf("r.yaml:%d: %s: %s", i+1, test.key, test.want); fmt.Sprint(err) != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestParseJSONFaults(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", " \n", "r.json: the file is empty (hint: write lines such as  key: value)"},
		{"YAML", "job_id: a\n", "r.json:1: not JSON: invalid character 'j' looking for beginning of value (hint: a file that ends in .json holds JSON; YAML belongs in one that ends in .yaml)"},
		{"cut off", "{\n\"job_id\": \"a\",", "r.json:2: not JSON: the text ends too early"},
		{"list", "[1]", "r.json:1: a list stands where keys and values are wanted (hint: write lines such as  key: value)"},
		{"two values", "{}\n{}", "r.json:2: something follows the JSON value (hint: one file holds one document)"},
		{"NaN", "{\n\n\"seed\": NaN}", "r.json:3: not JSON: invalid character 'N' looking for beginning of value (hint: a value is a number, true, false, null, or text in double quotes)"},
		{"last comma", `{"job_id": "a",}`, "r.json:1: not JSON: invalid character '}' looking for beginning of object key string (hint: no comma stands after the last value, and keys stand in double quotes)"},
		{"no comma", "{\"job_id\": \"a\"\n\"seed\": 1}", `r.json:2: not JSON: invalid character '"' after object key:value pair (hint: a comma stands between two values)`},
		{"single quotes", "{'job_id': 'a'}", `r.json:1: not JSON: invalid character '\'' (hint: JSON takes double quotes)`},
		{"deep", strings.Repeat(`{"extra":`, 100) + "1" + strings.Repeat("}", 100), "r.json:1: not JSON: values lie more than 32 deep"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, _, err := job.Parse("r.json", []byte(test.text)); fmt.Sprint(err) != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
	_, _, err := job.Parse("r.json", []byte("{\"job_id\": \"a\",\n \"job_id\": \"b\",\n \"seed\": 1.5,\n \"mask_prompt\": null}"))
	for _, want := range []string{
		"r.json:2: job_id: the key is there twice, first in line 1",
		"r.json:3: seed: 1.5 is not a whole number",
		"r.json:4: mask_prompt: the key is missing",
	} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v does not say %q", err, want)
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
		MaskNegativePrompt: "blue ball", Instances: "3", MaxObjects: 7, AcrossCuts: true, Overwrite: true,
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
