package main

import (
	"reflect"
	"strings"
	"testing"

	"uredit/daemon/job"
)

// TestPythonKeys: the Python client's None is a key that is not there, keys of
// ours pass through it, and the reason of a rejection comes back.
func TestPythonKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve()
	out, err := s.python("keys.py", s.path("data", "in.mp4"), s.path("data")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := `instances: "most" is not known (hint: write all, largest, or a number from 0 on)`; !strings.Contains(string(out), want) {
		t.Errorf("%s does not say %s", out, want)
	}
	asked := func(jobID string, change func(*job.Request)) {
		got, want := s.record(jobID).Params, job.Default()
		want.JobID, want.InputVideoPath, want.OutputDir = jobID, s.path("data", "in.mp4"), s.out(jobID)
		want.MaskPrompt, want.EditPrompt, want.NumInferenceSteps = "red ball", "make it blue", 1
		change(&want)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s was done with\n%+v, want\n%+v", jobID, got, want)
		}
	}
	s.wantFinished("nulls", 16)
	asked("nulls", func(*job.Request) {})
	s.wantFinished("keys", 4)
	asked("keys", func(r *job.Request) {
		r.Instances, r.MaxObjects, r.MaskNegativePrompt, r.AcrossCuts, r.Seed, r.MaxFrames = "0", 3, "green", true, 7, 4
	})
}
