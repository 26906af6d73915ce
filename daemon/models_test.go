package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"uredit/daemon/job"
	"uredit/pipeline"
)

func TestModelPaths(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"bundle/pix2pix/unet/model.onnx", "other/unet/model.onnx", "torch/unet/diffusion.safetensors",
		"both/unet/model.onnx", "both/unet/weights.bin"} {
		os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755)
		os.WriteFile(filepath.Join(dir, file), nil, 0o644)
	}
	os.Symlink(filepath.Join(dir, "other"), filepath.Join(dir, "bundle", "link"))
	at := func(name string) string { return filepath.Join(dir, name) }
	m := Models{
		Aliases: map[string]string{"/old/pix2pix": at("other"), "/old/file.pt": at("bundle/pix2pix"), "timbrooks/instruct-pix2pix": at("other")},
		Roots:   []string{at("bundle")},
	}
	tests := []struct {
		name  string
		asked string
		env   string
		want  string // a folder, or
		code  string
	}{
		{"nothing asked", "", "", "", ""},
		{"the host's own, outside of the roots", "", at("other"), at("other"), ""},
		{"beneath a root", at("bundle/pix2pix"), "", at("bundle/pix2pix"), ""},
		{"a request outside of the roots", at("other"), "", "", job.CodePathOutside},
		{"a link out of the roots", at("bundle/link"), "", "", job.CodePathOutside},
		{"dots out of the roots", at("bundle/../other"), "", "", job.CodePathOutside},
		{"an alias", "/old/pix2pix", "", at("other"), ""},
		{"an alias, written otherwise", "/old//pix2pix/", "", at("other"), ""},
		{"an alias of a torch file", "/old/file.pt", "", at("bundle/pix2pix"), ""},
		{"an alias of a hub's name", "timbrooks/instruct-pix2pix", "", at("other"), ""},
		{"an alias by the environment", "", "/old/pix2pix", at("other"), ""},
		{"a torch file", "/models/sam3.pt", "", "", codeModelNotExported},
		{"a torch file of the host", "", "/models/sam3.safetensors", "", codeModelNotExported},
		{"a diffusers folder", at("torch"), "", "", codeModelNotExported},
		{"a hub's name", "someone/model", "", "", codeModelNotExported},
		{"a folder with both", at("both"), at("both"), "", job.CodePathOutside},
		{"not there", at("bundle/none"), "", "", codeModelMissing},
		{"a relative path", "models", "", "", codeModelMissing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := m.FromEnv(func(key string) string {
				return map[string]string{"INSTRUCT_PIX2PIX_MODEL_PATH": tt.env}[key]
			})
			r := job.Default()
			r.Extra.ModelPath = tt.asked
			spec, err := Spec(&r, m)
			if tt.code == "" {
				if err != nil || spec.EditorModel != tt.want {
					t.Errorf("%q, %v, want %q", spec.EditorModel, err, tt.want)
				}
				return
			}
			e, ok := errors.AsType[*job.Error](err)
			if !ok || e.Code != tt.code || e.Hint == "" {
				t.Errorf("%v, want the code %s and a hint", err, tt.code)
			}
			if ok && e.Code == codeModelNotExported && !strings.Contains(e.Hint, "python models/export/export.py pix2pix ") {
				t.Errorf("the hint %q does not say how to export", e.Hint)
			}
		})
	}
}

// TestSpecOfEveryKey: what a request says changes the edit, but for the keys
// that are the daemon's own.
func TestSpecOfEveryKey(t *testing.T) {
	const required = "job_id: a\ninput_video_path: /in\noutput_dir: /out\nmask_prompt: m\nedit_prompt: e\n"
	spec := func(text string) pipeline.Spec {
		r, _, err := job.Parse("r.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s, err := Spec(&r, Models{Aliases: map[string]string{"editor": t.TempDir(), "finder": t.TempDir()}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	usual := spec(required)
	lines := map[string]string{
		"input_video_path": "/other", "mask_prompt": "x", "edit_prompt": "x", "mode": "single_frame", "frame_index": "1",
		"max_frames": "1", "negative_prompt": "x", "num_inference_steps": "1", "guidance_scale": "1", "image_guidance_scale": "1",
		"preset": "ur-edit", "scheduler": "ddim", "seed": "1", "edit_size": "256", "crop_padding": "1", "mask_negative_prompt": "x", "instances": "0", "mask_boxes": "[1, 2, 3, 4]",
		"max_objects": "1", "across_cuts": "true", "erode_kernel": "1", "feather": "1", "apply_smoothing": "false",
		"smoothing": "classic", "smoothing_window": "3", "smoothing_alpha": "1", "video_codec": "hevc", "video_crf": "1",
		"video_preset": "slow", "hdr": "tonemap", "extra": "{model_path: editor, sam_path: finder}",
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[job.Request]()) {
		key := f.Tag.Get("json")
		value, reaches := lines[key]
		if !reaches {
			if !slices.Contains([]string{"job_id", "output_dir", "priority", "overwrite", "fresh", "reuse_masks"}, key) {
				t.Errorf("%s is not tried", key)
			}
			continue
		}
		text := required + key + ": " + value + "\n"
		if i := strings.Index(required, key+": "); i >= 0 {
			end := i + strings.Index(required[i:], "\n")
			text = required[:i] + key + ": " + value + required[end:]
		}
		if s := spec(text); reflect.DeepEqual(s, usual) {
			t.Errorf("%s: %s changes nothing", key, value)
		}
	}
	s := spec(required + "mask_negative_prompt: blue\ninstances: 2\nmax_objects: 7\nacross_cuts: true\n")
	if s.MaskNegative != "blue" || s.Instances != "2" || s.MaxObjects != 7 || !s.AcrossCuts {
		t.Errorf("got %+v", s)
	}
}

func TestSpec(t *testing.T) {
	r := job.Default()
	r.Mode, r.FrameIndex, r.HDR = job.SingleFrame, 3, "tonemap"
	s, err := Spec(&r, Models{})
	if err != nil {
		t.Fatal(err)
	}
	if !s.SingleFrame || s.FrameIndex != 3 || !s.ToneMap || s.Smoothing != "motion" || s.Steps != 50 || s.GuidanceScale != 9 || s.CRF != 16 {
		t.Errorf("Spec = %+v", s)
	}
	r.ApplySmoothing = false
	if s, _ := Spec(&r, Models{}); s.Smoothing != "off" {
		t.Errorf("without smoothing it is %q", s.Smoothing)
	}
}
