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
	C.uredit_blend(floats(dst.Pix), C.int(dst.Stride), floats(base.Pix), C.int(base.Stride), C.int(dst.Width), C.int(dst.Height),
		floats(src.Pix), C.int(src.Stride), C.int(src.Width), C.int(src.Height),
		floats(w.X.Pix), C.int(w.X.Stride), floats(w.Y.Pix), C.int(w.Y.Stride),
		floats(w.Share.Pix), C.int(w.Share.Stride), C.int(w.X.Width), C.int(w.X.Height),
		C.int(w.Step), C.int(w.Margin))
}
