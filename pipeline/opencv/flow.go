package opencv

// #include <stdint.h>
// void *uredit_search_new(int finest, int iterations, int refinements);
// void uredit_search_free(void *search);
// int uredit_search_run(void *search, float *dx, int dx_stride, float *dy, int dy_stride,
//     uint8_t *from, int from_stride, uint8_t *to, int to_stride, int w, int h);
import "C"

import (
	"fmt"

	"gocv.io/x/gocv"

	"uredit/pipeline/frame"
)

// Parameters of dense inverse search. The plane at half size is the finest that
// is searched; with fewer iterations or refinements motion errs by more than two
// hundredths of a sample, with more it does not err by noticeably less.
const (
	searchFinest      = 1
	searchIterations  = 12
	searchRefinements = 2
)

// Planes with a shorter side than searchLeast or none as long as searchLong
// have no level on which patches could be searched for.
const (
	searchLeast = 16
	searchLong  = 48
)

// Parameters of Farneback's method, which takes such small planes.
const (
	flowScale      = 0.5
	flowLevels     = 3
	flowWindow     = 15
	flowIterations = 2
	flowPolyN      = 5
	flowPolySigma  = 1.1
)

// MaxFlowSide is the longest side, in samples, at which Flow estimates motion.
// Longer planes are shrunk for the estimate.
const MaxFlowSide = 512

// Flow implements frame.Ops with dense inverse search.
func (o *Ops) Flow(dx, dy frame.Plane32, from, to frame.Plane) {
	w, h := from.Width, from.Height
	same("Flow", w, h, to.Width, to.Height)
	same("Flow", w, h, dx.Width, dx.Height)
	same("Flow", w, h, dy.Width, dy.Height)
	if w == 0 || h == 0 {
		return
	}
	check("Flow", from, to)
	check32("Flow", dx, dy)
	long := max(w, h)
	if long <= MaxFlowSide {
		o.estimate(dx, dy, from, to)
		return
	}
	sw, sh := max(1, w*MaxFlowSide/long), max(1, h*MaxFlowSide/long)
	o.from, o.to = o.from.Resized(sw, sh), o.to.Resized(sw, sh)
	o.dx, o.dy = o.dx.Resized(sw, sh), o.dy.Resized(sw, sh)
	o.Resize(o.from, from, frame.Area)
	o.Resize(o.to, to, frame.Area)
	o.estimate(o.dx, o.dy, o.from, o.to)
	scale(o.dx.Pix, float32(w)/float32(sw))
	scale(o.dy.Pix, float32(h)/float32(sh))
	o.Resize32(dx, o.dx, frame.Linear)
	o.Resize32(dy, o.dy, frame.Linear)
}

func (o *Ops) estimate(dx, dy frame.Plane32, from, to frame.Plane) {
	if min(from.Width, from.Height) < searchLeast || max(from.Width, from.Height) < searchLong {
		o.farneback(dx, dy, from, to)
		return
	}
	if o.search == nil {
		o.search = C.uredit_search_new(searchFinest, searchIterations, searchRefinements)
	}
	bad := C.uredit_search_run(o.search, floats(dx.Pix), C.int(dx.Stride), floats(dy.Pix), C.int(dy.Stride),
		octets(from.Pix), C.int(from.Stride), octets(to.Pix), C.int(to.Stride), C.int(from.Width), C.int(from.Height))
	if bad != 0 {
		panic(fmt.Sprintf("opencv: Flow: no motion between planes of %dx%d", from.Width, from.Height))
	}
}

// freeSearch frees what estimate holds.
func (o *Ops) freeSearch() {
	if o.search != nil {
		C.uredit_search_free(o.search)
		o.search = nil
	}
}

func (o *Ops) farneback(dx, dy frame.Plane32, from, to frame.Plane) {
	w, h := from.Width, from.Height
	if cap(o.vectors) < 2*w*h {
		o.vectors = make([]float32, 2*w*h)
	}
	v := o.vectors[:2*w*h]
	o.vectorsOf(v, from, to)
	for y := range h {
		row := v[2*y*w:][:2*w]
		x, y := dx.Row(y), dy.Row(y)
		for i := range x {
			x[i], y[i] = row[2*i], row[2*i+1]
		}
	}
}

func (o *Ops) vectorsOf(v []float32, from, to frame.Plane) {
	a, b := o.wrap(from), o.wrap(to)
	f := o.view(gocv.MatTypeCV32FC2, bytes(v), from.Width, from.Width, from.Height)
	defer o.release(&a, &b, &f)
	gocv.CalcOpticalFlowFarneback(*a.mat(), *b.mat(), f.mat(),
		flowScale, flowLevels, flowWindow, flowIterations, flowPolyN, flowPolySigma, 0)
}

func scale(s []float32, k float32) {
	for i := range s {
		s[i] *= k
	}
}
