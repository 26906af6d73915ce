// Package job is the vocabulary of the daemon: the request that a user writes,
// the states that a job goes through, the status and record that it leaves, and
// the errors that people read. It is a leaf: the client without cgo, the daemon
// and the tests all speak through it.
//
// A request is parsed strictly. Every fault of a file is reported at once, each
// with its line, its key and what to write instead:
//
//	request.yaml:7: num_inference_steps: 3.5 is not a whole number (hint: write 3 or 4)
//
// What a path leads to is not this package's business (see roots), nor where a
// request lies (see spool).
package job
