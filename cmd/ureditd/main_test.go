package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// envCommand makes the test's binary the command itself, so that the tests run
// what users run, as a process that can be killed.
const envCommand = "UREDIT_TEST_COMMAND"

// fixtures are what all tests share; they are made on first use.
type fixtures struct {
	dir    string // removed at the end
	clip   func() (string, error)
	client func() (string, error)
}

var shared fixtures

func TestMain(m *testing.M) {
	if os.Getenv(envCommand) == "ureditd" {
		os.Unsetenv(envCommand)
		main()
		return
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "ureditd-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		// Other users run the binary, and read the clip.
		if err := os.Chmod(dir, 0o755); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		shared = fixtures{
			dir:    dir,
			clip:   sync.OnceValues(func() (string, error) { return drawSquare(dir, "clip.mp4", 16) }),
			client: sync.OnceValues(func() (string, error) { return buildClient(dir) }),
		}
		return m.Run()
	}())
}

// drawSquare draws a red square that crosses a grey picture of 320x240, with
// sound, ten frames a second.
func drawSquare(dir, name string, frames int) (string, error) {
	file := filepath.Join(dir, name)
	seconds := fmt.Sprintf("%.1f", float64(frames)/10)
	out, err := exec.Command("ffmpeg", "-v", "error", "-y",
		"-f", "lavfi", "-i", "color=gray:s=320x240:r=10:d="+seconds,
		"-f", "lavfi", "-i", "color=red:s=80x80:r=10:d="+seconds,
		"-f", "lavfi", "-i", "sine=440:d="+seconds,
		"-filter_complex", "[0][1]overlay=x=30+10*n*16/"+fmt.Sprint(frames)+":y=80",
		"-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", file).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("draw a clip: %w: %s", err, out)
	}
	return file, os.Chmod(file, 0o644)
}

// buildClient builds uredit, which is another program and cannot be this
// binary. The build cache makes it quick.
func buildClient(dir string) (string, error) {
	file := filepath.Join(dir, "uredit")
	cmd := exec.Command("go", "build", "-o", file, "uredit/cmd/uredit")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build uredit: %w: %s", err, out)
	}
	return file, nil
}

// uredit runs the client in a directory and returns what it printed, whatever
// its exit status.
func uredit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	program, err := shared.client()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.HasPrefix(err.Error(), "exit status") {
		t.Fatal(err)
	}
	return string(out)
}

// needsRoot skips a test that becomes other users, or mounts.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it becomes other users, or mounts")
	}
}
