package ffmpeg

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"uredit/pipeline/fault"
)

// Open opens a file for Probe and Decode. Unlike os.Open it does not wait for
// somebody to write into a named pipe. A name that is no file's is an error with
// the code fault.InputUnreadable.
func Open(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fault.New(fault.InputUnreadable, "", err)
	}
	if err := regular(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// regular refuses what is no file: a program that opens a named pipe, a socket
// or a device by its descriptor may wait for ever, or never come to an end.
func regular(in *os.File) error {
	info, err := in.Stat()
	if err != nil {
		return fault.New(fault.InputUnreadable, "", fmt.Errorf("look at the input: %w", err))
	}
	what := "something else"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		what = "a named pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return fault.New(fault.InputUnreadable, "name the video file itself", fmt.Errorf("the input is %s, not a file", what))
}
