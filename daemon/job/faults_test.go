package job_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"uredit/daemon/job"
)

// faultTest is a request and what is said of it.
type faultTest struct{ name, text, want string }

func (test faultTest) run(t *testing.T) {
	_, _, err := job.Parse("r.yaml", []byte(test.text))
	if fmt.Sprint(err) != test.want {
		t.Errorf("got  %v\nwant %s", err, test.want)
	}
	list, ok := errors.AsType[job.Errors](err)
	if !ok || list[0].Code == "" || list[0].Retryable {
		t.Errorf("%#v is no Errors of a permanent fault", err)
	}
}

// boxesHint ends what is said of boxes.
const boxesHint = "write [[x0, y0, x1, y1]]: left, top, right and bottom in samples of the first frame)"

// TestFileFaults: what is wrong with a file as a whole.
func TestFileFaults(t *testing.T) {
	for _, test := range []faultTest{
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
	} {
		t.Run(test.name, test.run)
	}
}

// TestKeyFaults: what is wrong with one key or more.
func TestKeyFaults(t *testing.T) {
	for _, test := range []faultTest{
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
		{"box of three", valid + "mask_boxes: [[1, 2, 3]]\n", `r.yaml:6: mask_boxes: "1,2,3" is not four numbers (hint: ` + boxesHint},
		{"box of fractions", valid + "mask_boxes: [1, 2, 3.5, 4]\n", `r.yaml:6: mask_boxes: "3.5" is not a whole number (hint: ` + boxesHint},
		{"box without an inside", valid + "mask_boxes:\n  - [5, 5, 9, 9]\n  - [5, 5, 5, 9]\n", "r.yaml:6: mask_boxes: the box 5,5,5,9 has no inside (hint: " + boxesHint},
		{"box outside", valid + "mask_boxes: -1,2,3,4\n", "r.yaml:6: mask_boxes: the box -1,2,3,4 is not within 0..65536 (hint: " + boxesHint},
		{"no box", valid + "mask_boxes: 7\n", "r.yaml:6: mask_boxes: 7 is no list of boxes (hint: " + boxesHint},
		{"box beside a number", valid + "mask_boxes: [[1, 2, 3, 4], 5]\n", "r.yaml:6: mask_boxes: a box stands beside what is none (hint: " + boxesHint},
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
	} {
		t.Run(test.name, test.run)
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
