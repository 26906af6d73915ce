package crop

import "image"

// aspects are the shapes of the editor's picture, as short side by long side.
// Few shapes mean few sets of buffers and plans in the network's runtime.
var aspects = [...]float64{1, 3. / 4, 9. / 16, 1. / 2}

// fit returns the sizes of the smallest window of at least w by h samples that
// has the shape of one of the editor's pictures, to the last sample.
func fit(w, h int, o Options) shot {
	long := o.EditSize / o.Multiple
	var best shot
	for _, a := range aspects {
		short := max(1, int(float64(long)*a+0.5))
		for _, s := range [...]shot{window(w, h, long, short), window(w, h, short, long)} {
			if best.w == 0 || s.w*s.h < best.w*best.h {
				best = s
				best.width, best.height = best.width*o.Multiple, best.height*o.Multiple
			}
		}
	}
	return best.unscaled(o)
}

// nearly is the share of the editor's size from which a window takes it whole:
// what the object loses in size, it gains by not being resampled twice.
const nearly = 0.9

// unscaled gives a window that is nearly as large as the editor's picture the
// picture's size.
func (s shot) unscaled(o Options) shot {
	near := float64(s.w) >= nearly*float64(s.width) && s.w < s.width
	fits := s.width <= o.Width && s.height <= o.Height && s.width%2 == 0 && s.height%2 == 0
	if near && fits {
		s.w, s.h = s.width, s.height
	}
	return s
}

// window returns the smallest window with even sides in the ratio
// width : height that holds w by h samples.
func window(w, h, width, height int) shot {
	g := gcd(width, height)
	uw, uh := width/g, height/g
	if uw%2 == 1 || uh%2 == 1 {
		uw, uh = 2*uw, 2*uh
	}
	k := max(1, (w+uw-1)/uw, (h+uh-1)/uh)
	return shot{w: k * uw, h: k * uh, width: width, height: height}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// spans returns the padded boxes on both axes, clipped to the frame and widened
// to even samples. A frame without a box takes the mean between its neighbours
// in time; a shot without any box has the frame's central square.
func spans(boxes []image.Rectangle, o Options) (xs, ys []span) {
	xs, ys = make([]span, len(boxes)), make([]span, len(boxes))
	frame := image.Rect(0, 0, o.Width, o.Height)
	last := -1
	for i, b := range boxes {
		b = b.Intersect(frame)
		if b.Empty() {
			continue
		}
		b = b.Inset(-o.Padding).Intersect(frame)
		xs[i] = span{int32(b.Min.X &^ 1), int32((b.Max.X + 1) &^ 1)}
		ys[i] = span{int32(b.Min.Y &^ 1), int32((b.Max.Y + 1) &^ 1)}
		bridge(xs, last, i)
		bridge(ys, last, i)
		last = i
	}
	if last < 0 {
		side := min(o.Width, o.Height)
		x, y := (o.Width-side)/2&^1, (o.Height-side)/2&^1
		xs[0] = span{int32(x), int32((x + side + 1) &^ 1)}
		ys[0] = span{int32(y), int32((y + side + 1) &^ 1)}
		last = 0
	}
	for i := last + 1; i < len(boxes); i++ {
		xs[i], ys[i] = xs[last], ys[last]
	}
	return xs, ys
}

// bridge fills the spans between frames a and b in equal steps; a is -1 where
// b is the first with a box.
func bridge(s []span, a, b int) {
	for i := a + 1; i < b; i++ {
		if a < 0 {
			s[i] = s[b]
			continue
		}
		s[i] = span{
			lo: between(s[a].lo, s[b].lo, i-a, b-a) &^ 1,
			hi: (between(s[a].hi, s[b].hi, i-a, b-a) + 1) &^ 1,
		}
	}
}

func between(from, to int32, i, n int) int32 {
	return from + int32(int64(to-from)*int64(i)/int64(n))
}
