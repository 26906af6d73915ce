package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestBenchRefuses: what no request may say, bench does not measure.
func TestBenchRefuses(t *testing.T) {
	for _, c := range []struct {
		says string
		args []string
	}{
		{"num_inference_steps: 0 is not within 1..1000", []string{"--steps", "0"}},
		{`smoothing: "fast" is not known`, []string{"--smoothing", "fast"}},
		{"--frames 0", []string{"--frames", "0"}},
		{"--input clip.mp4?", []string{"clip.mp4"}},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), console{&out, &errs}, append([]string{"bench"}, c.args...))
		if code != exitUsage || !strings.Contains(errs.String(), c.says) {
			t.Errorf("%q: exit status %d, want %d and %q in: %s", c.args, code, exitUsage, c.says, &errs)
		}
	}
}
