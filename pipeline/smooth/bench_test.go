package smooth_test

import (
	"testing"

	"uredit/pipeline/frame"
	"uredit/pipeline/opencv"
	"uredit/pipeline/smooth"
)

// loop pushes the same few frames again and again; patches are refilled as the
// compositor would.
type loop struct {
	s     *smooth.Smoother
	items []smooth.Item
	next  int
	spare []*frame.Patch
}

func newLoop(tb testing.TB, f *film, o smooth.Options, ops frame.Ops) *loop {
	tb.Helper()
	o.Width, o.Height = f.w, f.h
	s, err := smooth.New(ops, o)
	if err != nil {
		tb.Fatal(err)
	}
	l := &loop{s: s}
	for i := range 4 {
		l.items = append(l.items, f.item(i))
	}
	for range o.Window + 1 {
		l.spare = append(l.spare, new(frame.Patch))
	}
	for range 3 * o.Window {
		l.step()
	}
	return l
}

// forth and back, so that motion stays small.
var order = [...]int{0, 1, 2, 3, 2, 1}

func (l *loop) step() {
	it := l.items[order[l.next%len(order)]]
	l.next++
	from := it.Patch
	p := l.spare[len(l.spare)-1]
	l.spare = l.spare[:len(l.spare)-1]
	p.Resize(from.Region)
	p.ResizeResidual()
	copy(p.Alpha.Pix, from.Alpha.Pix)
	copy(p.AlphaC.Pix, from.AlphaC.Pix)
	for c := range p.Residual {
		copy(p.Residual[c].Pix, from.Residual[c].Pix)
	}
	it.Patch = p
	for _, done := range l.s.Push(it) {
		l.spare = append(l.spare, done.Patch)
	}
}

func TestNoAllocations(t *testing.T) {
	f, enlarged := newFilm(320, 220, 70, moving(2, 1)), newFilm(320, 220, 70, moving(2, 1))
	enlarged.scale = 2
	for _, tt := range []struct {
		name string
		film *film
		o    smooth.Options
	}{
		{"motion", f, along}, {"enlarged", enlarged, along}, {"classic", f, classic},
	} {
		ops := opencv.New()
		l := newLoop(t, tt.film, tt.o, ops)
		if n := testing.AllocsPerRun(12, l.step); n != 0 {
			t.Errorf("%s: %v allocations a frame, want none", tt.name, n)
		}
		ops.Close()
	}
}

// noFlow answers at once, so that what is left is everything but flow.
type noFlow struct{ frame.Ops }

func (noFlow) Flow(dx, dy frame.Plane32, _, _ frame.Plane) {
	clear(dx.Pix)
	clear(dy.Pix)
}

// BenchmarkFrame smooths a 400 by 400 object in a 1280x720 video, and one that
// fills most of it.
func BenchmarkFrame(b *testing.B) {
	f := newFilm(1280, 720, 200, func(t int) (float64, float64) { return 600 + 3*float64(t), 350 + float64(t) })
	large := newFilm(1280, 720, 640, f.centre)
	large.scale = 2.5
	for _, bb := range []struct {
		name string
		film *film
		o    smooth.Options
		ops  func(frame.Ops) frame.Ops
	}{
		{"motion", f, along, func(o frame.Ops) frame.Ops { return o }},
		{"motion without flow", f, along, func(o frame.Ops) frame.Ops { return noFlow{o} }},
		{"large", large, along, func(o frame.Ops) frame.Ops { return o }},
		{"large without flow", large, along, func(o frame.Ops) frame.Ops { return noFlow{o} }},
		{"classic", f, classic, func(o frame.Ops) frame.Ops { return o }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			ops := opencv.New()
			defer ops.Close()
			l := newLoop(b, bb.film, bb.o, bb.ops(ops))
			b.ReportAllocs()
			for b.Loop() {
				l.step()
			}
		})
	}
}
