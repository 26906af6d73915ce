package spool

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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
			wishes: s.wishes, memory: newMemories(remembers, i == 0), trace: s.transition})
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

// call notes that a host begins something, and returns what notes its outcome.
func (s *simSite) call(h *simHost, from, to string) func(spooltest.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &spooltest.Call{Process: h.name, From: from, To: to, Began: time.Since(s.began)}
	s.calls = append(s.calls, c)
	process := h.process
	return func(o spooltest.Outcome) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !process.dead {
			c.Ended, c.Outcome = time.Since(s.began), o
		}
	}
}

func (s *simSite) transition(h *simHost, from, to string) func(error) {
	ended := s.call(h, from, to)
	return func(err error) {
		switch {
		case err == nil:
			ended(spooltest.Done)
		case errors.Is(err, ErrLost):
			ended(spooltest.Lost)
		}
	}
}

// watched notes how a host asks whether it holds a job.
func (s *simSite) watched(h *simHost, holds func(*Claim) (bool, error)) func(*Claim) (bool, error) {
	return func(c *Claim) (bool, error) {
		ended := s.call(h, c.file(), "")
		held, err := holds(c)
		if err == nil {
			ended(map[bool]spooltest.Outcome{true: spooltest.Done, false: spooltest.Lost}[held])
		}
		return held, err
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
			h.holds = s.watched(h, h.holds)
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

// run lets the hosts serve until all is over, or for a day, and returns what was
// wrong. Plans, where there are any, say what goes wrong with each host.
func (s *simSite) run(plans ...func(simOp) fault) error {
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
	return s.verdict()
}

// verdict looks at the site after its hosts ended, and each began once more.
func (s *simSite) verdict() error {
	if !s.over() {
		return fmt.Errorf("not over after a day: %q", s.watch.litter())
	}
	for _, h := range s.hosts {
		h.kill()
	}
	for _, h := range s.hosts {
		if err := h.start(nil); err != nil {
			return err
		}
		for idle := false; !idle; {
			var err error
			if idle, err = h.turn(); err != nil && !errors.Is(err, ErrLost) {
				return err
			}
		}
		h.kill()
	}
	if left := s.watch.litter(); len(left) > 0 {
		s.watch.violate("left over: %q", left)
	}
	if len(s.watch.wrong) > 0 {
		return errors.New(strings.Join(s.watch.wrong, "; "))
	}
	var calls []spooltest.Call
	for _, c := range s.calls {
		calls = append(calls, *c)
	}
	return spooltest.Check(calls, time.Minute)
}

// TestStandStill: at whatever operation a host stands still, for longer than its
// lease, another one goes on with its job, and it does no harm when it wakes up.
func TestStandStill(t *testing.T) {
	for _, end := range simEnds {
		t.Run(end, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for at := 1; ; at++ {
					s := newSimSite(t, 2, time.Hour, nil)
					s.drop(t, end)
					stood, late := simOp{}, false
					first := func(op simOp) fault {
						if op.number != at {
							return fault{}
						}
						stood, late = op, s.over()
						return fault{hang: 2*DefaultLease + time.Minute}
					}
					// The other host comes later: the first one has the job.
					second := func(op simOp) fault {
						if op.number == 1 {
							return fault{hang: 30 * time.Second}
						}
						return fault{}
					}
					if err := s.run(first, second); err != nil {
						t.Errorf("operation %d, %s %s: %v", at, stood.kind, stood.name, err)
					}
					if late || stood.number == 0 {
						t.Logf("%d operations", at-1)
						return
					}
				}
			})
		})
	}
}
