#include <opencv2/core/utility.hpp>

extern "C" void uredit_set_threads(int n) { cv::setNumThreads(n); }
