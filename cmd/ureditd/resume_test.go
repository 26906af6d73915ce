package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"uredit/daemon/job"
)

// longClip replaces the site's input by one of three segments.
func (s *site) longClip() (frames int) {
	s.t.Helper()
	in := s.path("data", "in.mp4")
	long := s.path("long.mp4")
	cmd := exec.Command("ffmpeg", "-v", "error", "-stream_loop", "21", "-i", in, "-map", "0:v", "-c", "copy", long)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	s.put(in, s.read(long))
	return frameCount(s.t, in)
}

// pictures returns the time and the checksum of each frame of a file.
func pictures(t *testing.T, file string) string {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-v", "error", "-copyts", "-i", file, "-map", "0", "-fps_mode", "passthrough", "-f", "framemd5", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// A job whose daemon is killed, and whose next one is stopped, goes on at the
// last boundary of a segment before: its result is that of a job that nothing
// happened to.
func TestGoesOnWhereItWas(t *testing.T) {
	s := newSite(t, "drain_timeout: 1ms")
	frames := s.longClip()
	d := s.serve()
	s.drop("whole.yaml", s.request("whole"))
	s.wantFinished("whole", frames)

	sealed := func(segment string) {
		t.Helper()
		eventually(t, "a seal", func() bool {
			return len(glob(filepath.Join(s.out("ended"), ".uredit", "*", "edit", segment+".seal"))) > 0
		})
	}
	s.drop("ended.yaml", s.request("ended", "fresh: true"))
	sealed("part-000000")
	before, _ := s.status("ended")
	d.kill()
	d = s.serve()
	sealed("part-000001")
	// Between two states a status is written now and then: it may name no frame yet.
	if after, _ := s.status("ended"); after.Status != job.Editing || after.Progress < before.Progress || after.CurrentFrame != nil && *after.CurrentFrame < 120 {
		t.Errorf("first %s\nthen %s", before.JSON(), after.JSON())
	}
	d.stop()
	s.serve()
	s.wantFinished("ended", frames)

	log := s.read(filepath.Join(s.out("ended"), "ended_log.txt"))
	lines := regexp.MustCompile(`continues at frame .* verified`).FindAllString(log, -1)
	if want := "continues at frame 240 of 352: masks and 2 segments of attempt 2 verified"; len(lines) != 2 || lines[1] != want {
		t.Errorf("the log says %q, want %q at the end", lines, want)
	}
	record := s.record("ended")
	last := record.Stages[slices.IndexFunc(record.Stages, func(st job.StageTime) bool { return st.Name == job.Editing })]
	if record.Attempt != 3 || last.Frames == 0 {
		t.Errorf("attempt %d, stages %+v", record.Attempt, record.Stages)
	}
	for _, name := range []string{"_output.mp4", "_mask.mp4"} {
		want := pictures(t, filepath.Join(s.out("whole"), "whole"+name))
		if got := pictures(t, filepath.Join(s.out("ended"), "ended"+name)); got != want {
			t.Errorf("%s differs from the one of a job that was not ended: %d lines, %d", name, strings.Count(got, "\n"), strings.Count(want, "\n"))
		}
	}
}
