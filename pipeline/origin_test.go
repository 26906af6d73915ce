package pipeline

import (
	"image"
	"reflect"
	"slices"
	"testing"
)

// TestMaskKeyOfEveryField: each field of a Spec changes the masks' key, or is
// known to be of no matter to them. A new field fails here until that is decided.
func TestMaskKeyOfEveryField(t *testing.T) {
	noMatter := []string{
		"Input", "InputName", "Work", "Attempt", "SegmenterModel", "EditorModel", // Origin has their contents
		"EditPrompt", "NegativePrompt", "EditPreset", "Steps", "GuidanceScale", "ImageGuidanceScale", "Scheduler", "Seed",
		"ErodeKernel", "Feather", "CropPadding", "EditSize", "Smoothing", "SmoothingWindow", "SmoothingAlpha",
	}
	origin := Origin{Input: "i", Segmenter: "s", Editor: "e", Versions: "v"}
	key := (&Spec{Origin: origin}).MaskKey()
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Spec]()) {
		if len(f.Index) > 1 || slices.Contains([]string{"Input", "Work"}, f.Name) {
			continue
		}
		s := Spec{Origin: origin}
		switch v := reflect.ValueOf(&s).Elem().FieldByIndex(f.Index); v.Interface().(type) {
		case string:
			v.SetString("x")
		case int:
			v.SetInt(3)
		case uint64:
			v.SetUint(3)
		case float64:
			v.SetFloat(3)
		case bool:
			v.SetBool(true)
		case []image.Rectangle:
			v.Set(reflect.ValueOf([]image.Rectangle{image.Rect(1, 2, 3, 4)}))
		case Origin:
			v.Set(reflect.ValueOf(Origin{Input: "j", Segmenter: "s", Editor: "e", Versions: "v"}))
		default:
			t.Fatalf("%s is a %v: teach the test to change it", f.Name, f.Type)
		}
		if changed := s.MaskKey() != key; changed == slices.Contains(noMatter, f.Name) {
			t.Errorf("%s changes the masks' key: %t", f.Name, changed)
		}
	}
}
