// Package opencv implements frame.Ops with OpenCV and is the only home of
// gocv. Where OpenCV has nothing that fits, or gocv does not reach it, a few
// lines of C++ stand beside the method that calls them.
//
// OpenCV works in the caller's memory: a plane becomes a Mat header over its
// samples, and the header is gone when the method returns. The C++ side ends
// the process on an error, so every method checks its arguments first and
// panics in Go instead: a wrong plane is a mistake of the caller.
package opencv

// #include <stdint.h>
// int uredit_mean(uint8_t *dst, int dst_stride, const uint8_t *src, int src_stride, int w, int h, int k);
import "C"

import (
	"fmt"
	"image"
	"image/color"
	"runtime"
	"unsafe"

	"gocv.io/x/gocv"

	"uredit/pipeline/frame"
)

// MaxSide is the longest side of a plane that Remap32 takes, a limit of
// OpenCV's 16-bit positions.
const MaxSide = 32766

// Ops implements frame.Ops. The zero value is not ready; use New.
type Ops struct {
	pins   runtime.Pinner
	kernel gocv.Mat // square of ones of side kernelSide
	side   int

	search   unsafe.Pointer // of Flow
	vectors  []float32      // dx, dy interleaved, as OpenCV writes them
	from, to frame.Plane
	dx, dy   frame.Plane32
}

var _ frame.Ops = (*Ops)(nil)

// New returns operations for one goroutine.
func New() *Ops { return &Ops{} }

// Close frees the memory that OpenCV holds for o.
func (o *Ops) Close() error {
	o.freeSearch()
	if o.side == 0 {
		return nil
	}
	o.side = 0
	if err := o.kernel.Close(); err != nil {
		return fmt.Errorf("free erosion kernel: %w", err)
	}
	return nil
}

// Resize implements frame.Ops. Area enlarges as Linear does.
func (o *Ops) Resize(dst, src frame.Plane, f frame.Filter) {
	if dst.Width == 0 || dst.Height == 0 {
		return
	}
	check("Resize", src, dst)
	s, d := o.wrap(src), o.wrap(dst)
	defer o.release(&s, &d)
	gocv.Resize(*s.mat(), d.mat(), image.Pt(dst.Width, dst.Height), 0, 0, interpolation(f))
}

// Resize32 implements frame.Ops. Area enlarges as Linear does.
func (o *Ops) Resize32(dst, src frame.Plane32, f frame.Filter) {
	if dst.Width == 0 || dst.Height == 0 {
		return
	}
	check32("Resize32", src, dst)
	s, d := o.wrap32(src), o.wrap32(dst)
	defer o.release(&s, &d)
	gocv.Resize(*s.mat(), d.mat(), image.Pt(dst.Width, dst.Height), 0, 0, interpolation(f))
}

// Erode implements frame.Ops: the square's anchor is at (k/2, k/2).
func (o *Ops) Erode(dst, src frame.Plane, k int) {
	same("Erode", dst.Width, dst.Height, src.Width, src.Height)
	if k < 1 {
		panic(fmt.Sprintf("opencv: Erode: side %d of the square is below 1", k))
	}
	if dst.Width == 0 || dst.Height == 0 {
		return
	}
	check("Erode", src, dst)
	if o.side != k {
		if o.side != 0 {
			o.kernel.Close()
		}
		o.kernel, o.side = gocv.GetStructuringElement(gocv.MorphRect, image.Pt(k, k)), k
	}
	s, d := o.wrap(src), o.wrap(dst)
	defer o.release(&s, &d)
	gocv.ErodeWithParams(*s.mat(), d.mat(), o.kernel, image.Pt(-1, -1), 1, int(gocv.BorderConstant|gocv.BorderIsolated))
}

// GaussianBlur implements frame.Ops. A sigma of 0 or less copies.
func (o *Ops) GaussianBlur(dst, src frame.Plane, sigma float64) {
	same("GaussianBlur", dst.Width, dst.Height, src.Width, src.Height)
	if dst.Width == 0 || dst.Height == 0 {
		return
	}
	check("GaussianBlur", src, dst)
	if !(sigma > 0) {
		for y := range dst.Height {
			copy(dst.Row(y), src.Row(y))
		}
		return
	}
	s, d := o.wrap(src), o.wrap(dst)
	defer o.release(&s, &d)
	gocv.GaussianBlur(*s.mat(), d.mat(), image.Point{}, sigma, sigma, gocv.BorderReplicate|gocv.BorderIsolated)
}

// Mean implements frame.Ops.
func (o *Ops) Mean(dst, src frame.Plane, k int) {
	same("Mean", dst.Width, dst.Height, src.Width, src.Height)
	if k < 1 || k%2 == 0 {
		panic(fmt.Sprintf("opencv: Mean: side %d of the square is not odd", k))
	}
	if dst.Width == 0 || dst.Height == 0 {
		return
	}
	check("Mean", src, dst)
	if C.uredit_mean(octets(dst.Pix), C.int(dst.Stride), octets(src.Pix), C.int(src.Stride), C.int(dst.Width), C.int(dst.Height), C.int(k)) != 0 {
		panic(fmt.Sprintf("opencv: Mean: refused %dx%d samples and a square of %d", src.Width, src.Height, k))
	}
}

// Remap32 implements frame.Ops. Positions are rounded to 1/32 of a sample. No
// side may exceed MaxSide.
func (o *Ops) Remap32(dst, src, x, y frame.Plane32, f frame.Filter) {
	same("Remap32", dst.Width, dst.Height, x.Width, x.Height)
	same("Remap32", dst.Width, dst.Height, y.Width, y.Height)
	if f != frame.Linear && f != frame.Cubic {
		panic(fmt.Sprintf("opencv: Remap32: filter %d is neither Linear nor Cubic", f))
	}
	if max(dst.Width, dst.Height, src.Width, src.Height) > MaxSide {
		panic(fmt.Sprintf("opencv: Remap32: a side is longer than %d", MaxSide))
	}
	if dst.Width == 0 || dst.Height == 0 {
		return
	}
	check32("Remap32", src, dst, x, y)
	s, d := o.wrap32(src), o.wrap32(dst)
	mx, my := o.wrap32(x), o.wrap32(y)
	defer o.release(&s, &d, &mx, &my)
	gocv.Remap(*s.mat(), d.mat(), mx.mat(), my.mat(), interpolation(f), gocv.BorderReplicate, color.RGBA{})
}

func interpolation(f frame.Filter) gocv.InterpolationFlags {
	switch f {
	case frame.Nearest:
		return gocv.InterpolationNearestNeighbor
	case frame.Linear:
		return gocv.InterpolationLinear
	case frame.Area:
		return gocv.InterpolationArea
	case frame.Cubic:
		return gocv.InterpolationCubic
	case frame.Lanczos:
		return gocv.InterpolationLanczos4
	}
	panic(fmt.Sprintf("opencv: unknown filter %d", f))
}

func same(method string, w, h, w2, h2 int) {
	if w != w2 || h != h2 {
		panic(fmt.Sprintf("opencv: %s: sizes %dx%d and %dx%d differ", method, w, h, w2, h2))
	}
}

// view is a plane as OpenCV sees it. A plane with a stride of its own is a
// part of a matrix as wide as the stride; only the part is ever touched.
type view struct {
	whole, part gocv.Mat
	strided     bool
}

func (v *view) mat() *gocv.Mat {
	if v.strided {
		return &v.part
	}
	return &v.whole
}

func (o *Ops) wrap(p frame.Plane) view {
	return o.view(gocv.MatTypeCV8UC1, p.Pix, p.Stride, p.Width, p.Height)
}

func (o *Ops) wrap32(p frame.Plane32) view {
	return o.view(gocv.MatTypeCV32FC1, bytes(p.Pix), p.Stride, p.Width, p.Height)
}

// bytes returns the memory of s.
func bytes(s []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 4*len(s))
}

// check panics unless every plane has samples for its size. It comes before any
// header is made, so that a panic leaves nothing pinned.
func check(method string, planes ...frame.Plane) {
	for _, p := range planes {
		checkSize(method, len(p.Pix), p.Stride, p.Width, p.Height)
	}
}

// check32 is check for float32 samples.
func check32(method string, planes ...frame.Plane32) {
	for _, p := range planes {
		checkSize(method, len(p.Pix), p.Stride, p.Width, p.Height)
	}
}

func checkSize(method string, n, stride, w, h int) {
	if w < 1 || h < 1 || stride < w || n < (h-1)*stride+w {
		panic(fmt.Sprintf("opencv: %s: no plane: %dx%d, stride %d, in %d samples", method, w, h, stride, n))
	}
}

// view makes the headers. The samples stay pinned until release, because the
// headers keep their address between calls to C.
func (o *Ops) view(t gocv.MatType, pix []byte, stride, w, h int) view {
	o.pins.Pin(unsafe.SliceData(pix))
	if h == 1 {
		stride = w
	}
	whole, err := gocv.NewMatFromBytes(h, stride, t, pix)
	if err != nil {
		panic(fmt.Sprintf("opencv: matrix over %d bytes: %v", len(pix), err))
	}
	v := view{whole: whole, strided: stride != w}
	if v.strided {
		v.part = v.whole.Region(image.Rect(0, 0, w, h))
	}
	return v
}

// release frees headers, not samples. Closing a header cannot fail.
func (o *Ops) release(views ...*view) {
	for _, v := range views {
		if v.strided {
			v.part.Close()
		}
		v.whole.Close()
	}
	o.pins.Unpin()
}
