package job_test

import (
	"flag"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"uredit/daemon/job"
)

// parseFlags parses a command line of flags that make a request.
func parseFlags(t *testing.T, args ...string) *job.Flags {
	t.Helper()
	set := flag.NewFlagSet("test", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	f := job.NewFlags(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFlagOfEveryKey: each key has its flag, which changes it and nothing else,
// and is in the help with its default.
func TestFlagOfEveryKey(t *testing.T) {
	flags := map[string]string{
		"JobID": "--job-id=x", "InputVideoPath": "--input=/x", "OutputDir": "--output-dir=/x", "MaskPrompt": "--mask-prompt=x",
		"EditPrompt": "--edit-prompt=x", "NegativePrompt": "--negative-prompt=x", "Mode": "--mode=single_frame", "FrameIndex": "--frame-index=1",
		"MaxFrames": "--max-frames=1", "NumInferenceSteps": "--steps=1", "GuidanceScale": "--guidance-scale=1",
		"ImageGuidanceScale": "--image-guidance-scale=1", "Scheduler": "--scheduler=x", "Preset": "--preset=ur-edit", "Seed": "--seed=1", "MaskNegativePrompt": "--mask-negative-prompt=x",
		"Instances": "--instances=0", "MaskBoxes": "--mask-boxes=1,2,3,4", "MaxObjects": "--max-objects=1", "AcrossCuts": "--across-cuts", "ErodeKernel": "--erode-kernel=1",
		"Feather": "--feather=1", "CropPadding": "--crop-padding=1", "EditSize": "--edit-size=64", "ApplySmoothing": "--no-smoothing",
		"Smoothing": "--smoothing=classic", "SmoothingWindow": "--smoothing-window=1", "SmoothingAlpha": "--smoothing-alpha=1",
		"VideoCodec": "--video-codec=hevc", "VideoCRF": "--video-crf=1", "VideoPreset": "--video-preset=slow", "HDR": "--hdr=tonemap",
		"Priority": "--priority=1", "Overwrite": "--overwrite", "Fresh": "--fresh", "ReuseMasks": "--no-reuse-masks", "Extra": "--sam-path=x",
	}
	usual, _, err := job.Parse("r.yaml", []byte(valid))
	if err != nil {
		t.Fatal(err)
	}
	set := flag.NewFlagSet("test", flag.ContinueOnError)
	job.NewFlags(set)
	for i, f := range reflect.VisibleFields(reflect.TypeFor[job.Request]()) {
		arg := flags[f.Name]
		got, _, err := job.Draft{File: "r.yaml", Data: []byte(valid), Flags: parseFlags(t, arg)}.Parse()
		if err != nil {
			t.Errorf("%s: %q: %v", f.Name, arg, err)
			continue
		}
		was, is := reflect.ValueOf(usual).Field(i), reflect.ValueOf(&got).Elem().Field(i)
		if reflect.DeepEqual(was.Interface(), is.Interface()) {
			t.Errorf("%s does not change %s", arg, f.Name)
		}
		is.Set(was)
		if !reflect.DeepEqual(got, usual) {
			t.Errorf("%s changes more than %s: %+v", arg, f.Name, got)
		}
		name, _, _ := strings.Cut(arg[2:], "=")
		if help := set.Lookup(name); help == nil || help.Usage == "" {
			t.Errorf("no help for %s", arg)
		}
	}
	if got := set.Lookup("guidance-scale").Value.String(); got != "9" {
		t.Errorf("the default is shown as %q", got)
	}
}

// TestDraftFlags: flags are judged with the file that they win over, and their
// faults name them.
func TestDraftFlags(t *testing.T) {
	tests := []struct {
		name, file string // no file for ""
		args       []string
		want       string // the error; "" for none
	}{
		{"over a bad line", valid + "num_inference_steps: 3.5\n", []string{"--steps", "7"}, ""},
		{"over a missing line", strings.Replace(valid, "edit_prompt: make it blue\n", "", 1), []string{"--edit-prompt", "make it red"}, ""},
		{"over null", valid + "seed:\n", []string{"--seed", "7"}, ""},
		{"text like null", valid, []string{"--mask-prompt", "null", "--edit-prompt", "~"}, ""},
		{"text like a number", valid, []string{"--mask-prompt", "7", "--negative-prompt=true"}, ""},
		{"taken back", valid + "scheduler: ddim\n", []string{"--scheduler", ""}, ""},
		{"smoothing on", valid + "apply_smoothing: false\n", []string{"--no-smoothing=false"}, ""},
		{"the last wins", valid, []string{"--steps", "0", "--steps", "3"}, ""},
		{"bad flags and lines", valid + "priority: 10\n", []string{"--steps", "many", "--seed=-1", "--feather", "0,5"},
			`r.yaml:6: priority: 10 is not within 0..9
--steps: text "many" is not a whole number (hint: write digits)
--seed: -1 is negative (hint: write a whole number from 0 on)
--feather: text "0,5" is not a number (hint: write 0.5, with a decimal point)`},
		{"empty number", valid, []string{"--steps="}, `--steps: text "" is not a whole number (hint: write digits)`},
		{"empty text", valid, []string{"--edit-prompt", ""}, "--edit-prompt: the text is empty (hint: say how it is to be edited: make it blue)"},
		{"switch", valid, []string{"--overwrite=perhaps"}, `--overwrite: text "perhaps" is not true or false (hint: write true or false, without quotes)`},
		{"model path", valid, []string{"--model-path", "a\x01"}, `--model-path: the path contains the control character '\x01'`},
		{"home directory", valid, []string{"--input=~/in.mp4"}, `--input: "~/in.mp4" is not absolute (hint: write the home directory out)`},
		{"address", valid, []string{"--input", "https://host/in.mp4"}, `--input: "https://host/in.mp4" is an address, not a path (hint: copy the file to the share and write its path)`},
		{"flags alone", "", []string{"--input", "in.mp4", "--mask-prompt", "a", "--steps", "0"}, `--job-id: the flag is missing (hint: give the name of the job and of its files)
--output-dir: the flag is missing (hint: give the directory of all results)
--edit-prompt: the flag is missing (hint: give the text that says how to edit it)
--steps: 0 is not within 1..1000`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := job.Draft{Dir: "/home/user", Flags: parseFlags(t, test.args...)}
			if test.file != "" {
				d.File, d.Data = "r.yaml", []byte(test.file)
			}
			_, _, err := d.Parse()
			if err == nil && test.want != "" || err != nil && err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestFlagError(t *testing.T) {
	for arg, want := range map[string]string{
		"--stepz":    "there is no flag --stepz (hint: did you mean --steps?)",
		"--guidance": "there is no flag --guidance (hint: did you mean --guidance-scale?)",
		"--colour":   "there is no flag --colour (hint: uredit x -h lists the flags)",
		"--seed":     "the flag --seed needs a value",
	} {
		set := flag.NewFlagSet("uredit x", flag.ContinueOnError)
		set.SetOutput(io.Discard)
		job.NewFlags(set)
		if err := job.FlagError(set, set.Parse([]string{arg})); fmt.Sprint(err) != want {
			t.Errorf("%s: got %v, want %s", arg, err, want)
		}
	}
}

// TestDraftHooks: what a caller fills in is judged, and what it finds out about
// a path has the place of its key.
func TestDraftHooks(t *testing.T) {
	d := job.Draft{File: "r.yaml", Data: []byte(valid), Check: func(r *job.Request) *job.Error {
		return &job.Error{Code: job.CodeInputMissing, Key: "input_video_path", Message: "gone", Hint: r.InputVideoPath}
	}}
	_, _, err := d.Parse()
	list, ok := err.(job.Errors)
	if fmt.Sprint(err) != "r.yaml:2: input_video_path: gone (hint: /srv/uredit/in.mp4)" || !ok || list[0].Code != job.CodeInputMissing {
		t.Errorf("got %v", err)
	}
	args := []string{"--input", "in.mp4", "--mask-prompt", "a", "--edit-prompt", "b"}
	d = job.Draft{Dir: "/d", Flags: parseFlags(t, args...), Complete: func(r *job.Request) { r.JobID, r.OutputDir = "x/y", r.InputVideoPath }}
	if _, _, err := d.Parse(); fmt.Sprint(err) != "--job-id: the name contains '/' (hint: use letters, digits, . _ and -, beginning with a letter or a digit)" {
		t.Errorf("got %v", err)
	}
	if got := d.Flags.Names(); !slices.Equal(got, []string{"--edit-prompt", "--input", "--mask-prompt"}) || d.Flags.Has("seed") {
		t.Errorf("got %q", got)
	}
}
