package pix2pix

// picture is a gentle gradient in three colours.
func picture(width, height int) []float32 {
	p := make([]float32, 3*width*height)
	for i := range p {
		c, y, x := i/(width*height), i/width%height, i%width
		p[i] = 0.05*float32(c+1) + 0.2*float32(x)/float32(width) - 0.3*float32(y)/float32(height)
	}
	return p
}

// guided is what an edit of that picture is in closed form.
func guided(width, height int, negative string, text, image float64) []float32 {
	p := picture(width, height)
	want := make([]float32, len(p))
	without := 0.
	if negative == wrongIs {
		without = negateBy
	}
	for i := range want {
		c, y, x := i/(width*height), i/width%height/fakeFactor*fakeFactor, i%width/fakeFactor*fakeFactor
		at := (c*height+y)*width + x
		mean := float64(p[at]+p[at+1]+p[at+width]+p[at+width+1]) / 4
		t, i0, u := mean+editBy, mean+without, emptyIs+without
		v := t
		if text > 1 && image >= 1 {
			v = u + text*(t-i0) + image*(i0-u)
		}
		want[i] = float32(min(max(v, -1), 1))
	}
	return want
}
