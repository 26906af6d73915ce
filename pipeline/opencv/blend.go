package opencv

// #cgo CXXFLAGS: -O3
// void uredit_blend(float *dst, int dst_stride, const float *base, int base_stride, int w, int h,
//     const float *src, int src_stride, int src_w, int src_h,
//     const float *x, int x_stride, const float *y, int y_stride,
//     const float *share, int share_stride, int lw, int lh,
//     int step, int margin);
import "C"

import (
	"fmt"
	"unsafe"

	"uredit/pipeline/frame"
)

// Blend32 implements frame.Ops.
func (o *Ops) Blend32(dst, base, src frame.Plane32, w frame.Warp) {
	same("Blend32", dst.Width, dst.Height, base.Width, base.Height)
	same("Blend32", w.X.Width, w.X.Height, w.Y.Width, w.Y.Height)
	same("Blend32", w.X.Width, w.X.Height, w.Share.Width, w.Share.Height)
	if w.Step < 1 {
		panic(fmt.Sprintf("opencv: Blend32: cells of %d samples", w.Step))
	}
	if dst.Width == 0 || dst.Height == 0 {
		return
	}
	check32("Blend32", dst, base, src, w.X, w.Y, w.Share)
	C.uredit_blend(first(dst), C.int(dst.Stride), first(base), C.int(base.Stride), C.int(dst.Width), C.int(dst.Height),
		first(src), C.int(src.Stride), C.int(src.Width), C.int(src.Height),
		first(w.X), C.int(w.X.Stride), first(w.Y), C.int(w.Y.Stride),
		first(w.Share), C.int(w.Share.Stride), C.int(w.X.Width), C.int(w.X.Height),
		C.int(w.Step), C.int(w.Margin))
}

func first(p frame.Plane32) *C.float { return (*C.float)(unsafe.Pointer(unsafe.SliceData(p.Pix))) }
