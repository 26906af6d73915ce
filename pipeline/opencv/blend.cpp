// The warp of Ops.Blend32. OpenCV can only remap sample by sample, with a map as
// large as the plane; motion is smooth, so four samples in a row share one
// position and their arithmetic is that of one.
#include <string.h>

#include <utility>
#include <vector>

namespace {

const int lanes = 4;
typedef float vec __attribute__((vector_size(lanes * sizeof(float))));
typedef int ints __attribute__((vector_size(lanes * sizeof(int))));

inline vec load(const float *p) {
  vec v;
  memcpy(&v, p, sizeof v);
  return v;
}

// weights are those of Catmull and Rom's cubic for the samples around a place
// that lies f beyond the second.
inline void weights(vec w[4], float f) {
  const vec v = {f, f, f, f};
  w[0] = v * (-0.5f + v * (1 - 0.5f * v));
  w[1] = 1 + v * v * (-2.5f + 1.5f * v);
  w[2] = v * (0.5f + v * (2 - 1.5f * v));
  w[3] = v * v * (-0.5f + 0.5f * v);
}

inline int clamp(int v, int n) { return v < 0 ? 0 : v < n ? v : n - 1; }

// row returns lanes samples between those from p on.
inline vec row(const float *p, const vec w[4]) {
  return w[0] * load(p) + w[1] * load(p + 1) + w[2] * load(p + 2) + w[3] * load(p + 3);
}

// source is the plane that is sampled.
struct source {
  const float *pix;
  int stride, w, h;

  // at returns lanes samples: the first lies (fx, fy) beyond sample (x, y).
  // Positions outside repeat the border.
  vec at(int x, int y, float fx, float fy) const {
    vec wx[4], wy[4];
    weights(wx, fx);
    weights(wy, fy);
    if (x < 1 || y < 1 || x + lanes + 1 >= w || y + 2 >= h) return outer(x - 1, y - 1, wx, wy);
    const float *p = pix + (y - 1) * (long)stride + x - 1;
    return wy[0] * row(p, wx) + wy[1] * row(p + stride, wx) + wy[2] * row(p + 2 * stride, wx) + wy[3] * row(p + 3 * stride, wx);
  }

  // outer is the same for samples from (x, y) on of which some lie outside.
  vec outer(int x, int y, const vec wx[4], const vec wy[4]) const {
    vec sum = {0, 0, 0, 0};
    for (int j = 0; j < 4; j++) {
      float samples[lanes + 3];
      for (int i = 0; i < lanes + 3; i++) samples[i] = pix[clamp(y + j, h) * (long)stride + clamp(x + i, w)];
      sum += wy[j] * row(samples, wx);
    }
    return sum;
  }
};

// place is a position between the cells of a lattice, on one axis.
struct place {
  int i, next;
  float f;

  place(float at, int n) {
    at = at < 0 ? 0 : at > n - 1 ? n - 1 : at;
    i = (int)at;
    f = at - i;
    next = f > 0 ? i + 1 : i;
  }
  float of(const float *row) const { return row[i] + f * (row[next] - row[i]); }
};

// group is where lanes samples of a row lie between the columns of a lattice.
struct group {
  place first, middle, last;
};

// line is what a lattice says of the groups of one row: where their first
// samples are found, and the shares of their first and last.
struct line {
  int row;
  std::vector<float> x, y, first, last;

  explicit line(size_t n) : row(-1), x(n), y(n), first(n), last(n) {}
};

// split turns positions in n samples into the sample before and the way beyond
// it, lanes at a time.
void split(std::vector<int> &whole, std::vector<float> &part, int n) {
  const vec lo = vec{} - 2.f * lanes, hi = vec{} + (float)(n + lanes);
  for (size_t i = 0; i < part.size(); i += lanes) {
    vec v = load(&part[i]);
    v = v > lo ? v : lo;  // also what is no number
    v = v < hi ? v : hi;
    const ints w = __builtin_convertvector(v + 64, ints) - 64;  // rounds down, as v + 64 is above 0
    memcpy(&whole[i], &w, sizeof w);
    v -= __builtin_convertvector(w, vec);
    memcpy(&part[i], &v, sizeof v);
  }
}

// lattice is a Warp, whose samples are asked for row by row from the top.
struct lattice {
  const float *x, *y, *share;
  int x_stride, y_stride, share_stride, h;
  float scale, offset;
  std::vector<group> groups;
  line upper, lower, between;

  void read(line &l, int row) {
    if (l.row == row) return;
    l.row = row;
    const float *rx = x + (long)row * x_stride, *ry = y + (long)row * y_stride, *rs = share + (long)row * share_stride;
    for (size_t g = 0; g < groups.size(); g++) {
      l.x[g] = groups[g].middle.of(rx) - (lanes - 1) / 2.f;
      l.y[g] = groups[g].middle.of(ry);
      l.first[g] = groups[g].first.of(rs);
      l.last[g] = groups[g].last.of(rs);
    }
  }

  static void mix(std::vector<float> &dst, const std::vector<float> &a, const std::vector<float> &b, float f) {
    for (size_t i = 0; i < dst.size(); i++) dst[i] = a[i] + f * (b[i] - a[i]);
  }

  line &at(int v) {
    const place p(v * scale + offset, h);
    if (lower.row == p.i) std::swap(upper, lower);
    read(upper, p.i);
    read(lower, p.next);
    mix(between.x, upper.x, lower.x, p.f);
    mix(between.y, upper.y, lower.y, p.f);
    mix(between.first, upper.first, lower.first, p.f);
    mix(between.last, upper.last, lower.last, p.f);
    return between;
  }
};

}  // namespace

// uredit_blend is Ops.Blend32 with arguments that are checked.
extern "C" void uredit_blend(float *dst, int dst_stride, const float *base, int base_stride, int w, int h,
                             const float *src, int src_stride, int src_w, int src_h,
                             const float *x, int x_stride, const float *y, int y_stride,
                             const float *share, int share_stride, int lw, int lh, int step, int margin) {
  const source s = {src, src_stride, src_w, src_h};
  const int begun = (w + lanes - 1) / lanes;
  const size_t n = (begun + lanes - 1) / lanes * lanes;  // for split
  const float k = 1.f / step, c = (margin + 0.5f) * k - 0.5f;
  lattice l = {x, y, share, x_stride, y_stride, share_stride, lh, k, c, {}, line(n), line(n), line(n)};
  for (size_t g = 0; g < n; g++) {
    const int u = g * lanes;
    l.groups.push_back({place(u * k + c, lw), place((u + (lanes - 1) / 2.f) * k + c, lw), place((u + lanes - 1) * k + c, lw)});
  }
  std::vector<int> whole_x(n), whole_y(n);
  const vec ramp = {0, 1.f / 3, 2.f / 3, 1};
  for (int v = 0; v < h; v++, dst += dst_stride, base += base_stride) {
    line &at = l.at(v);
    split(whole_x, at.x, src_w);
    split(whole_y, at.y, src_h);
    for (int u = 0, g = 0; u < w; u += lanes, g++) {
      const float first = at.first[g], last = at.last[g];
      if (first == 0 && last == 0) continue;
      const vec found = s.at(whole_x[g], whole_y[g], at.x[g], at.y[g]);
      const vec part = first + (last - first) * ramp;
      if (u + lanes <= w) {
        const vec d = load(dst + u) + part * (found - load(base + u));
        memcpy(dst + u, &d, sizeof d);
      } else {
        for (int i = 0; i < w - u; i++) dst[u + i] += part[i] * (found[i] - base[u + i]);
      }
    }
  }
}
