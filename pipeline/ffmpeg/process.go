package ffmpeg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"uredit/pipeline/fault"
)

const (
	maxTail   = 8 << 10  // bytes of standard error that are kept
	maxOutput = 32 << 20 // bytes of standard output of a listing or a probe
)

// niceness makes codecs take the processor time that the networks leave: the
// networks are what a job waits for, and each codec has a buffer of frames.
const niceness = 10

// firstFD is the number under which a child finds the first inherited file.
const firstFD = 3

// process is a started program.
type process struct {
	cmd    *exec.Cmd
	name   string
	cancel context.CancelFunc
	cause  func() error // why the caller's context ended; nil while it has not
	stderr *tail
	kill   *time.Timer
	waited bool
	err    error
}

// start runs a program with files as its descriptors 3, 4, .... Standard input
// and output are set by prepare, which may be nil. The process group gets
// SIGTERM when ctx ends, and SIGKILL when that did not end it within grace.
func (t *Tool) start(ctx context.Context, program string, args []string, files []*os.File, prepare func(*exec.Cmd) error) (*process, error) {
	inner, cancel := context.WithCancel(ctx)
	p := &process{
		name:   filepath.Base(program),
		cancel: cancel,
		cause:  func() error { return context.Cause(ctx) },
		stderr: &tail{max: maxTail},
	}
	cmd := exec.CommandContext(inner, program, args...)
	p.cmd = cmd
	cmd.ExtraFiles = files
	cmd.Stderr = p.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		group := -cmd.Process.Pid
		p.kill = time.AfterFunc(t.grace, func() { _ = syscall.Kill(group, syscall.SIGKILL) })
		return syscall.Kill(group, syscall.SIGTERM)
	}
	cmd.WaitDelay = t.grace + time.Second
	if prepare != nil {
		if err := prepare(cmd); err != nil {
			cancel()
			return nil, fmt.Errorf("start %s: %w", p.name, err)
		}
	}
	if err := cmd.Start(); err != nil {
		cancel()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("start %s: %w", p.name, context.Cause(ctx))
		}
		err = fmt.Errorf("start %s: %w", p.name, err)
		if missing(err) || errors.Is(err, fs.ErrNotExist) {
			return nil, fault.New(fault.ToolMissing, installHint, err)
		}
		return nil, err
	}
	// Before it has threads, which inherit this. A refusal costs speed only.
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, cmd.Process.Pid, niceness)
	return p, nil
}

// wait returns when the process is gone: nil after exit status 0, the cause of
// the context when that ended it, else a *exitError. It may be called again.
func (p *process) wait() error {
	if p.waited {
		return p.err
	}
	p.waited = true
	err := p.cmd.Wait()
	if p.kill != nil {
		p.kill.Stop()
	}
	p.cancel()
	switch {
	case err == nil:
	case p.cause() != nil:
		p.err = fmt.Errorf("%s: %w", p.name, p.cause())
	default:
		p.err = &exitError{program: p.name, stderr: p.stderr.lines(), err: err}
	}
	return p.err
}

// stop ends the process without ceremony and waits for it: what it had to say
// does not matter any more.
func (p *process) stop() {
	if !p.waited {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		_ = p.wait()
	}
}

// output runs a program and returns what it printed.
func (t *Tool) output(ctx context.Context, program string, args []string, files ...*os.File) ([]byte, error) {
	var out bytes.Buffer
	p, err := t.start(ctx, program, args, files, func(c *exec.Cmd) error {
		c.Stdout = &limitedWriter{w: &out, left: maxOutput}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := p.wait(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// exitError is a program that ended badly of its own accord.
type exitError struct {
	program string
	stderr  []string // its last lines
	err     error    // exit status or signal
}

func (e *exitError) Error() string {
	if len(e.stderr) == 0 {
		return fmt.Sprintf("%s: %v", e.program, e.err)
	}
	last := e.stderr[max(0, len(e.stderr)-5):]
	return fmt.Sprintf("%s: %v: %s", e.program, e.err, strings.Join(last, "; "))
}

func (e *exitError) Unwrap() error { return e.err }

// signalled reports whether a signal ended the program, as the kernel does when
// memory runs out.
func (e *exitError) signalled() bool {
	exit, ok := errors.AsType[*exec.ExitError](e.err)
	return ok && exit.ProcessState != nil && !exit.Exited()
}

// says reports whether one of the last lines contains one of the texts.
func says(lines []string, texts ...string) bool {
	for _, line := range lines {
		for _, text := range texts {
			if strings.Contains(line, text) {
				return true
			}
		}
	}
	return false
}

// failed turns the end of a program into a fault: a full disk and an output
// that cannot be written are told apart from a program that broke.
func failed(err error) error {
	e, ok := errors.AsType[*exitError](err)
	if !ok {
		return err // the context's cause, or a fault already
	}
	switch {
	case says(e.stderr, "No space left on device", "Disk quota exceeded", "File too large"):
		return &fault.Error{Code: fault.DiskFull, Hint: "free space where the output goes", Retryable: true, Err: err}
	case says(e.stderr, "Permission denied", "Read-only file system"):
		return fault.New(fault.OutputUnwritable, "", err)
	}
	return &fault.Error{Code: fault.ToolFailed, Hint: "the job's log has ffmpeg's last lines", Retryable: e.signalled(), Err: err}
}

// tail keeps the last bytes written to it. It is written by one goroutine and
// read after that ended.
type tail struct {
	b   []byte
	max int
}

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p[max(0, len(p)-t.max):]...)
	if extra := len(t.b) - t.max; extra > 0 {
		t.b = append(t.b[:0], t.b[extra:]...)
	}
	return len(p), nil
}

// lines returns the lines that are not empty, without the addresses that ffmpeg
// prints beside the names of its parts.
func (t *tail) lines() []string {
	var lines []string
	for line := range strings.Lines(string(t.b)) {
		if line = withoutAddress(strings.TrimSpace(line)); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// withoutAddress turns "[h264 @ 0x55d0] text" into "[h264] text".
func withoutAddress(line string) string {
	before, rest, ok := strings.Cut(line, " @ 0x")
	if !ok {
		return line
	}
	_, after, ok := strings.Cut(rest, "]")
	if !ok {
		return line
	}
	return before + "]" + after
}

// limitedWriter fails when more than left bytes are written.
type limitedWriter struct {
	w    io.Writer
	left int
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, errors.New("too much output")
	}
	l.left -= len(p)
	return l.w.Write(p)
}
