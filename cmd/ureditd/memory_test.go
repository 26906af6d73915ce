package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var memory = flag.Bool("memory", false, "compare the memory of a long and a short video (minutes)")

// TestMemory shows that memory does not grow with the video: the peak of
// ureditd and its ffmpeg processes together, 960 frames of 1280x720 against 120,
// with a mask full of holes.
func TestMemory(t *testing.T) {
	if !*memory {
		t.Skip("takes minutes; run with -memory, as `make memory` does")
	}
	s := newSite(t, "threads: 2")
	piece := s.path("piece.mp4")
	// Red cells that drift over grey ones.
	cells := "gt(sin((X+4*N)/17)*sin((Y+2*N)/13)\\,0.1)"
	ffmpegRun(t, "-f", "lavfi", "-i", "color=gray:s=1280x720:r=24:d=1,format=rgb24,geq=r='if("+cells+"\\,205\\,110)':g='if("+cells+"\\,40\\,110)':b='if("+cells+"\\,40\\,110)'",
		"-c:v", "libx264", "-g", "24", "-bf", "0", "-pix_fmt", "yuv420p", piece)
	peaks := map[int]int{}
	for _, frames := range []int{120, 960} {
		clip := s.path(strconv.Itoa(frames) + ".mp4")
		ffmpegRun(t, "-stream_loop", "-1", "-i", piece, "-frames:v", strconv.Itoa(frames), "-c", "copy", clip)
		peaks[frames] = s.peak(clip)
		t.Logf("%d frames: %d MB at the peak", frames, peaks[frames]>>20)
	}
	if grown := peaks[960] - peaks[120]; grown > max(16<<20, peaks[120]*3/100) {
		t.Errorf("840 more frames take %d MB more", grown>>20)
	}
}

// peak runs one edit as a process and returns the most memory, in bytes, that
// it and its children had at one time.
func (s *site) peak(clip string) (most int) {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(self, "edit", "--config", s.path("uredit.yaml"), "--input", clip, "--output", clip+".out.mp4",
		"--mask-prompt", "red", "--edit-prompt", "make it blue", "--steps", "1", "--video-preset", "ultrafast")
	cmd.Env = append(os.Environ(), envCommand+"=ureditd")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				s.t.Fatal(err)
			}
			return most
		case <-tick.C:
			most = max(most, resident(cmd.Process.Pid))
		}
	}
}

// resident is the memory of a process and its children, in bytes; pages that
// they share count once for each.
func resident(pid int) int {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	sum := 0
	if text, err := os.ReadFile(filepath.Join(proc, "statm")); err == nil {
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			pages, _ := strconv.Atoi(fields[1])
			sum = pages * os.Getpagesize()
		}
	}
	lists, _ := filepath.Glob(filepath.Join(proc, "task", "*", "children"))
	for _, name := range lists {
		text, _ := os.ReadFile(name) // the thread may have ended meanwhile
		for _, child := range strings.Fields(string(text)) {
			if id, err := strconv.Atoi(child); err == nil {
				sum += resident(id)
			}
		}
	}
	return sum
}

func ffmpegRun(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ffmpeg", append([]string{"-v", "error", "-y"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
}
