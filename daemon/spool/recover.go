package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// MaxCrashes is how many processes a job may end before it is set aside.
const MaxCrashes = 3

// Recovery is what Recover found in active.
type Recovery struct {
	Claims  []*Claim     // claimed and not yet accepted: to be examined again
	Crashed []*Claim     // ended MaxCrashes processes: to be failed
	Queued  []QueueName  // accepted jobs that wait again
	Unknown []ActiveName // of instances that may live on another host; left alone
}

// Recover takes over what earlier processes of this host held. They are dead:
// their host id is this host's, and this process holds its lock. Rank returns
// the rank of an accepted job.
//
// A process that died with one job in its hands was ended by that job; after a
// reboot nobody was. With several in its hands each is a suspect, and runs
// alone once.
func (s *Spool) Recover(rank func(job string) int) (Recovery, error) {
	var r Recovery
	names, err := s.active()
	if err != nil {
		return r, fmt.Errorf("recover: %w", err)
	}
	held := map[Instance]int{}
	for _, n := range names {
		held[n.Instance]++
	}
	for _, n := range names {
		switch {
		case n.Instance == s.instance:
			continue
		case n.Instance.HostID != s.instance.HostID:
			r.Unknown = append(r.Unknown, n)
			continue
		}
		if err := s.takeOver(&r, n, s.blame(n, held[n.Instance]), rank); err != nil && !errors.Is(err, ErrLost) {
			return r, fmt.Errorf("recover: %w", err)
		}
	}
	if err := s.sweep(); err != nil {
		return r, fmt.Errorf("recover: %w", err)
	}
	return r, nil
}

func (s *Spool) active() ([]ActiveName, error) {
	entries, err := list(s.root, ActiveDir)
	if err != nil {
		return nil, err
	}
	var names []ActiveName
	for _, e := range entries {
		if n, err := ParseActive(e.Name()); err == nil {
			names = append(names, n)
		}
	}
	return names, nil
}

// blame says what a dead process's end means for one of the held jobs.
func (s *Spool) blame(n ActiveName, held int) Mark {
	switch {
	case n.Instance.BootID != s.instance.BootID:
		return Unmarked
	case held == 1:
		return Crashed
	}
	return Suspect
}

func (s *Spool) takeOver(r *Recovery, n ActiveName, m Mark, rank func(string) int) error {
	accepted, err := contains(s.root, requestFile(n.Job))
	if err != nil {
		return err
	}
	poison := n.marked(m).Crashes >= MaxCrashes
	if accepted && !poison {
		q, err := s.requeue(n, rank(n.Job), m)
		if err == nil {
			r.Queued = append(r.Queued, q)
		}
		return err
	}
	c := &Claim{ActiveName: ActiveName{JobName: n.marked(m), Instance: s.instance}}
	c.Epoch = min(c.Epoch+1, maxEpoch)
	if err := s.move(path.Join(ActiveDir, n.String()), c.file()); err != nil {
		return fmt.Errorf("take over %s: %w", n.Job, err)
	}
	if poison {
		r.Crashed = append(r.Crashed, c)
	} else {
		r.Claims = append(r.Claims, c)
	}
	return nil
}

// sweep removes what this host's dead instances left beside names: temporary
// files and heartbeats.
func (s *Spool) sweep() error {
	for _, dir := range []string{InboxDir, RejectedDir, FailedDir, DoneDir, QueueDir, ActiveDir, RequestsDir, IDsDir} {
		if err := s.write.sweep(s.root, dir); err != nil {
			return err
		}
	}
	entries, err := list(s.root, HostsDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		base, isBeat := strings.CutSuffix(e.Name(), ".hb")
		i, err := ParseInstance(base)
		if !isBeat || err != nil || i == s.instance || i.HostID != s.instance.HostID {
			continue
		}
		if err := s.root.Remove(path.Join(HostsDir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Live reports whether a job is waiting or held by any process. A job that
// moves between the two directories is seen in one of them: active is listed
// before and after the queue.
func (s *Spool) Live(job string) (bool, error) {
	for _, dir := range []string{ActiveDir, QueueDir, ActiveDir} {
		entries, err := list(s.root, dir)
		if err != nil {
			return false, fmt.Errorf("look for %s: %w", job, err)
		}
		for _, e := range entries {
			name := e.Name()
			if dir == QueueDir {
				if q, err := ParseQueue(name); err == nil && q.Job == job {
					return true, nil
				}
			} else if a, err := ParseActive(name); err == nil && a.Job == job {
				return true, nil
			}
		}
	}
	return false, nil
}
