package job

import (
	"strings"

	"uredit/daemon/document"
)

// Codes that users, scripts and the daemon branch on. A code never changes its
// meaning. A failed job may also carry a code of package fault; those that the
// daemon itself uses are repeated here with the same text.
const (
	CodeInvalidRequest  = "invalid_request"    // the file is not a request
	CodeTooLarge        = "request_too_large"  // the file is over MaxRequestBytes
	CodePathOutside     = "path_outside_roots" // a path leaves the allowed directories
	CodeJobIDInUse      = "job_id_in_use"      // a live job has the same job_id
	CodeOutputDirInUse  = "output_dir_in_use"  // a live job writes to the same output_dir
	CodeOutputExists    = "output_exists"      // a file is there that no job of ours wrote
	CodeOutputIsInput   = "output_is_input"    // the output would replace the input
	CodeInputMissing    = "input_missing"      // no such file
	CodeInputUnreadable = "input_unreadable"   // a directory, a device, no permission, no video
	CodeInputChanged    = "input_changed"      // it was written to while the job ran
	CodeOutputMissing   = "output_missing"     // output_dir is not there and may not be made
	CodeRootMissing     = "root_missing"       // a root is not there: a share that is not mounted
	CodeUnwritable      = "output_unwritable"
	CodeDiskFull        = "disk_full"
	CodeCancelled       = "cancelled"
	CodeInternal        = "internal"
	CodeCrashed         = "crashed" // the job ended its daemon too often
)

// Error says what is wrong, where, and what the user can do about it.
type Error struct {
	Code      string `json:"code"`
	Stage     State  `json:"stage,omitempty"` // where a running job failed
	Message   string `json:"message"`         // a sentence, lower case, no full stop
	Hint      string `json:"hint,omitempty"`  // what to do
	Retryable bool   `json:"retryable"`       // the same request may succeed later
	File      string `json:"file,omitempty"`  // the request file, as it was named
	Line      int    `json:"line,omitempty"`  // from 1; 0 where no line is to blame
	Key       string `json:"key,omitempty"`   // the request's key, "extra.model_path"
	Err       error  `json:"-"`               // the cause, for errors.Is; Message already tells it
}

// Error returns the whole sentence: FILE:LINE: KEY: MESSAGE (hint: HINT).
func (e *Error) Error() string {
	f := document.Fault{File: e.File, Line: e.Line, Key: e.Key, Message: e.Message, Hint: e.Hint}
	return f.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errors is every fault of one request, in the order of the file's lines. An
// Errors that is returned as an error holds at least one.
type Errors []*Error

// Error returns one line for each fault.
func (l Errors) Error() string {
	lines := make([]string, len(l))
	for i, e := range l {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults, for errors.Is and errors.As.
func (l Errors) Unwrap() []error {
	errs := make([]error, len(l))
	for i, e := range l {
		errs[i] = e
	}
	return errs
}
