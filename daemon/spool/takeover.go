package spool

import (
	"fmt"
	"path"
	"slices"
	"time"
)

// TakeOver makes this process's own what dead instances of other hosts hold.
// Each job is taken by one rename that only one of several hosts can win; what
// the dead instance may still write is shut out afterwards, by emptying and
// removing its attempt's directory, before anything of the job is published.
//
// Nobody knows what ended the other host: a job that it ran is a suspect, and
// runs alone next. May says of an accepted job whether this host could go on
// with it; others are left for the hosts that can.
func (s *Spool) TakeOver(dead []Instance, may func(job string) bool) (Recovery, error) {
	mark := func(n ActiveName, accepted bool, _ int) Mark {
		if accepted {
			return Suspect
		}
		return Unmarked
	}
	from := func(n ActiveName, accepted bool) bool {
		return slices.Contains(dead, n.Instance) && (!accepted || may(n.Job))
	}
	r, err := s.seize(from, mark)
	if err != nil {
		return r, fmt.Errorf("take over: %w", err)
	}
	return r, nil
}

// Holds reports whether a claim is still this process's. A listing that is
// certainly fresh decides: a process that stood still, or was cut off, may have
// lost its jobs without having been told.
func (s *Spool) Holds(c *Claim) (bool, error) {
	looked := s.trace(c.file(), "")
	err := s.stir(ActiveDir)
	there := false
	if err == nil {
		there, err = contains(s.root, c.file())
	}
	if err != nil {
		looked(err)
		return false, fmt.Errorf("look for %s: %w", c.Job, err)
	}
	if !there {
		looked(ErrLost)
		return false, nil
	}
	looked(nil)
	return true, nil
}

// Held lists the jobs that this process holds, as the spool shows them.
func (s *Spool) Held() ([]ActiveName, error) {
	names, err := s.active()
	if err != nil {
		return nil, fmt.Errorf("list what is held: %w", err)
	}
	return slices.DeleteFunc(names, func(n ActiveName) bool { return n.Instance != s.instance }), nil
}

// Adopt takes a job anew that Held showed and that nothing in this process works
// on: the answer to the rename that took it was lost, or its publication had an
// error. What was begun with the old epoch is to be shut out as if it were
// another's.
func (s *Spool) Adopt(n ActiveName) (*Claim, error) {
	c := &Claim{ActiveName: n}
	c.Epoch = min(c.Epoch+1, maxEpoch)
	if err := s.move(path.Join(ActiveDir, n.String()), c.file()); err != nil {
		return nil, fmt.Errorf("take up %s: %w", n.Job, err)
	}
	return c, nil
}

// AcceptedAt returns when a job was accepted, by the clock of the file server.
func (s *Spool) AcceptedAt(job string) (time.Time, error) {
	info, err := s.root.Lstat(requestFile(job))
	if err != nil {
		return time.Time{}, fmt.Errorf("look for the request of %s: %w", job, err)
	}
	return info.ModTime(), nil
}

// Undecided reports whether another instance holds a request that is neither
// accepted nor rejected yet.
func (s *Spool) Undecided() (bool, error) {
	names, err := s.active()
	if err != nil {
		return false, fmt.Errorf("look for undecided requests: %w", err)
	}
	accepted, err := s.accepted()
	if err != nil {
		return false, fmt.Errorf("look for undecided requests: %w", err)
	}
	return slices.ContainsFunc(names, func(n ActiveName) bool {
		return n.Instance != s.instance && !accepted[n.Job]
	}), nil
}

// Accepted reports whether a job's request was accepted. Other jobs are to be
// examined.
func (s *Spool) Accepted(job string) (bool, error) {
	there, err := contains(s.root, requestFile(job))
	if err != nil {
		return false, fmt.Errorf("look for the request of %s: %w", job, err)
	}
	return there, nil
}

// Commit is the point after which a job is not run again: its results are
// complete and only their names are missing. Whoever takes the job over now
// goes on from there. ErrLost says that somebody did so before.
func (s *Spool) Commit(c *Claim) error {
	next := *c
	next.Committed = true
	if err := s.move(c.file(), path.Join(ActiveDir, next.ActiveName.String())); err != nil {
		return fmt.Errorf("commit %s: %w", c.Job, err)
	}
	c.Committed = true
	return nil
}
