// Loops over samples that OpenCV would need several passes for. They are written
// so that the compiler turns them into vector instructions.
#include <stdint.h>

namespace {

inline float bound(float v, float lo, float hi) {
  v = v > lo ? v : lo;  // what is no number becomes lo
  return v < hi ? v : hi;
}

}  // namespace

// uredit_add is a row of Ops.Add.
extern "C" void uredit_add(uint8_t *__restrict dst, const float *__restrict residual, const uint8_t *__restrict alpha, int n) {
  for (int i = 0; i < n; i++) {
    const float v = bound(dst[i] + alpha[i] * (1.f / 255) * residual[i] + 0.5f, 0, 255);
    dst[i] = alpha[i] ? (uint8_t)(int)v : dst[i];
  }
}

// uredit_matrix is a row of Ops.Matrix.
extern "C" void uredit_matrix(float *__restrict a, float *__restrict b, float *__restrict c,
                              const uint8_t *__restrict x, const uint8_t *__restrict y, const uint8_t *__restrict z,
                              int n, const float *m, float lo, float hi) {
  const float m0 = m[0], m1 = m[1], m2 = m[2], m3 = m[3], m4 = m[4], m5 = m[5];
  const float m6 = m[6], m7 = m[7], m8 = m[8], m9 = m[9], m10 = m[10], m11 = m[11];
  for (int i = 0; i < n; i++) {
    const float p = x[i], q = y[i], r = z[i];
    a[i] = bound(m0 * p + m1 * q + m2 * r + m3, lo, hi);
    b[i] = bound(m4 * p + m5 * q + m6 * r + m7, lo, hi);
    c[i] = bound(m8 * p + m9 * q + m10 * r + m11, lo, hi);
  }
}

// uredit_difference is a row of Ops.Difference.
extern "C" void uredit_difference(float *__restrict a, float *__restrict b, float *__restrict c,
                                  const float *__restrict x, const float *__restrict y, const float *__restrict z,
                                  const float *__restrict u, const float *__restrict v, const float *__restrict w,
                                  int n, const float *m, float lo, float hi) {
  const float m0 = m[0], m1 = m[1], m2 = m[2], m3 = m[3], m4 = m[4], m5 = m[5];
  const float m6 = m[6], m7 = m[7], m8 = m[8], m9 = m[9], m10 = m[10], m11 = m[11];
  for (int i = 0; i < n; i++) {
    const float p = bound(x[i], lo, hi) - u[i], q = bound(y[i], lo, hi) - v[i], r = bound(z[i], lo, hi) - w[i];
    a[i] = m0 * p + m1 * q + m2 * r + m3;
    b[i] = m4 * p + m5 * q + m6 * r + m7;
    c[i] = m8 * p + m9 * q + m10 * r + m11;
  }
}
