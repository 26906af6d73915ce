// Package fault is the one error type that crosses from the pipeline to its
// caller: what went wrong, in which stage, and what the user can do about it.
package fault

import "errors"

// Codes that callers and users branch on. A code never changes its meaning.
const (
	Cancelled        = "cancelled"
	Internal         = "internal"
	InputUnreadable  = "input_unreadable"   // no video, not a video, nothing decodes
	InputUnsupported = "input_unsupported"  // HDR without tone mapping, image with mode video, ...
	NothingFound     = "nothing_found"      // mask_prompt named nothing in any frame
	UnknownWords     = "unknown_words"      // a prompt says what the models cannot know
	ModelMissing     = "model_missing"      // a graph or file of the bundle is not there
	ModelInvalid     = "model_invalid"      // wrong hash, unexpected inputs, broken graph
	ModelNotExported = "model_not_exported" // a torch checkpoint without an alias
	DeviceFault      = "device_fault"       // the execution provider failed
	DeviceMemory     = "device_memory"      // the card's or the machine's memory does not suffice
	ToolMissing      = "tool_missing"       // ffmpeg or ffprobe not installed
	ToolFailed       = "tool_failed"        // ffmpeg died
	DiskFull         = "disk_full"
	OutputUnwritable = "output_unwritable"
)

// Error carries a code and a hint beside the wrapped cause.
type Error struct {
	Code      string
	Stage     string // filled in by the pipeline: "extracting", "editing", ...
	Hint      string // a sentence that says what to do; may be empty
	Retryable bool   // the same request may succeed later
	Err       error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// New wraps err with a code and a hint.
func New(code, hint string, err error) *Error {
	return &Error{Code: code, Hint: hint, Err: err}
}

// Of returns the first *Error in err's chain, or one with code Internal.
func Of(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: Internal, Err: err}
}
