package opencv

// #include <stdint.h>
// void uredit_add(uint8_t *dst, const float *residual, const uint8_t *alpha, int n);
// void uredit_matrix(float *a, float *b, float *c, const uint8_t *x, const uint8_t *y, const uint8_t *z,
//     int n, const float *m, float lo, float hi);
// void uredit_difference(float *a, float *b, float *c, const float *x, const float *y, const float *z,
//     const float *u, const float *v, const float *w, int n, const float *m, float lo, float hi);
import "C"

import (
	"unsafe"

	"uredit/pipeline/frame"
)

// Add implements frame.Ops.
func (o *Ops) Add(dst frame.Plane, residual frame.Plane32, alpha frame.Plane) {
	same("Add", dst.Width, dst.Height, residual.Width, residual.Height)
	same("Add", dst.Width, dst.Height, alpha.Width, alpha.Height)
	if dst.Width == 0 || dst.Height == 0 {
		return
	}
	check("Add", dst, alpha)
	check32("Add", residual)
	for y := range dst.Height {
		C.uredit_add(octets(dst.Row(y)), floats(residual.Row(y)), octets(alpha.Row(y)), C.int(dst.Width))
	}
}

// Matrix implements frame.Ops.
func (o *Ops) Matrix(dst [3]frame.Plane32, src [3]frame.Plane, m *frame.Matrix) {
	w, h := dst[0].Width, dst[0].Height
	for i := range 3 {
		same("Matrix", w, h, dst[i].Width, dst[i].Height)
		same("Matrix", w, h, src[i].Width, src[i].Height)
	}
	if w == 0 || h == 0 {
		return
	}
	check("Matrix", src[0], src[1], src[2])
	check32("Matrix", dst[0], dst[1], dst[2])
	for y := range h {
		C.uredit_matrix(floats(dst[0].Row(y)), floats(dst[1].Row(y)), floats(dst[2].Row(y)),
			octets(src[0].Row(y)), octets(src[1].Row(y)), octets(src[2].Row(y)),
			C.int(w), floats(m.Weights[:]), C.float(m.Low), C.float(m.High))
	}
}

// Difference implements frame.Ops.
func (o *Ops) Difference(dst, a, b [3]frame.Plane32, m *frame.Matrix) {
	w, h := dst[0].Width, dst[0].Height
	for i := range 3 {
		same("Difference", w, h, dst[i].Width, dst[i].Height)
		same("Difference", w, h, a[i].Width, a[i].Height)
		same("Difference", w, h, b[i].Width, b[i].Height)
	}
	if w == 0 || h == 0 {
		return
	}
	for i := range 3 {
		check32("Difference", dst[i], a[i], b[i])
	}
	for y := range h {
		C.uredit_difference(floats(dst[0].Row(y)), floats(dst[1].Row(y)), floats(dst[2].Row(y)),
			floats(a[0].Row(y)), floats(a[1].Row(y)), floats(a[2].Row(y)),
			floats(b[0].Row(y)), floats(b[1].Row(y)), floats(b[2].Row(y)),
			C.int(w), floats(m.Weights[:]), C.float(m.Low), C.float(m.High))
	}
}

func octets(s []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.SliceData(s)) }

func floats(s []float32) *C.float { return (*C.float)(unsafe.SliceData(s)) }
