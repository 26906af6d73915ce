package track

import (
	"strings"
	"testing"

	"uredit/pipeline/frame"
)

func TestDelay(t *testing.T) {
	for _, frames := range []int{0, 1, 3, 15} {
		d := delay{frames: frames}
		masks := &pool{size: 1}
		var got []string
		for i := range 20 {
			d.push([]Object{{ID: i % 2, Logits: frame.Plane32{Pix: masks.get()}}})
			if i == 17 {
				d.hide(1, masks)
			}
			for _, f := range d.due() {
				if f.Index != i-max(frames-1, 0) {
					t.Errorf("delay %d: frame %d comes with frame %d", frames, f.Index, i)
				}
				got = append(got, shown(f))
			}
			d.recycle(masks)
		}
		for _, f := range d.flush() {
			got = append(got, shown(f))
		}
		d.recycle(masks)
		if len(got) != 20 {
			t.Errorf("delay %d: %d frames, want 20", frames, len(got))
		}
		for i, g := range got {
			want := []string{"0", "1"}[i%2]
			if held := 17 - max(frames-1, 0); i%2 == 1 && i >= held && i <= 17 {
				want = ""
			}
			if g != want {
				t.Errorf("delay %d: frame %d shows %q, want %q", frames, i, g, want)
			}
		}
		if len(masks.free) != masks.made {
			t.Errorf("delay %d: %d masks of %d come back", frames, len(masks.free), masks.made)
		}
	}
}

func shown(f Frame) string {
	var b strings.Builder
	for _, o := range f.Objects {
		b.WriteByte(byte('0' + o.ID))
	}
	return b.String()
}
