package cache

import (
	"reflect"
	"strings"
	"testing"

	"uredit/daemon/job"
)

func source() Source {
	r := job.Default()
	r.JobID, r.InputVideoPath, r.OutputDir, r.MaskPrompt, r.EditPrompt = "a", "/in.mp4", "/out", "red ball", "make it blue"
	return Source{
		Input: strings.Repeat("1", 64), Request: r,
		Models:   map[string]string{"sam3/vision.onnx": strings.Repeat("2", 64), "pix2pix/unet/model.onnx": strings.Repeat("3", 64)},
		Versions: map[string]string{"onnxruntime": "1.24.1"},
		Provider: "cpu",
	}
}

func keys(t *testing.T, s Source) (result, masks Key) {
	t.Helper()
	result, ok := s.Result()
	masks, okMasks := s.Masks()
	if !ok || !okMasks {
		t.Fatal("a source has no key")
	}
	return result, masks
}

// TestEveryKeyOfARequest: each key of a request was thought of, and changes what
// it decides and nothing else. A new key that is not listed fails here.
func TestEveryKeyOfARequest(t *testing.T) {
	result, masks := keys(t, source())
	for _, f := range reflect.VisibleFields(reflect.TypeFor[job.Request]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		role, listed := roleOf(name)
		if !listed {
			t.Errorf("roleOf does not list %s: say what it decides", name)
		}
		s := source()
		if name == "frame_index" { // it has no effect on a whole video
			s.Request.Mode = job.SingleFrame
			result, masks = keys(t, s)
		}
		change(t, reflect.ValueOf(&s.Request).Elem().FieldByIndex(f.Index))
		r, m := keys(t, s)
		if got, want := r != result, role >= decidesEdit; got != want {
			t.Errorf("%s changes the result's key: %v, want %v", name, got, want)
		}
		if got, want := m != masks, role >= decidesMasks; got != want {
			t.Errorf("%s changes the masks' key: %v, want %v", name, got, want)
		}
		result, masks = keys(t, source())
	}
}

// change gives v another value.
func change(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		if v.String() == string(job.Video) {
			v.SetString(string(job.SingleFrame))
			return
		}
		v.SetString(v.String() + "x")
	case reflect.Int:
		v.SetInt(v.Int() + 1)
	case reflect.Uint64:
		v.SetUint(v.Uint() + 1)
	case reflect.Float64:
		v.SetFloat(v.Float() + 0.25)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Struct:
		v.Set(reflect.ValueOf(job.Extra{ModelPath: "/m", SAMPath: "/s", JobName: "n", Notes: "o", Other: map[string]any{"a": 1}}))
	default:
		t.Fatalf("a field of kind %v: teach the test to change it", v.Kind())
	}
}

func TestWhatElseDecides(t *testing.T) {
	result, masks := keys(t, source())
	for _, test := range []struct {
		name          string
		change        func(*Source)
		result, masks bool // whether the key is another
	}{
		{"input", func(s *Source) { s.Input = strings.Repeat("9", 64) }, true, true},
		{"segmenter", func(s *Source) { s.Models["sam3/vision.onnx"] = strings.Repeat("9", 64) }, true, true},
		{"editor", func(s *Source) { s.Models["pix2pix/unet/model.onnx"] = strings.Repeat("9", 64) }, true, false},
		{"one model more", func(s *Source) { s.Models["pix2pix/x.onnx"] = strings.Repeat("9", 64) }, true, false},
		{"version", func(s *Source) { s.Versions["onnxruntime"] = "1.25" }, true, true},
		{"provider", func(s *Source) { s.Provider = "cuda" }, true, true},
		{"frame_index of a video", func(s *Source) { s.Request.FrameIndex = 3 }, false, false},
		{"window of no smoothing", func(s *Source) { s.Request.ApplySmoothing, s.Request.SmoothingWindow = false, 9 }, true, false},
	} {
		s := source()
		test.change(&s)
		if r, m := keys(t, s); (r != result) != test.result || (m != masks) != test.masks {
			t.Errorf("%s: another result %v, want %v; other masks %v, want %v", test.name, r != result, test.result, m != masks, test.masks)
		}
	}
	off, wide := source(), source()
	off.Request.ApplySmoothing, wide.Request.ApplySmoothing = false, false
	wide.Request.SmoothingWindow = 9
	a, _ := off.Result()
	if b, _ := wide.Result(); a != b {
		t.Error("the window of a smoothing that is off decides something")
	}
}

// TestUnknownModels: a model without a hash may be another tomorrow.
func TestUnknownModels(t *testing.T) {
	s := source()
	s.Models["pix2pix"] = "/models/mine"
	if k, ok := s.Result(); ok {
		t.Errorf("a folder that nobody hashed gives the key %s", k)
	}
	if _, ok := s.Masks(); !ok {
		t.Error("the editor's folder keeps the masks from a key")
	}
	s.Models = map[string]string{"sam3/vision.onnx": "replaced since the start"}
	if k, ok := s.Masks(); ok {
		t.Errorf("a file that was replaced gives the key %s", k)
	}
	s.Models = nil
	if k, ok := s.Result(); ok {
		t.Errorf("no model gives the key %s", k)
	}
}
