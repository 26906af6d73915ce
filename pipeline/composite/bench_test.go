package composite_test

import (
	"image"
	"testing"

	"uredit/pipeline/composite"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
	"uredit/pipeline/opencv"
)

// steady is a 400 by 400 object in a 1280x720 video, edited at 512.
type steady struct {
	ops           frame.Ops
	c             *composite.Compositor
	s             scene
	f             *frame.Frame
	shown, edited []float32
	p             frame.Patch
}

func newSteady(tb testing.TB) *steady {
	tb.Helper()
	o := composite.Options{Width: 1280, Height: 720, Colour: media.Colour{Matrix: "bt709"}, Erode: 10, Feather: 5}
	s := newScene(o, image.Rect(390, 110, 890, 610), 512, 512, 640, 360, 200)
	ops := opencv.New()
	tb.Cleanup(func() { ops.Close() })
	c, err := composite.New(ops, o)
	if err != nil {
		tb.Fatal(err)
	}
	st := &steady{ops: ops, c: c, s: s, f: texture(1280, 720, 1)}
	st.shown, st.edited = make([]float32, 3*512*512), make([]float32, 3*512*512)
	st.extract()
	recolour(st.edited, st.shown)
	st.all()
	return st
}

func (s *steady) extract()  { s.c.Extract(s.shown, s.f, s.s.window, s.s.w, s.s.h) }
func (s *steady) alpha()    { s.c.Alpha(&s.p, s.s.mask, s.s.bounds) }
func (s *steady) residual() { s.c.Residual(&s.p, s.edited, s.shown, s.s.window, s.s.w, s.s.h) }
func (s *steady) paste()    { s.p.Paste(s.ops, s.f) }

func (s *steady) all() {
	s.extract()
	s.alpha()
	s.residual()
	s.paste()
}

func TestNoAllocations(t *testing.T) {
	s := newSteady(t)
	if n := testing.AllocsPerRun(20, s.all); n != 0 {
		t.Errorf("%v allocations a frame, want none", n)
	}
}

func BenchmarkFrame(b *testing.B) {
	s := newSteady(b)
	for _, bb := range []struct {
		name string
		step func()
	}{
		{"extract", s.extract}, {"alpha", s.alpha}, {"residual", s.residual}, {"paste", s.paste}, {"all", s.all},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bb.step()
			}
		})
	}
}
