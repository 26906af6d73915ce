package track

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/fault"
	"uredit/pipeline/tensor"
)

func without(list []tensor.Info, name string) []tensor.Info {
	return slices.DeleteFunc(slices.Clone(list), func(i tensor.Info) bool { return i.Name == name })
}

func reshaped(list []tensor.Info, name string, shape ...int64) []tensor.Info {
	list = slices.Clone(list)
	for i := range list {
		if list[i].Name == name {
			list[i].Shape = shape
		}
	}
	return list
}

func TestOpen(t *testing.T) {
	selecting := true
	for _, c := range []struct {
		name   string
		change func(*script, *Config)
		says   string // "" where it opens
	}{
		{"as it is", func(*script, *Config) {}, ""},
		{"features that a graph does not need", func(s *script, _ *Config) {
			s.init.inputs = append(s.init.inputs, info("trk_s0"))
			s.step.inputs = without(s.step.inputs, "trk_s1")
		}, ""},
		{"without binarize", func(s *script, _ *Config) { s.memory.inputs = without(s.memory.inputs, "binarize") }, "no input binarize"},
		{"without binarize, which is not needed", func(s *script, c *Config) {
			s.memory.inputs = without(s.memory.inputs, "binarize")
			c.Semantics = Meta
		}, ""},
		{"without iou", func(s *script, _ *Config) { s.step.outputs = without(s.step.outputs, "iou") }, ""},
		{"without iou, though it is looked at", func(s *script, c *Config) {
			s.step.outputs = without(s.step.outputs, "iou")
			c.Selection.Enabled = &selecting
		}, "no output iou"},
		{"no pointer", func(s *script, _ *Config) { s.init.outputs = without(s.init.outputs, "obj_ptr") }, "tracker_init.onnx: no output obj_ptr"},
		{"no mask", func(s *script, _ *Config) { s.memory.inputs = without(s.memory.inputs, "mask_logits") }, "memory_encoder.onnx: no input mask_logits"},
		{"open sizes, configured", func(s *script, c *Config) {
			s.step.inputs = reshaped(s.step.inputs, "mem_feat", -1, -1, -1, -1)
			s.step.inputs = reshaped(s.step.inputs, "ptr", -1, -1)
			c.Grid, c.MemDim, c.Hidden = testL, 1, 1
		}, ""},
		{"open sizes", func(s *script, _ *Config) { s.step.inputs = reshaped(s.step.inputs, "ptr", -1, -1) }, "says hidden"},
		{"other sizes", func(_ *script, c *Config) { c.LowRes = 288 }, "low_res is 16 in the graph and 288"},
		{"too few dimensions", func(s *script, _ *Config) { s.step.inputs = reshaped(s.step.inputs, "ptr", 1) }, "dimensions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, config := newScript(), DefaultConfig()
			c.change(s, &config)
			m, err := Open(t.Context(), folder(t), s.load, config)
			if c.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got := ids(play(t, m.Track(Options{}), 4, always(left))); got != "0 x4" {
					t.Errorf("shown %q, want %q", got, "0 x4")
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || fault.Of(err).Code != fault.ModelInvalid {
				t.Errorf("error %v, want ModelInvalid that says %q", err, c.says)
			}
		})
	}
}

func TestPresent(t *testing.T) {
	if Present(t.TempDir()) {
		t.Error("an empty folder has a tracker")
	}
	dir := folder(t)
	if !Present(dir) {
		t.Error("a folder with a tracker has none")
	}
	if err := os.Remove(filepath.Join(dir, stepFile)); err != nil {
		t.Fatal(err)
	}
	if !Present(dir) {
		t.Error("a folder with a part of a tracker has none: it would not be missed")
	}
	if _, err := Open(t.Context(), dir, newScript().load, DefaultConfig()); fault.Of(err).Code != fault.ModelMissing || !strings.Contains(err.Error(), stepFile) {
		t.Errorf("error %v, want ModelMissing about %s", err, stepFile)
	}
}

func TestParseConfig(t *testing.T) {
	c, err := ParseConfig([]byte(`{"semantics":"meta","num_maskmem":5,"thresholds":{"new_det_thresh":0.6,"recondition_on_trk_masks":false}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.Semantics, want.Memories = Meta, 5
	want.Thresholds.New, want.Thresholds.OnTrackMasks = 0.6, false
	if c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
	if d := c.differences(); d != (differences{}) {
		t.Errorf("differences %+v, want none", d)
	}
	if d := DefaultConfig().differences(); d != (differences{true, true, true, true, true}) {
		t.Errorf("differences %+v, want all", d)
	}
	for text, says := range map[string]string{
		`{"semantics":"sam2"}`: "sam2",
		`{"low_res":-1}`:       "size",
		`{"num_maskmem":0}`:    "no memory",
		`{"max_cond":0}`:       "no memory",
		`{"max_ptrs":1}`:       "no memory",
		`{"thresholds":{"hotstart_unmatch_thresh":16}}`: "exceed",
		`{"thresholds":{"hotstart_delay":7}}`:           "exceed",
		`{"thresholds":{"max_num_objects":-1}}`:         "negative",
		`{"thresholds":{"new_det_thresh":"high"}}`:      "string",
		`{`: "JSON",
	} {
		if _, err := ParseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v, want one about %q", text, err, says)
		}
	}
}

// FuzzParseConfig tracks with whatever passes.
func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"semantics":"meta","max_cond":-1,"memory_selection":{"enabled":false}}`))
	f.Add([]byte(`{"num_maskmem":1,"max_ptrs":2,"thresholds":{"hotstart_delay":0,"fill_hole_area":0,"recondition_every_nth_frame":1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(data)
		if err != nil || max(c.LowRes, c.Grid, c.Hidden, c.MemDim) > 0 {
			return
		}
		play(t, newScript().open(t, c).Track(Options{}), 20, func(t int) ([]box, []Detection) {
			if t%5 == 3 {
				return always(left)(t)
			}
			return always(left, right)(t)
		})
	})
}
