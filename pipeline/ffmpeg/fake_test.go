package ffmpeg

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"uredit/pipeline/fault"
	"uredit/pipeline/ffmpeg/nut"
	"uredit/pipeline/frame"
	"uredit/pipeline/media"
)

const fakeWidth, fakeHeight = 32, 16

// fake stands in for ffmpeg. mode says how it misbehaves.
func fake(mode string) int {
	w, err := nut.NewWriter(os.Stdout, nut.Header{FourCC: nut.I420, Width: fakeWidth, Height: fakeHeight, TimeBase: nut.Rational{Num: 1, Den: 25}})
	if err != nil {
		return 9
	}
	pix := make([]byte, frame.Size(fakeWidth, fakeHeight))
	frames := func(n int64) {
		for i := range n {
			_ = w.WriteFrame(i, pix)
		}
	}
	switch mode {
	case "dies":
		frames(3)
		fmt.Fprintln(os.Stderr, "[h264 @ 0x5581] all is well\nsomething inside broke")
		return 1
	case "killed":
		frames(3)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "cut":
		frames(3)
		_, _ = os.Stdout.WriteString("\x00\x86\x00") // the start of a frame
	case "floods":
		out := bufio.NewWriter(os.Stderr)
		for i := range 200000 {
			fmt.Fprintf(out, "line %d of a long complaint\n", i)
		}
		out.Flush()
		frames(3)
	case "hangs":
		frames(3)
		hang()
	case "stubborn": // says that it now ignores the polite signal, and hangs
		signal.Ignore(syscall.SIGTERM)
		frames(3)
		hang()
	case "garbage":
		_, _ = os.Stdout.WriteString(strings.Repeat("garbage ", 1000))
		hang()
	case "refuses input":
		return 1
	case "old":
		fmt.Printf("%s version 4.4 Copyright\n", filepath.Base(os.Args[0]))
	}
	return 0
}

// hang waits for ever, as select {} would if the runtime did not call that a
// deadlock.
func hang() {
	for {
		_ = syscall.Pause()
	}
}

// fakeDecoder starts the test binary in place of ffmpeg.
func fakeDecoder(t *testing.T, ctx context.Context, mode string) *Decoder {
	t.Helper()
	t.Setenv("UREDIT_FAKE_FFMPEG", mode)
	tool := &Tool{ffmpeg: os.Args[0], ffprobe: os.Args[0], grace: 50 * time.Millisecond}
	dec, err := tool.Decode(ctx, file(t, "a.mp4", nil), media.Info{Width: fakeWidth, Height: fakeHeight,
		TimeBase: media.Rational{Num: 1, Den: 25}, Frames: 3}, media.Decode{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dec.Close() })
	return dec
}

// readAll returns how many frames came and the error that ended them.
func readAll(dec *Decoder) (n int, err error) {
	f := frame.New(fakeWidth, fakeHeight)
	for {
		if err := dec.Read(f); err != nil {
			return n, err
		}
		n++
	}
}

func TestDecoderOfABrokenProcess(t *testing.T) {
	for _, tt := range []struct {
		mode      string
		frames    int
		code      string
		retryable bool
		text      string
	}{
		{"dies", 3, fault.ToolFailed, false, "exit status 1: [h264] all is well; something inside broke"},
		{"killed", 3, fault.ToolFailed, true, "killed"},
		{"cut", 3, fault.ToolFailed, false, "unexpected EOF"},
		{"garbage", 0, fault.ToolFailed, false, "nut: frame before the first syncpoint"},
		{"refuses input", 0, fault.InputUnreadable, false, "no frame"},
		{"nothing", 0, fault.InputUnreadable, false, "no frame"},
	} {
		t.Run(tt.mode, func(t *testing.T) {
			dec := fakeDecoder(t, t.Context(), tt.mode)
			n, err := readAll(dec)
			f := fault.Of(err)
			if n != tt.frames || f.Code != tt.code || f.Retryable != tt.retryable || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%d frames, then %v (%s)", n, err, f.Code)
			}
			if dec.proc.cmd.ProcessState == nil {
				t.Error("the process was not waited for")
			}
			if _, again := readAll(dec); again != err {
				t.Errorf("the next read says %v", again)
			}
		})
	}
}

func TestDecoderKeepsABoundedTail(t *testing.T) {
	dec := fakeDecoder(t, t.Context(), "floods")
	n, err := readAll(dec)
	if n != 3 || err != io.EOF {
		t.Fatalf("%d frames, %v", n, err)
	}
	if size := len(dec.proc.stderr.b); size > maxTail {
		t.Errorf("%d bytes kept", size)
	}
	if w := dec.Warnings(); len(w) != 1 || !strings.Contains(w[0], "line 199999") {
		t.Errorf("warnings = %q", w)
	}
}

// TestCancelEndsTheProcess cancels while a read waits for a frame that never
// comes, also when the process ignores SIGTERM.
func TestCancelEndsTheProcess(t *testing.T) {
	for _, mode := range []string{"hangs", "stubborn"} {
		t.Run(mode, func(t *testing.T) {
			why := errors.New("the user thought better of it")
			ctx, cancel := context.WithCancelCause(t.Context())
			dec := fakeDecoder(t, ctx, mode)
			f := frame.New(fakeWidth, fakeHeight)
			for range 3 {
				if err := dec.Read(f); err != nil {
					t.Fatal(err)
				}
			}
			done := make(chan error)
			go func() { done <- dec.Read(f) }()
			cancel(why)
			if err := <-done; !errors.Is(err, why) {
				t.Errorf("err = %v", err)
			}
			if err := syscall.Kill(-dec.proc.cmd.Process.Pid, 0); err != syscall.ESRCH {
				t.Errorf("the process group is still there: %v", err)
			}
		})
	}
}

// TestCancelEndsTheProbe cancels while ffprobe hangs, as it does on a file whose
// server is gone, also when it ignores SIGTERM: no child is left.
func TestCancelEndsTheProbe(t *testing.T) {
	for _, mode := range []string{"hangs", "stubborn"} {
		t.Run(mode, func(t *testing.T) {
			t.Setenv("UREDIT_FAKE_FFMPEG", mode)
			before := children(t)
			why := errors.New("the user thought better of it")
			ctx, cancel := context.WithCancelCause(t.Context())
			tool := &Tool{ffprobe: os.Args[0], grace: 50 * time.Millisecond}
			done := make(chan error)
			go func() {
				_, err := tool.Probe(ctx, file(t, "a.mp4", nil))
				done <- err
			}()
			for end := time.Now().Add(10 * time.Second); len(children(t)) == len(before) && time.Now().Before(end); {
				runtime.Gosched()
			}
			cancel(why)
			if err := <-done; !errors.Is(err, why) {
				t.Errorf("err = %v", err)
			}
			if after := children(t); len(after) > len(before) {
				t.Errorf("children %v are left", after)
			}
		})
	}
}

// children returns the processes that this one has started and not waited for.
func children(t *testing.T) (pids []string) {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range lists {
		b, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
		pids = append(pids, strings.Fields(string(b))...)
	}
	return pids
}

func TestCloseEndsTheProcess(t *testing.T) {
	dec := fakeDecoder(t, t.Context(), "stubborn")
	if err := dec.Read(frame.New(fakeWidth, fakeHeight)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := dec.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := syscall.Kill(-dec.proc.cmd.Process.Pid, 0); err != syscall.ESRCH {
		t.Errorf("the process group is still there: %v", err)
	}
	if err := dec.Read(frame.New(fakeWidth, fakeHeight)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	// The goroutines of os/exec have been waited for; the last instructions of
	// one may still be on their way.
	stacks := make([]byte, 1<<20)
	for end := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
		now := string(stacks[:runtime.Stack(stacks, true)])
		if !strings.Contains(now, "os/exec.(*Cmd)") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("a goroutine was left behind:\n%s", now)
		}
	}
}

func TestEncoderOfABrokenProcess(t *testing.T) {
	for _, tt := range []struct{ mode, text string }{{"dies", "something inside broke"}, {"killed", "killed"}} {
		t.Run(tt.mode, func(t *testing.T) {
			t.Setenv("UREDIT_FAKE_FFMPEG", tt.mode)
			tool := &Tool{ffmpeg: os.Args[0], grace: 50 * time.Millisecond}
			enc, err := tool.Encode(t.Context(), create(t, "o.mp4"), media.Encode{Width: fakeWidth, Height: fakeHeight,
				TimeBase: media.Rational{Num: 1, Den: 25}, Codec: "h264", CRF: 18})
			for i := int64(0); err == nil && i < 10000; i++ {
				err = enc.Write(moving(fakeWidth, fakeHeight, i)[0])
			}
			if f := fault.Of(err); f.Code != fault.ToolFailed || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("err = %v (%s)", err, f.Code)
			}
			if enc != nil && enc.Close() == nil {
				t.Error("Close forgot the error")
			}
		})
	}
}

func TestFind(t *testing.T) {
	for _, names := range [][2]string{{"no-such-ffmpeg", "ffprobe"}, {"ffmpeg", "/no/such/ffprobe"}, {"ffprobe", "ffmpeg"}} {
		_, err := Find(names[0], names[1])
		if f := fault.Of(err); f.Code != fault.ToolMissing || !strings.Contains(f.Hint, "apt-get install ffmpeg") {
			t.Errorf("%v: %v", names, err)
		}
	}
	t.Setenv("UREDIT_FAKE_FFMPEG", "old")
	if _, err := Find(os.Args[0], os.Args[0]); fault.Of(err).Code != fault.ToolMissing {
		t.Errorf("old: %v", err)
	}
	if realTool(t).Version() == "" {
		t.Error("no version")
	}
}

// TestGoneProgram removes the program between Find and its use.
func TestGoneProgram(t *testing.T) {
	tool := &Tool{ffmpeg: "/no/such/ffmpeg", ffprobe: "/no/such/ffprobe"}
	if _, err := tool.Probe(t.Context(), file(t, "a.mp4", nil)); fault.Of(err).Code != fault.ToolMissing {
		t.Errorf("err = %v", err)
	}
}

func TestTail(t *testing.T) {
	tl := &tail{max: 8}
	for _, s := range []string{"abc\n", "0123456789abc\n", "x\n"} {
		if n, err := tl.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatal(n, err)
		}
	}
	if got := string(tl.b); got != "89abc\nx\n" {
		t.Errorf("tail = %q", got)
	}
}
