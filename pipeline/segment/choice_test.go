package segment

import (
	"slices"
	"testing"
)

// TestLargestStays has the largest object shrink below another: it stays the one
// until it is gone.
func TestLargestStays(t *testing.T) {
	largest := choice{Selection: Selection{kind: largest}}
	object := func(id int, r float64) Object { return Object{ID: id, Detection: Detection{Logits: disc(12, 12, r)}} }
	for i, c := range []struct {
		objects []Object
		want    int // -1 for none
	}{
		{nil, -1},
		{[]Object{object(0, 3), object(1, 5)}, 1},
		{[]Object{object(0, 6), object(1, 5)}, 1},
		{nil, -1},
		{[]Object{object(1, 2)}, 1},
		{[]Object{object(0, 6), object(2, 7)}, 2},
		{[]Object{object(1, 9), object(2, 1)}, 2},
	} {
		frames := []Frame{{Objects: slices.Clone(c.objects)}}
		largest.choose(frames)
		got := -1
		if len(frames[0].Objects) == 1 {
			got = frames[0].Objects[0].ID
		} else if len(frames[0].Objects) > 1 {
			t.Fatalf("frame %d: %d objects", i, len(frames[0].Objects))
		}
		if got != c.want {
			t.Errorf("frame %d: object %d, want %d", i, got, c.want)
		}
	}
}

func TestParseSelection(t *testing.T) {
	for in, out := range map[string]string{"": "all", "all": "all", "largest": "largest", "0": "0", "12": "12"} {
		if s, err := ParseSelection(in); err != nil || s.String() != out {
			t.Errorf("%q: %v, %v; want %s", in, s, err, out)
		}
	}
	for _, bad := range []string{"smallest", "-1", "1.5", " 1", "99999999999"} {
		if _, err := ParseSelection(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestBox(t *testing.T) {
	if got, want := box(drawn("......", "..##..", ".....#", "......")), [4]float32{2. / 6, 1. / 4, 1, 3. / 4}; got != want {
		t.Errorf("box %v, want %v", got, want)
	}
	if got := box(drawn("...")); got != ([4]float32{}) {
		t.Errorf("box of nothing %v", got)
	}
}
