package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"uredit/daemon/job"
)

var late = flag.Duration("late", 3*time.Second, "how long after the UI the daemon starts")

// python prepares a script of testdata with the Python client in its path.
func (s *site) python(script string, args ...string) *exec.Cmd {
	s.t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		s.t.Skip("no python3 on this machine")
	}
	client, err := filepath.Abs("../../examples/python")
	if err != nil {
		s.t.Fatal(err)
	}
	// go test knows by this look when a cached result is out of date.
	for _, file := range append(glob(client+"/src/*.py"), filepath.Join("testdata", script)) {
		if _, err := os.Stat(file); err != nil {
			s.t.Fatal(err)
		}
	}
	cmd := command(s.t.Context(), python, append([]string{"-B", filepath.Join("testdata", script)}, args...)...)
	cmd.Env = append(cmd.Env, "PYTHONPATH="+client, "UREDIT_SPOOL="+s.path("spool"), "UREDIT_SUBMIT_TIMEOUT=60")
	return cmd
}

// following is what follow.py saw.
type following struct {
	States   []job.State `json:"states"`
	Versions int         `json:"versions"` // of status.json
	Longest  float64     `json:"longest"`  // seconds between two of them
	Error    string      `json:"error"`
}

// follow reads a job's status.json from now to the job's end.
func (s *site) follow(jobID string) (end func() following) {
	s.t.Helper()
	cmd := s.python("follow.py", filepath.Join(s.out(jobID), job.StatusName))
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return func() (f following) {
		s.t.Helper()
		if err := cmd.Wait(); err != nil {
			s.t.Fatalf("a reader of status.json: %v\n%s", err, &problem)
		}
		if err := json.Unmarshal(out.Bytes(), &f); err != nil {
			s.t.Fatal(err)
		}
		return f
	}
}

// event is what a line of events.ndjson says of where the job stands.
type event struct {
	Attempt  int       `json:"attempt"`
	Status   job.State `json:"status"`
	Progress float64   `json:"progress"`
}

// events returns the lines of a job's events.ndjson.
func (s *site) events(jobID string) []event {
	s.t.Helper()
	var list []event
	for line := range strings.Lines(s.read(filepath.Join(s.out(jobID), job.EventsName))) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			s.t.Fatalf("events.ndjson: %v: %s", err, line)
		}
		list = append(list, e)
	}
	return list
}

// states returns the states that a job's events show, in order, each once in a
// row.
func (s *site) states(jobID string) []job.State {
	s.t.Helper()
	var list []job.State
	for _, e := range s.events(jobID) {
		list = append(list, e.Status)
	}
	return slices.Compact(list)
}

// A reader that polls every 10 ms never sees a torn record, a state or progress
// that goes back, nor a file that stands still for long.
func TestStatusThroughAJob(t *testing.T) {
	s := newSite(t)
	s.serve()
	ended := s.follow("long")
	begun := time.Now()
	// By hand, without a line "...".
	s.copyByHand("long.yaml", s.request("long", "num_inference_steps: 150", "edit_size: 320"))
	saw := ended()
	took := time.Since(begun).Seconds()
	s.wantFinished("long", 16)
	t.Logf("%d versions of status.json in %.1f s, %.1f s apart at most; saw %q", saw.Versions, took, saw.Longest, saw.States)
	if most := 2*took + float64(len(job.States())) + 3; float64(saw.Versions) > most {
		t.Errorf("status.json was written %d times in %.1f s", saw.Versions, took)
	}
	if got := s.states("long"); !slices.Equal(got, job.States()[:8]) {
		t.Errorf("events.ndjson has the states %q", got)
	}

	// The ninth state.
	ended = s.follow("nothing")
	s.drop("nothing.yaml", s.request("nothing", "mask_prompt: green ball"))
	if saw := ended(); !strings.Contains(saw.Error, "green ball") {
		t.Errorf("a job without anything to edit failed with %q", saw.Error)
	}
	s.end("nothing")
	if got := s.states("nothing"); got[0] != job.Queued || !slices.IsSortedFunc(got, byRank) || got[len(got)-1] != job.Failed {
		t.Errorf("events.ndjson of a failed job has the states %q", got)
	}
}

// While a job works on one frame for long, status.json is written again before
// two seconds have passed.
func TestStatusStaysFresh(t *testing.T) {
	s := newSite(t)
	s.serve()
	ended := s.follow("slow")
	s.drop("slow.yaml", s.request("slow", slow()...))
	s.reach("slow", job.Editing)
	<-time.After(5 * time.Second)
	s.cancel("slow")
	saw := ended()
	t.Logf("%d versions of status.json, %.2f s apart at most", saw.Versions, saw.Longest)
	// The contract says two seconds, which the reporter's own test measures by a
	// clock that stands still for it; here a busy machine may add to them.
	if saw.Longest > 3 {
		t.Errorf("status.json stood still for %.2f s", saw.Longest)
	}
}

func byRank(a, b job.State) int { return a.Rank() - b.Rank() }

// copyByHand copies a file into the inbox as cp does.
func (s *site) copyByHand(name, text string) {
	s.t.Helper()
	from := s.path(name)
	s.put(from, text)
	if out, err := exec.Command("cp", from, s.inbox(name)).CombinedOutput(); err != nil {
		s.t.Fatalf("cp: %v: %s", err, out)
	}
}

// The old UI's loop works with a daemon that starts after it, and again with
// the same job_id.
func TestOldUI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ui := func(prompt string) (*exec.Cmd, *output) {
		cmd := s.python("ui.py", "test_001", s.path("data", "in.mp4"), s.out("test_001"), prompt)
		out := &output{}
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, out
	}
	want := func(cmd *exec.Cmd, out *output) {
		t.Helper()
		err := cmd.Wait()
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if err != nil || len(lines) < 2 || !strings.HasPrefix(lines[len(lines)-1], "finished 1.00") {
			t.Errorf("the UI ended with %v and saw\n%s", err, out)
		}
		s.wantFinished("test_001", 16)
	}
	cmd, out := ui("make it blue")
	s.reach("test_001", job.Queued)
	<-time.After(*late)
	s.serve()
	want(cmd, out)
	if !strings.HasPrefix(out.String(), "queued 0.00") {
		t.Errorf("before the daemon came the UI saw\n%s", out)
	}
	first := s.read(filepath.Join(s.out("test_001"), "test_001_output.mp4"))

	want(ui("make it green"))
	if second := s.read(filepath.Join(s.out("test_001"), "test_001_output.mp4")); first == second {
		t.Error("the second run of test_001 left the first one's result")
	}
}

// Requests arrive in every accepted form, and never half.
func TestDrops(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve()

	s.copyByHand("yml.yml", s.request("yml"))
	asJSON, err := json.Marshal(map[string]any{
		"job_id": "json", "input_video_path": s.path("data", "in.mp4"), "output_dir": s.out("json"),
		"mask_prompt": "red ball", "edit_prompt": "make it blue", "num_inference_steps": 2,
		"max_frames": nil, "extra": map[string]any{"model_path": nil, "notes": "from a UI"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.copyByHand("json.json", string(asJSON))
	s.mkdir(s.inbox("holiday"))
	s.put(s.inbox("holiday/request.yaml"), s.request("nested"))

	// Each piece of this file alone would be another request, or none.
	f, err := os.Create(s.inbox("slow.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pieces := strings.SplitAfter(s.request("slow")+"max_frames: 12", "\n")
	pieces[len(pieces)-1] = "max_frames: 1"
	for _, piece := range append(pieces, "2\n") {
		if _, err := f.WriteString(piece); err != nil {
			t.Fatal(err)
		}
		<-time.After(100 * time.Millisecond) // below what settles
	}
	for id, frames := range map[string]int{"yml": 16, "json": 16, "nested": 16, "slow": 12} {
		s.wantFinished(id, frames)
	}
	s.settled()
	if left := glob(s.path("spool", "rejected", "*")); len(left) > 0 {
		t.Errorf("rejected: %q", left)
	}
}
