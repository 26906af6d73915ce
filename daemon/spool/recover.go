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
	Ended   []string     // over, but their process did not live to Forget them
	Unknown []ActiveName // of instances that may live on another host; left alone
}

// Recover takes over what earlier processes of this host held. They are dead:
// their host id is this host's, and this process holds its lock. Rank returns
// the rank of an accepted job.
//
// A process that died with one job in its hands was ended by that job; after a
// reboot nobody was, nor when its heartbeat is gone: then it closed the spool
// and could not give the job back. With several in its hands each is a suspect,
// and runs alone once.
func (s *Spool) Recover(rank func(job string) int) (Recovery, error) {
	var r Recovery
	names, err := s.active()
	if err != nil {
		return r, fmt.Errorf("recover: %w", err)
	}
	accepted, err := s.accepted()
	if err != nil {
		return r, fmt.Errorf("recover: %w", err)
	}
	beating, err := s.beating()
	if err != nil {
		return r, fmt.Errorf("recover: %w", err)
	}
	// A job that runs is blamed without regard to the claims beside it, which
	// only wait to be examined; of those one alone is examined at a time.
	type hand struct {
		Instance
		accepted bool
	}
	held := map[hand]int{}
	for _, n := range names {
		held[hand{n.Instance, accepted[n.Job]}]++
	}
	for _, n := range names {
		switch {
		case n.Instance == s.instance:
			continue
		case n.Instance.HostID != s.instance.HostID:
			r.Unknown = append(r.Unknown, n)
			continue
		}
		mark := Unmarked
		if beating[n.Instance] {
			mark = s.blame(n, held[hand{n.Instance, accepted[n.Job]}])
		}
		if err := s.takeOver(&r, n, mark, accepted[n.Job], rank); err != nil && !errors.Is(err, ErrLost) {
			return r, fmt.Errorf("recover: %w", err)
		}
	}
	for j := range accepted {
		live, err := s.Live(j)
		if err != nil {
			return r, fmt.Errorf("recover: %w", err)
		}
		if !live {
			r.Ended = append(r.Ended, j)
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

// beating returns the instances whose heartbeat is there, whether it moves or
// not: those that did not close the spool.
func (s *Spool) beating() (map[Instance]bool, error) {
	entries, err := list(s.root, HostsDir)
	if err != nil {
		return nil, err
	}
	there := make(map[Instance]bool, len(entries))
	for _, e := range entries {
		base, isBeat := strings.CutSuffix(e.Name(), beatSuffix)
		if i, err := ParseInstance(base); isBeat && err == nil {
			there[i] = true
		}
	}
	return there, nil
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

// accepted returns the jobs whose requests are kept.
func (s *Spool) accepted() (map[string]bool, error) {
	entries, err := list(s.root, RequestsDir)
	if err != nil {
		return nil, err
	}
	jobs := make(map[string]bool, len(entries))
	for _, e := range entries {
		if j, isYAML := strings.CutSuffix(e.Name(), ".yaml"); isYAML {
			jobs[j] = true
		}
	}
	return jobs, nil
}

func (s *Spool) takeOver(r *Recovery, n ActiveName, m Mark, accepted bool, rank func(string) int) error {
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
	beating, err := s.beating()
	if err != nil {
		return err
	}
	for i := range beating {
		if i == s.instance || i.HostID != s.instance.HostID {
			continue
		}
		if err := s.root.Remove(beatFile(i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
