// Dense inverse search for Ops.Flow, which gocv v0.31.0 does not offer.
#include <stdint.h>

#include <exception>

#include <opencv2/core.hpp>
#include <opencv2/video/tracking.hpp>

namespace {

struct search {
  cv::Ptr<cv::DISOpticalFlow> flow;
  cv::Mat from, to, vectors;
};

cv::Mat wrap(int type, void *pix, int stride, int w, int h) {
  return cv::Mat(h, w, type, pix, (size_t)stride * CV_ELEM_SIZE(type));
}

}  // namespace

extern "C" void *uredit_search_new(int finest, int iterations, int refinements) {
  search *s = new search;
  s->flow = cv::DISOpticalFlow::create(cv::DISOpticalFlow::PRESET_FAST);
  s->flow->setFinestScale(finest);
  s->flow->setGradientDescentIterations(iterations);
  s->flow->setVariationalRefinementIterations(refinements);
  return s;
}

extern "C" void uredit_search_free(void *s) { delete (search *)s; }

// uredit_search_run returns 0, or 1 when OpenCV refuses the planes.
extern "C" int uredit_search_run(void *handle, float *dx, int dx_stride, float *dy, int dy_stride,
                                 uint8_t *from, int from_stride, uint8_t *to, int to_stride, int w, int h) {
  try {
    search *s = (search *)handle;
    cv::Mat a = wrap(CV_8UC1, from, from_stride, w, h), b = wrap(CV_8UC1, to, to_stride, w, h);
    if (!a.isContinuous()) {
      a.copyTo(s->from);
      a = s->from;
    }
    if (!b.isContinuous()) {
      b.copyTo(s->to);
      b = s->to;
    }
    s->vectors.release();  // what it holds would be the first guess
    s->flow->calc(a, b, s->vectors);
    cv::extractChannel(s->vectors, wrap(CV_32FC1, dx, dx_stride, w, h), 0);
    cv::extractChannel(s->vectors, wrap(CV_32FC1, dy, dy_stride, w, h), 1);
    return 0;
  } catch (const std::exception &) {
    return 1;
  }
}
