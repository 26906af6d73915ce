package daemon

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"uredit/daemon/config"
	"uredit/daemon/job"
	"uredit/daemon/spool"
	"uredit/daemon/watch"
)

// What is promised, far above of what a machine takes that is not overloaded.
const (
	cancelWithin = 5 * time.Second
	beginWithin  = 3 * time.Second // promised are 300 ms in the median, which is printed
)

// asShipped makes a daemon look as often, and wait as long, as one with the
// default configuration.
func asShipped(r *running) {
	c := config.Default()
	dirs := []string{filepath.Join(r.cfg.Root, spool.InboxDir), filepath.Join(r.cfg.Root, spool.ControlDir)}
	r.watcher = watch.New(dirs, c.PollInterval, r.log)
	r.intake.Settle = c.Settle
}

// TestCancelIsPrompt cancels a request that nobody claims, a job in the queue, and
// one in the middle of a call that nothing can end, as an inference may be.
func TestCancelIsPrompt(t *testing.T) {
	s := newSite(t)
	busy := make(chan string)
	s.start(t, 1, watched(busy), asShipped)
	const deaf = time.Second
	s.drop(t, "a.yaml", s.request("running", "a", "deaf "+deaf.String()))
	next(t, busy)
	s.drop(t, "b.yaml", s.request("queued", "b", "blue"))
	s.inQueue(t, "b")
	mark(t, s, "PAUSE")
	request := s.request("unclaimed", "c", "blue")
	s.drop(t, "c.yaml", request[:len(request)-len("...\n")]) // waits until it settled
	for id, out := range map[string]string{"queued": "b", "unclaimed": "", "running": "a"} {
		asked := time.Now()
		mark(t, s, id+".cancel")
		eventually(t, id+" cancelled", func() bool {
			if out == "" { // of which nobody has told anything
				return len(tree(t, s.path("spool", spool.InboxDir))) == 0
			}
			st, ok := s.status(t, out)
			return ok && st.Status == job.Failed
		})
		took := time.Since(asked)
		t.Logf("%s: cancelled within %v", id, took.Round(time.Millisecond))
		if took > cancelWithin {
			t.Errorf("%s: cancelled after %v, want %v", id, took, cancelWithin)
		}
	}
}

// TestBeginsPromptly measures how long a complete request lies in the inbox of an
// idle host until its status.json says extracting.
func TestBeginsPromptly(t *testing.T) {
	s := newSite(t)
	s.start(t, 1, asShipped)
	n := 50
	if testing.Short() {
		n = 5
	}
	var took []time.Duration
	for i := range n {
		id := fmt.Sprintf("job_%02d", i)
		dropped := time.Now()
		s.drop(t, id+".yaml", s.request(id, id, "blue"))
		s.finish(t, id)
		s.settled(t)
		took = append(took, s.began(t, id).Sub(dropped))
	}
	slices.Sort(took)
	median := took[n/2]
	t.Logf("from drop to extracting: median %v of %d, the slowest %v", median.Round(time.Millisecond), n, took[n-1].Round(time.Millisecond))
	if median > beginWithin {
		t.Errorf("a job begins %v after its drop, want %v", median, beginWithin)
	}
}

// began returns when events.ndjson says that a job was extracting.
func (s site) began(t *testing.T, out string) time.Time {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.out(out), job.EventsName))
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		var e struct {
			Time   time.Time `json:"time"`
			Type   string    `json:"type"`
			Status job.State `json:"status"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if e.Type == "state" && e.Status == job.Extracting {
			return e.Time
		}
	}
	t.Fatalf("%s never was extracting:\n%s", out, data)
	return time.Time{}
}
