package roots

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"uredit/daemon/job"
)

const inputKey = "input_video_path"

// OpenInput opens a regular file for reading. Anything else (a directory, a
// device, a named pipe) is refused without being opened or waited for; so is what
// lies in a directory of Reserve.
func (s *Set) OpenInput(path string) (*os.File, error) {
	handle, rel, err := s.open(inputKey, path)
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	info, err := handle.Stat(rel)
	if err != nil {
		return nil, s.inputError(handle, rel, path, err)
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	// The name may mean something else by now: O_NONBLOCK keeps a pipe from
	// holding the daemon, and what was opened is looked at again.
	f, err := handle.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, s.inputError(handle, rel, path, err)
	}
	info, err = f.Stat()
	if err == nil {
		err = regular(path, info)
	}
	if err == nil {
		err = s.public(path, f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// public refuses an opened file in a directory that is the daemon's own, by
// whatever links its path came there.
func (s *Set) public(path string, f *os.File) error {
	if len(s.private) == 0 {
		return nil
	}
	real, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return fmt.Errorf("open input %s: %w", path, err)
	}
	if private, is := s.privateTo(real); is {
		return &job.Error{Code: job.CodePathOutside, Key: inputKey,
			Message: fmt.Sprintf("%s gives no inputs: %s belongs to the daemon", path, private),
			Hint:    "name a file of your own"}
	}
	return nil
}

func regular(path string, info fs.FileInfo) error {
	what := ""
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
	default:
		what = "something else"
	}
	return &job.Error{Code: job.CodeInputUnreadable, Key: inputKey,
		Message: fmt.Sprintf("%s is %s, not a file", path, what), Hint: "name the video file itself"}
}
