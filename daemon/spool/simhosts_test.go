package spool

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"uredit/daemon/spool/spooltest"
)

// A simSite is several hosts on one file server, each with a client that
// remembers, and the history of what they were told.
type simSite struct {
	disk   *simDisk
	watch  *simWatch
	wishes *wishes
	hosts  []*simHost
	began  time.Time

	mu    sync.Mutex
	calls []*spooltest.Call
}

// newSimSite makes a site of hosts whose clients remember names for so long.
func newSimSite(t *testing.T, hosts int, remembers time.Duration, wrap func(fileSystem) fileSystem) *simSite {
	t.Helper()
	disk, err := newSimSpool()
	if err != nil {
		t.Fatal(err)
	}
	s := &simSite{disk: disk, watch: watchOver(disk), began: time.Now(), wishes: &wishes{end: map[string]string{}, did: map[string]bool{}}}
	for i := range hosts {
		s.hosts = append(s.hosts, &simHost{name: fmt.Sprintf("gpu-%d", i), dir: t.TempDir(), disk: disk, wrap: wrap,
			wishes: s.wishes, memory: newMemories(remembers, i == 0), trace: s.note})
	}
	return s
}

// drop lays a request for each of the ends into the inbox.
func (s *simSite) drop(t *testing.T, ends ...string) {
	t.Helper()
	for i, end := range ends {
		text := fmt.Sprintf("%d to be %s", i, end)
		s.wishes.end[text] = end
		if err := dropRequest(s.disk, s.watch, text); err != nil {
			t.Fatal(err)
		}
	}
}

// note notes that a host begins something, and with what outcome it ends.
func (s *simSite) note(h *simHost, from, to string) func(error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &spooltest.Call{Process: h.name, From: from, To: to, Began: time.Since(s.began)}
	s.calls = append(s.calls, c)
	process := h.process
	return func(err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if process.dead {
			return // nobody was told
		}
		c.Ended = time.Since(s.began)
		switch {
		case err == nil:
			c.Outcome = spooltest.Done
		case errors.Is(err, ErrLost):
			c.Outcome = spooltest.Lost
		}
	}
}

// serve is a host that serves until it is told to stop: heartbeats, take-overs,
// jobs, and a new process when one died.
func (s *simSite) serve(h *simHost, stop <-chan struct{}, plan func(simOp) fault) {
	var beat time.Time
	for round := 0; ; {
		select {
		case <-stop:
			return
		default:
		}
		if h.s == nil {
			if err := h.start(plan); err != nil {
				<-time.After(5 * time.Second)
				continue
			}
		}
		if !time.Now().Before(beat) {
			beat = time.Now().Add(h.s.BeatInterval())
			_ = h.round(round) // an error makes every lease begin anew
			round++
			continue
		}
		if idle, err := h.turn(); idle || err != nil && !errors.Is(err, ErrLost) {
			<-time.After(5 * time.Second)
		}
	}
}

// round is a heartbeat, and the jobs of those that have none any more.
func (h *simHost) round(n int) (err error) {
	defer h.survive(&err)
	if n%3 == 0 {
		if err := h.s.Refresh(); err != nil {
			return err
		}
	}
	dead, err := h.s.Round("run")
	if err != nil || len(dead) == 0 {
		return err
	}
	r, err := h.s.TakeOver(dead, anyJob)
	h.takeUp(r)
	return err
}

// over reports whether every request has come to its end.
func (s *simSite) over() bool {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	over := 0
	s.disk.each(func(name string, n *node) {
		top, _, _ := strings.Cut(strings.TrimPrefix(name, "spool/"), "/")
		if path.Ext(name) == ".yaml" && s.wishes.end[string(n.data)] == top {
			over++
		}
	})
	return over == len(s.wishes.end)
}

// where returns the places of all requests.
func (s *simSite) where() (names []string) {
	s.disk.each(func(name string, n *node) {
		if path.Ext(name) == ".yaml" {
			names = append(names, fmt.Sprintf("%s (%s)", name, n.data))
		}
	})
	return names
}

// run lets the hosts serve until all is over, or for a day. It returns what was
// seen to be wrong, and why what the hosts were told does not fit together. Plans
// say what goes wrong with each host; the others are left in peace.
func (s *simSite) run(plans ...func(simOp) fault) (seen, told error) {
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i, h := range s.hosts {
		var plan func(simOp) fault
		if i < len(plans) {
			plan = plans[i]
		}
		all.Go(func() { s.serve(h, stop, plan) })
	}
	for end := time.Now().Add(24 * time.Hour); !s.over() && time.Now().Before(end); {
		<-time.After(10 * time.Second)
	}
	<-time.After(10 * time.Minute) // who stood still wakes up, and may do harm
	close(stop)
	all.Wait()
	for _, h := range s.hosts {
		h.kill()
	}
	seen = s.tidy()
	var calls []spooltest.Call
	for _, c := range s.calls {
		calls = append(calls, *c)
	}
	return seen, spooltest.Check(calls, time.Minute)
}

// tidy starts each host once more, and wants every request at its end and nothing
// left of it.
func (s *simSite) tidy() error {
	if !s.over() {
		s.watch.violate("not over after a day: %q", s.where())
	}
	for _, h := range s.hosts {
		if err := h.start(nil); err != nil {
			return err
		}
		for idle, turns := false, 0; !idle && turns < 300; turns++ {
			var err error
			if idle, err = h.turn(); err != nil && !errors.Is(err, ErrLost) {
				return err
			}
		}
		h.kill()
	}
	// A host that wakes up may reserve an output directory for a job that is over.
	// The next job that wants the directory gets it.
	inOutput := func(name string) bool { return strings.HasPrefix(name, "out-") }
	if left := slices.DeleteFunc(s.watch.litter(), inOutput); len(left) > 0 {
		s.watch.violate("left over: %q", left)
	}
	if len(s.watch.wrong) > 0 {
		return errors.New(strings.Join(s.watch.wrong, "; "))
	}
	return nil
}
