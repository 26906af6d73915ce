package segment

import "uredit/pipeline/frame"

// planes are copies of masks that last for one frame.
type planes struct {
	all  []frame.Plane32
	used int
}

func (p *planes) reset() { p.used = 0 }

// next returns a plane whose samples are anything.
func (p *planes) next(w, h int) frame.Plane32 {
	if p.used == len(p.all) {
		p.all = append(p.all, frame.Plane32{})
	}
	to := &p.all[p.used]
	p.used++
	*to = to.Resized(w, h)
	return *to
}

func (p *planes) clone(m frame.Plane32) frame.Plane32 {
	to := p.next(m.Width, m.Height)
	for y := range m.Height {
		copy(to.Row(y), m.Row(y))
	}
	return to
}
