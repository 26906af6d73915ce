package opencv

// #cgo pkg-config: opencv4
// #cgo CXXFLAGS: -std=c++11
// void uredit_set_threads(int n);
import "C"

// SetThreads sets how many threads OpenCV uses for one operation, in the whole
// process. 1 keeps every operation on the thread that asks for it, the choice
// where several stages run side by side. gocv v0.31.0 has no such call.
func SetThreads(n int) { C.uredit_set_threads(C.int(n)) }
