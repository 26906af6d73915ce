// The mean of Ops.Mean: gocv v0.31.0 has no way to choose its border.
#include <stdint.h>

#include <exception>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

// uredit_mean returns 0, or 1 when OpenCV refuses the planes.
extern "C" int uredit_mean(uint8_t *dst, int dst_stride, const uint8_t *src, int src_stride, int w, int h, int k) {
  try {
    const cv::Mat from(h, w, CV_8UC1, const_cast<uint8_t *>(src), src_stride);
    cv::Mat to(h, w, CV_8UC1, dst, dst_stride);
    cv::blur(from, to, cv::Size(k, k), cv::Point(-1, -1), cv::BORDER_REPLICATE);
    return 0;
  } catch (const std::exception &) {
    return 1;
  }
}
