package daemon

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"uredit/daemon/job"
)

var soakJobs = flag.Int("soak.jobs", 120, "jobs of the soak test")

// What a daemon may hold more of after many jobs than after a hundred.
const (
	soakFirst = 100
	moreHeap  = 1 << 20  // bytes in use after a collection
	moreRSS   = 24 << 20 // bytes; what the collector keeps for itself varies
)

// holdings is what a process holds.
type holdings struct {
	goroutines, files int
	heap, rss         int64 // bytes
}

func (h holdings) String() string {
	return fmt.Sprintf("%d goroutines, %d open files, %d kB in use, %d MB resident", h.goroutines, h.files, h.heap>>10, h.rss>>20)
}

// counter is a Meter that counts ends.
type counter struct {
	nobody
	ended atomic.Int64
}

func (c *counter) JobEnded(job.Outcome, string) { c.ended.Add(1) }

// TestSoak runs job after job, that end in every way, through one daemon with
// four devices. It holds as much at the end as after the first hundred, or quarter.
func TestSoak(t *testing.T) {
	s := newSite(t)
	count := &counter{}
	d := s.start(t, 4, func(r *running) {
		r.meter, r.note.log = count, slog.New(slog.DiscardHandler)
		r.log = r.note.log // the log of a test is kept in memory
	})
	dropped := 0
	run := func(upTo int) {
		const atOnce = 20 // each in an output directory of its own
		for dropped < upTo {
			for i := range min(atOnce, upTo-dropped) {
				s.drop(t, fmt.Sprintf("%d.yaml", i), s.soaked(dropped, i))
				dropped++
			}
			eventually(t, fmt.Sprintf("the end of %d jobs", dropped), func() bool { return count.ended.Load() == int64(dropped) })
			s.settled(t)
		}
	}
	run(min(soakFirst, *soakJobs/4))
	before := hold(t, d)
	t.Logf("after %d jobs: %v", dropped, before)
	run(*soakJobs)
	after := hold(t, d)
	t.Logf("after %d jobs: %v", dropped, after)
	if after.goroutines > before.goroutines || after.files > before.files {
		t.Error("goroutines or open files are left by jobs that are over")
	}
	if after.heap-before.heap > moreHeap || after.rss-before.rss > moreRSS {
		t.Error("memory grows with the number of jobs that are over")
	}
}

// soaked returns the text of the n-th request; of ten, one fails, one is rejected
// and one breaks the engine.
func (s site) soaked(n, slot int) string {
	id, edit, more := fmt.Sprintf("job_%d", slot), fmt.Sprintf("blue %d", n), ""
	switch n % 10 {
	case 3:
		edit = "fault broken"
	case 5:
		more = "steps: 3" // no such key
	case 7:
		edit = "panic"
	}
	return s.request(id, fmt.Sprintf("out_%d", slot), edit, more)
}

// hold returns what this process holds when its daemon is at rest: a goroutine of
// the last job may still be on its way out.
func hold(t *testing.T, d *running) holdings {
	t.Helper()
	var h holdings
	last := -1
	eventually(t, "a daemon at rest", func() bool {
		h.goroutines = runtime.NumGoroutine()
		still := h.goroutines == last && d.dispatcher.Running() == 0
		last = h.goroutines
		return still
	})
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	h.files = len(files)
	debug.FreeOSMemory() // collects first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.heap = int64(m.HeapAlloc)
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(data))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	h.rss = pages * int64(os.Getpagesize())
	return h
}
