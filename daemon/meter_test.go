package daemon

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// tally is a Meter that tests read.
type tally struct {
	mu   sync.Mutex
	list []string
}

func (c *tally) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, what)
}

func (c *tally) JobEnded(o job.Outcome, code string) { c.add(fmt.Sprintf("%s %s", o, code)) }
func (c *tally) JobRequeued()                        { c.add("requeued") }
func (c *tally) StageEnded(t job.StageTime)          { c.add("stage " + string(t.Name)) }
func (c *tally) CacheHolds(int64)                    { c.add("cache size") }
func (c *tally) CacheAsked(p job.CachePart, answer string) {
	c.add(fmt.Sprintf("cache %s %s", p, answer))
}
func (c *tally) DevicesAsked([]spool.Device) {}

func (c *tally) has(what string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.list, what)
}

// Every way to end is counted, and the stages of what ran.
func TestMeter(t *testing.T) {
	s := newSite(t)
	busy := make(chan string)
	counted := &tally{}
	r := s.start(t, 1, watched(busy), func(r *running) { r.meter = counted })
	s.drop(t, "good.yaml", s.request("good", "good", "blue"))
	next(t, busy)
	s.drop(t, "bad.yaml", "job_id: bad\n...\n")
	for _, want := range []string{"finished ", "rejected " + job.CodeInvalidRequest, "stage editing", "stage saving"} {
		eventually(t, want, func() bool { return counted.has(want) })
	}
	s.drop(t, "long.yaml", s.request("long", "long", "wait"))
	next(t, busy)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if !counted.has("requeued") {
		t.Errorf("counted %q, want requeued among it", counted.list)
	}
}
