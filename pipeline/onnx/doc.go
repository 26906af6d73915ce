// Package onnx runs networks with ONNX Runtime. It is the only home of
// onnxruntime_go: stages see tensor.Model and tensor.Loader.
//
//	Runtime   the loaded library, one for each process
//	Device    cpu or one CUDA card; keeps its graphs loaded between jobs, says whether others fit
//	session   one graph: a tensor.Model
//
// # Memory
//
// Tensors stay where the caller made them. A value of the library points at the
// caller's slice, and each input and output of a session remembers the last few
// of them, so that a loop that reuses its buffers makes nothing new. A buffer
// that was used once is therefore kept alive until four others took its place
// or the device is closed. Two things are converted in between, through memory
// of the session: float16 and int32.
//
// # Limits of the binding
//
// A graph's outputs are all computed, also those that nobody asked for. A
// float16 output whose size the graph leaves open needs a buffer or a Shape from
// the caller, and one that is a scalar cannot be received. A float16 scalar as
// an input is a float32 one to the caller, see newSession.
package onnx
