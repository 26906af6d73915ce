package segment

import (
	"fmt"
	"testing"

	"uredit/pipeline/frame"
)

func TestInstances(t *testing.T) {
	const w, h = 48, 48
	u := NewUnion(w, h)
	object := func(id, prompt int, presence float32, p frame.Plane32) Object {
		return Object{ID: id, Presence: presence, Detection: Detection{Prompt: prompt, Logits: p}}
	}
	at := func(found []Instance, x, y int) string {
		s := ""
		for _, o := range found {
			if o.Mask.Pix[y*w+x] != 0 {
				s += fmt.Sprint(o.ID)
			}
		}
		return s
	}
	nothing := frame.NewPlane32(testL, testL)
	for _, c := range []struct {
		name    string
		apart   bool
		objects []Object
		ids     string
		both    string // who has the sample that all have
	}{
		{"a linker's objects share", false, []Object{object(0, 0, 0, disc(10, 12, 5)), object(1, 0, 0, disc(14, 12, 5))}, "01", "01"},
		{"the surer has it", true, []Object{object(0, 0, .5, disc(10, 12, 5)), object(1, 0, .6, disc(14, 12, 5))}, "01", "1"},
		{"of equals the first", true, []Object{object(0, 0, .5, disc(10, 12, 5)), object(1, 0, .5, disc(14, 12, 5))}, "01", "0"},
		{"prompts share", true, []Object{object(0, 0, .5, disc(10, 12, 5)), object(1, 1, .6, disc(14, 12, 5))}, "01", "01"},
		{"no presence, no sample", true, []Object{object(0, 0, 0, disc(10, 12, 5)), object(1, 0, .1, disc(3, 3, 2))}, "01", ""},
		{"alone without presence", true, []Object{object(0, 0, 0, disc(10, 12, 5))}, "0", "0"},
		{"an empty one is not there", true, []Object{object(0, 0, .9, nothing), object(1, 0, .5, disc(14, 12, 5))}, "1", "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // the second time in used memory
				found := u.Instances(Frame{Objects: c.objects, apart: c.apart})
				ids := ""
				for _, o := range found {
					ids += fmt.Sprint(o.ID)
				}
				if got := at(found, 24, 24); ids != c.ids || got != c.both {
					t.Errorf("objects %q, the middle is %q's; want %q and %q", ids, got, c.ids, c.both)
				}
			}
		})
	}
}
