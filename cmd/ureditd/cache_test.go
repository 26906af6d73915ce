package main

import (
	"bytes"
	"os"
	"path/filepath"
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
	d.stop()
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

// output returns the bytes of a job's video.
func (s *site) output(jobID string) []byte {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.out(jobID), jobID+"_output.mp4"))
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}
