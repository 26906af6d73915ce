package spool

import (
	"errors"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// standStill lets a host stand still at each operation, for longer than its lease,
// while another one goes on with its job, and calls f with what was wrong until f
// returns false.
func standStill(t *testing.T, end string, holds func(*simHost, *Claim) (bool, error), f func(op simOp, seen, told error) bool) {
	t.Helper()
	for at := 1; ; at++ {
		s := newSimSite(t, 2, time.Hour, nil)
		s.drop(t, end)
		s.hosts[0].holds = holds
		stood, late := simOp{}, false
		first := func(op simOp) fault {
			if op.number != at {
				return fault{}
			}
			stood, late = op, s.over()
			return fault{hang: 2*DefaultLease + time.Minute}
		}
		second := func(op simOp) fault { // comes later: the first one has the job
			if op.number == 1 {
				return fault{hang: 30 * time.Second}
			}
			return fault{}
		}
		seen, told := s.run(first, second)
		if !f(stood, seen, told) {
			return
		}
		if late || stood.number == 0 {
			t.Logf("stood still at %d operations", at-1)
			return
		}
	}
}

// TestStandStill: at whatever operation a host stands still, another one goes on
// with its job, and it does no harm when it wakes up.
func TestStandStill(t *testing.T) {
	for _, end := range simEnds {
		t.Run(end, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				standStill(t, end, nil, func(op simOp, seen, told error) bool {
					if seen != nil || told != nil {
						t.Errorf("operation %d, %s %s: %v; %v", op.number, op.kind, op.name, seen, told)
					}
					return true
				})
			})
		})
	}
}

// touching is the mistake of taking a job for one's own as long as its file can
// be touched.
func touching(h *simHost, c *Claim) (bool, error) {
	ended := h.trace(h, c.file(), "")
	_, err := h.s.root.Stat(c.file()) // a touch finds the file in the same way
	if errors.Is(err, syscall.ENOENT) {
		err = ErrLost
	}
	ended(err)
	return err == nil, err
}

// TestStandStillCatches: the owner of a job that touches its file is told that it
// has it when another one does.
func TestStandStillCatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var caught error
		standStill(t, "done", touching, func(op simOp, _, told error) bool {
			caught = told
			return caught == nil
		})
		if caught == nil {
			t.Error("nobody noticed")
		}
		t.Logf("caught: %v", caught)
	})
}

// loseAnswers loses the answer of each rename of a life in turn, and calls f with
// what was wrong until f returns false.
func loseAnswers(t *testing.T, wrap func(fileSystem) fileSystem, f func(op simOp, seen, told error) bool) {
	t.Helper()
	for at := 1; ; at++ {
		s := newSimSite(t, 1, time.Hour, wrap)
		s.drop(t, "done")
		renames, lost := 0, simOp{}
		seen, told := s.run(func(op simOp) fault {
			if op.kind != "rename" {
				return fault{}
			}
			if renames++; renames != at {
				return fault{}
			}
			lost = op
			return fault{answer: syscall.ENOENT, done: true}
		})
		if !f(lost, seen, told) || lost.number == 0 {
			return
		}
	}
}

// TestLostAnswer: a rename that happened without saying so is found to have
// happened, by a client that remembers.
func TestLostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loseAnswers(t, nil, func(op simOp, seen, told error) bool {
			if seen != nil || told != nil {
				t.Errorf("operation %d, %s %s: %v; %v", op.number, op.kind, op.name, seen, told)
			}
			return true
		})
	})
}

// weather is what goes wrong with a host's operations, at random, in bursts: where
// one answer got lost, the next one is likely to be lost as well.
type weather struct {
	rng    *rand.Rand
	deaths *int // that are left to all hosts together
	ops    int  // that are left until all is calm
	storm  int  // operations of the burst that are left
}

func (w *weather) fault(op simOp) fault {
	if w.ops--; w.ops < 0 {
		return fault{}
	}
	if w.storm == 0 && w.rng.IntN(60) == 0 {
		w.storm = w.rng.IntN(12)
	}
	if w.storm == 0 {
		return fault{}
	}
	w.storm--
	switch n := w.rng.IntN(100); {
	case n < 30 && (op.kind == "rename" || op.kind == "remove"):
		return fault{answer: syscall.ENOENT, done: true}
	case n < 30 && (op.kind == "link" || op.kind == "mkdir" || op.kind == "create"):
		return fault{answer: syscall.EEXIST, done: true}
	case n < 50:
		errs := []error{syscall.EIO, syscall.ESTALE, syscall.EINTR}
		return fault{answer: errs[w.rng.IntN(len(errs))], done: op.changes() && w.rng.IntN(2) == 0}
	case n < 52 && *w.deaths > 0:
		*w.deaths--
		return fault{die: true}
	case n < 54:
		return fault{hang: time.Duration(w.rng.IntN(120)) * time.Second}
	case n < 55:
		return fault{hang: DefaultLease + time.Duration(w.rng.IntN(300))*time.Second}
	}
	return fault{}
}

// storm lets three hosts serve six requests in bad weather, and returns what was
// wrong.
func storm(t *testing.T, seed uint64, wrap func(fileSystem) fileSystem) (seen, told error) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	remembers := []time.Duration{30 * time.Second, time.Hour}[seed%2]
	s := newSimSite(t, 3, remembers, wrap)
	s.drop(t, slices.Concat(simEnds, simEnds)...)
	deaths := MaxCrashes - 1 // one more, and a job may be set aside
	var plans []func(simOp) fault
	for range s.hosts {
		w := &weather{rng: rand.New(rand.NewPCG(seed, rng.Uint64())), deaths: &deaths, ops: 2000}
		plans = append(plans, w.fault)
	}
	return s.run(plans...)
}

// TestStorm: three hosts whose share answers late, wrongly, not at all or from
// memory, and some of whom die or stand still, bring every request to its end,
// once; and what they were told fits together.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(40) {
			if seen, told := storm(t, seed, nil); seen != nil || told != nil {
				t.Errorf("seed %d: %v; %v", seed, seen, told)
			}
		}
	})
}
