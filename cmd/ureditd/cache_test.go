package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uredit/daemon/job"
)

// TestCachedResult: a real daemon answers a job that asks for the same as an
// earlier one with the same bytes, and one with fresh: true with new ones; after
// a restart it still does.
func TestCachedResult(t *testing.T) {
	s := newSite(t, "cache: {size: 100}")
	d := s.serve()
	s.drop("first.yaml", s.request("first"))
	s.wantFinished("first", 16)
	s.settled()
	d.stop() // which waits for the copy
	s.serve()
	s.drop("second.yaml", s.request("second", "priority: 9"))
	s.wantFinished("second", 16)
	from := s.record("second").FromCache
	if from == nil || from.What != job.CachedResult || from.JobID != "first" {
		t.Errorf("the second job comes from %+v", from)
	}
	if !bytes.Equal(s.output("first"), s.output("second")) {
		t.Error("its output has other bytes")
	}
	s.drop("third.yaml", s.request("third", "fresh: true"))
	s.wantFinished("third", 16)
	if from := s.record("third").FromCache; from != nil {
		t.Errorf("the fresh job comes from %+v", from)
	}
	if !bytes.Equal(s.output("first"), s.output("third")) {
		t.Error("a fresh job's output has other bytes")
	}
}

// TestCachedMasks: a job that differs in its edit takes over the masks that an
// earlier one found, and its result is the one of a job that finds them itself.
func TestCachedMasks(t *testing.T) {
	s := newSite(t, "cache: {size: 100}")
	s.serve()
	// What failed behind the masks leaves them.
	s.drop("thin.yaml", s.request("thin", "erode_kernel: 900"))
	if st := s.end("thin"); st.Status != job.Failed {
		t.Fatalf("thin ended as %s", st.JSON())
	}
	const green = "edit_prompt: make it green"
	for _, test := range []struct {
		jobID string
		lines []string
		from  *job.FromCache
	}{
		{"green", []string{green, "erode_kernel: 4", "seed: 3"}, &job.FromCache{What: job.CachedMasks, JobID: "thin"}},
		{"own", []string{green, "erode_kernel: 4", "seed: 4", "reuse_masks: false"}, nil},
		{"cut", []string{green, "max_frames: 9"}, nil},
		{"fresh", []string{green, "erode_kernel: 4", "seed: 3", "fresh: true"}, nil},
	} {
		s.drop(test.jobID+".yaml", s.request(test.jobID, test.lines...))
		frames := 16
		if test.jobID == "cut" {
			frames = 9
		}
		s.wantFinished(test.jobID, frames)
		r := s.record(test.jobID)
		if got, want := r.FromCache, test.from; (got == nil) != (want == nil) || got != nil && (got.What != want.What || got.JobID != want.JobID) {
			t.Errorf("%s comes from %+v, want %+v", test.jobID, got, want)
		}
		for _, state := range job.States()[1:7] {
			if !slices.ContainsFunc(r.Stages, func(st job.StageTime) bool { return st.Name == state }) {
				t.Errorf("%s did not go through %s: %+v", test.jobID, state, r.Stages)
			}
		}
	}
	if !bytes.Equal(s.output("green"), s.output("fresh")) {
		t.Error("with the masks of another job the output has other bytes")
	}
	log := s.read(filepath.Join(s.out("green"), "green_log.txt"))
	if !strings.Contains(log, "taking over what an earlier job made") {
		t.Errorf("the log says nothing of it:\n%s", log)
	}
}

// output returns the bytes of a job's video.
func (s *site) output(jobID string) []byte {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.out(jobID), jobID+"_output.mp4"))
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}
