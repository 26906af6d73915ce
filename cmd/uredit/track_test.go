package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// tracked returns a tracker of a job whose output directory holds the finished
// record of the job before it, and the path of its file in the queue.
func tracked(t *testing.T) (tr *tracker, queued string) {
	t.Helper()
	root, out := t.TempDir(), t.TempDir()
	r := job.Default()
	r.JobID, r.OutputDir = "again", out
	if err := record(spool.NewJob(time.Unix(1e9, 0)), r, job.Finished, nil); err != nil {
		t.Fatal(err)
	}
	token := spool.NewJob(time.Unix(1e9+60, 0))
	name := spool.QueueName{JobName: spool.JobName{Job: token, Epoch: 1}, Rank: 4, Enqueued: time.Unix(1e9+61, 0)}
	queued = filepath.Join(root, spool.QueueDir, name.String())
	if err := os.MkdirAll(filepath.Dir(queued), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(queued, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return &tracker{view: view{root: root}, target: target{jobID: "again", token: token, outputDir: out}}, queued
}

func look(t *testing.T, tr *tracker) snapshot {
	t.Helper()
	s, err := tr.look()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRecordOfTheJobBefore shows that a job_id that is used again does not
// inherit the end of its last use.
func TestRecordOfTheJobBefore(t *testing.T) {
	tr, _ := tracked(t)
	s := look(t, tr)
	if s.place != inQueue || s.state() != "queued" || s.status != nil || tr.over(s) {
		t.Errorf("in the queue: place %q, state %q, status %v, over %t", s.place, s.state(), s.status, tr.over(s))
	}
}

// TestBetweenTwoFolders shows that a job that one look finds nowhere is not
// taken for over: the rename may have been on its way.
func TestBetweenTwoFolders(t *testing.T) {
	tr, queued := tracked(t)
	look(t, tr)
	if err := os.Remove(queued); err != nil {
		t.Fatal(err)
	}
	r := job.Default()
	r.JobID, r.OutputDir = "again", tr.outputDir
	if err := record(tr.token, r, job.Finished, nil); err != nil {
		t.Fatal(err)
	}
	if s := look(t, tr); tr.over(s) {
		t.Error("over after one look that found it nowhere")
	}
	if s := look(t, tr); !tr.over(s) || s.outcome() != nil {
		t.Errorf("after two looks: over %t, outcome %v", tr.over(s), s.outcome())
	}
}

// TestEveryPlace shows what state and exit status each place has.
func TestEveryPlace(t *testing.T) {
	status := func(s job.State) *job.Status { return &job.Status{JobID: "j", Status: s} }
	for _, tt := range []struct {
		s     snapshot
		state string
		over  bool
		code  int
	}{
		{snapshot{place: inInbox, status: status(job.Queued)}, "inbox", false, 0},
		{snapshot{place: inQueue}, "queued", false, 0},
		{snapshot{place: running, status: status(job.Editing)}, "editing", false, 0},
		{snapshot{place: done, status: status(job.Finished)}, "finished", true, exitOK},
		{snapshot{place: done, status: status(job.Saving)}, "finished", true, exitOK},
		{snapshot{place: failed, status: status(job.Failed)}, "failed", true, exitFailed},
		{snapshot{place: rejected, status: status(job.Editing)}, "rejected", true, exitUsage},
		{snapshot{status: status(job.Finished)}, "finished", true, exitOK},
		{snapshot{status: status(job.Failed)}, "failed", true, exitFailed},
	} {
		if got := tt.s.state(); got != tt.state || tt.s.over() != tt.over {
			t.Errorf("place %q: state %q, over %t, want %q, %t", tt.s.place, got, tt.s.over(), tt.state, tt.over)
		}
		if tt.over && exitStatus(tt.s.outcome()) != tt.code {
			t.Errorf("place %q: exit status %d, want %d", tt.s.place, exitStatus(tt.s.outcome()), tt.code)
		}
	}
}
