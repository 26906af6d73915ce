package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// queued claims and accepts a request.
func queued(t *testing.T, s *Spool, name string, rank int) QueueName {
	t.Helper()
	q, err := s.Enqueue(claimed(t, s, name, "r"), []byte("r"), rank)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestHoldReleaseRerank(t *testing.T) {
	s := newSpool(t)
	q := queued(t, s, "a.yaml", 5)
	if err := s.Hold(q); err != nil {
		t.Fatal(err)
	}
	held, err := s.OnHold()
	if err != nil || len(held) != 1 || held[0].Job != q.Job || held[0].Epoch != q.Epoch+1 {
		t.Fatalf("OnHold = %v, %v", held, err)
	}
	if queue, err := s.Queue(); err != nil || len(queue) > 0 {
		t.Errorf("Queue = %v, %v", queue, err)
	}
	if live, err := s.Live(q.Job); err != nil || !live {
		t.Errorf("on hold, Live = %v, %v", live, err)
	}
	if _, err := s.Take(q); !errors.Is(err, ErrLost) {
		t.Errorf("Take of a job on hold = %v", err)
	}
	back, err := s.Release(held[0])
	if err != nil || back.Rank != q.Rank || !back.Enqueued.Equal(q.Enqueued) || back.Epoch != q.Epoch+2 {
		t.Fatalf("Release = %v, %v", back, err)
	}
	if err := s.Rerank(back, 1); err != nil {
		t.Fatal(err)
	}
	queue, err := s.Queue()
	if err != nil || len(queue) != 1 || queue[0].Rank != 1 {
		t.Fatalf("Queue = %v, %v", queue, err)
	}
	if r, given := s.Rank(q.Job); !given || r != 1 {
		t.Errorf("Rank = %d, %v", r, given)
	}
	// Another host that saw the old name does nothing.
	if err := s.Rerank(back, 7); !errors.Is(err, ErrLost) {
		t.Errorf("a second Rerank of the old name = %v", err)
	}
	if err := s.Forget(q.Job); err != nil {
		t.Fatal(err)
	}
	if _, given := s.Rank(q.Job); given {
		t.Error("the rank outlives the job")
	}
}

// TestRetry: one of several hosts that see the marker drops the request again.
func TestRetry(t *testing.T) {
	a := newSpool(t)
	b := open(t, a.path, t.TempDir())
	c := claimed(t, a, "a.yaml", "the request")
	if err := a.Fail(c, Reason{JSON: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	jobs, err := b.Failures()
	if err != nil || !slices.Equal(jobs, []string{c.Job}) {
		t.Fatalf("Failures = %v, %v", jobs, err)
	}
	if _, data, err := b.Failure(c.Job); err != nil || string(data) != "{}" {
		t.Errorf("Failure = %q, %v", data, err)
	}
	if _, _, err := b.Failure("../queue"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Failure of no job = %v", err)
	}
	if err := os.WriteFile(filepath.Join(a.path, ControlDir, "j.retry"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	markers, err := a.Markers()
	if err != nil || len(markers) != 1 || markers[0].Verb != MarkRetry || markers[0].Subject != "j" {
		t.Fatalf("Markers = %v, %v", markers, err)
	}
	if err := a.Retry(markers[0], c.Job); err != nil {
		t.Fatal(err)
	}
	if err := b.Retry(markers[0], c.Job); !errors.Is(err, ErrLost) {
		t.Errorf("a second Retry = %v", err)
	}
	if entries, err := a.Scan(); err != nil || len(entries) != 1 {
		t.Errorf("the inbox holds %v, %v", entries, err)
	}
}

func TestParseMarker(t *testing.T) {
	for name, want := range map[string]Marker{
		"PAUSE":            {Verb: MarkPause},
		"PAUSE.gpu-1":      {Verb: MarkPause, Subject: "gpu-1"},
		"DRAIN.gpu-1":      {Verb: MarkDrain, Subject: "gpu-1"},
		"test_001.cancel":  {Verb: MarkCancel, Subject: "test_001"},
		"v1.2.hold":        {Verb: MarkHold, Subject: "v1.2"},
		"test_001.release": {Verb: MarkRelease, Subject: "test_001"},
		"test_001.prio-9":  {Verb: MarkPriority, Subject: "test_001", Priority: 9},
		"PAUSED":           {}, "PAUSE.": {}, "x.prio-": {}, "x.prio-10": {}, "x.prio-a": {}, ".cancel": {}, "x": {}, "x.txt": {},
	} {
		if want.Verb != "" {
			want.Name = name
		}
		if got, ok := parseMarker(name); ok != (want.Verb != "") || got != want {
			t.Errorf("parseMarker(%q) = %+v, %v", name, got, ok)
		}
	}
}
