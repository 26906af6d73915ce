package job_test

import (
	"image"
	"reflect"
	"strings"
	"testing"

	"uredit/daemon/job"
)

// TestBoxes reads boxes as people and programs write them.
func TestBoxes(t *testing.T) {
	one := []image.Rectangle{image.Rect(1, 2, 30, 40)}
	two := append(one[:1:1], image.Rect(5, 6, 7, 8))
	for text, want := range map[string][]image.Rectangle{
		"mask_boxes: [[1, 2, 30, 40]]\n":                  one,
		"mask_boxes: [1, 2, 30, 40]\n":                    one,
		"mask_boxes: [1.0, 2, 3e1, 40]\n":                 one,
		"mask_boxes: 1,2,30,40\n":                         one,
		"mask_boxes: [[1, 2, 30, 40], [5, 6, 7, 8]]\n":    two,
		"mask_boxes:\n- [1, 2, 30, 40]\n- [5, 6, 7, 8]\n": two,
		"mask_boxes: \" 1, 2, 30, 40 ;5,6,7,8\"\n":        two,
		"mask_boxes: null\n":                              nil,
		"mask_boxes: []\n":                                nil,
		"mask_boxes: \"\"\n":                              nil,
	} {
		r, _, err := job.Parse("r.yaml", []byte(valid+text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, err := r.MaskBoxes.Rectangles(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	if _, err := job.Boxes(strings.Repeat("1,2,3,4;", 64) + "1,2,3,4").Rectangles(); err == nil {
		t.Error("65 boxes are accepted")
	}
	r, _, err := job.Parse("r.json", []byte(`{"job_id": "a", "input_video_path": "/a", "output_dir": "/b", "mask_prompt": "c",
		"edit_prompt": "d", "mask_boxes": [[1, 2, 30, 40], [5, 6, 7, 8]]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.MaskBoxes.Rectangles(); err != nil || !reflect.DeepEqual(got, two) {
		t.Errorf("of JSON: %v, %v", got, err)
	}
}
