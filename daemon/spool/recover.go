package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// MaxCrashes is how many processes a job may end before it is set aside.
const MaxCrashes = 3

// Recovery is what was taken from dead instances. Every claim has a new epoch
// and is this process's.
type Recovery struct {
	Claims    []*Claim     // claimed and not yet accepted: to be examined again
	Jobs      []*Claim     // accepted: to be fenced and queued again
	Committed []*Claim     // complete: to be published
	Crashed   []*Claim     // ended MaxCrashes processes: to be failed
	Ended     []string     // over, but their process did not live to Forget them
	Unknown   []ActiveName // of instances that may live on another host; left alone
}

// Recover takes what earlier processes of this host held. They are dead: their
// host id is this host's, and this process holds its lock; or, on a local disk,
// nobody holds the lock of their heartbeat.
//
// A process that died with one job in its hands was ended by that job; after a
// reboot nobody was, nor when its heartbeat is gone: then it closed the spool
// and could not give the job back. With several in its hands each is a suspect,
// and runs alone once.
func (s *Spool) Recover() (Recovery, error) {
	r, err := s.recover()
	if err != nil {
		return r, fmt.Errorf("recover: %w", err)
	}
	return r, nil
}

func (s *Spool) recover() (Recovery, error) {
	beating, err := s.beating()
	if err != nil {
		return Recovery{}, err
	}
	over := s.over(beating)
	own := func(n ActiveName, _ bool) bool {
		return n.Instance.HostID == s.instance.HostID || over[n.Instance]
	}
	r, err := s.seize(own, func(n ActiveName, _ bool, held int) Mark {
		if !beating[n.Instance] {
			return Unmarked
		}
		return s.blame(n, held)
	})
	if err != nil {
		return r, err
	}
	if err := s.finishRecords(); err != nil {
		return r, err
	}
	if r.Ended, err = s.ended(); err != nil {
		return r, err
	}
	if err := s.releaseOrphans(r.Ended); err != nil {
		return r, err
	}
	return r, s.sweep(over)
}

// ended returns the jobs that are over and of which something is kept with the
// requests: all of it, or what came there too late.
func (s *Spool) ended() ([]string, error) {
	entries, err := names(s.root, RequestsDir)
	if err != nil {
		return nil, err
	}
	kept := map[string]bool{}
	for _, e := range entries {
		if job, _, _ := strings.Cut(e, "."); isJob(job) {
			kept[job] = true
		}
	}
	live := map[string]bool{}
	note := func(job, _ string) bool { live[job] = true; return false }
	if err := s.eachLive(note); err != nil {
		return nil, err
	}
	var over []string
	for j := range kept {
		if live[j] {
			continue
		}
		// One that moved to and fro between the listings is looked for once more.
		live, err := s.Live(j)
		if err != nil {
			return nil, err
		}
		if !live {
			over = append(over, j)
		}
	}
	slices.Sort(over)
	return over, nil
}

// seize takes what the dead hold and may be taken. The mark of each says what the end of its
// process means for it, which held so many jobs of its kind.
func (s *Spool) seize(dead func(n ActiveName, accepted bool) bool, mark func(n ActiveName, accepted bool, held int) Mark) (Recovery, error) {
	var r Recovery
	names, err := s.active()
	if err != nil {
		return r, err
	}
	accepted, err := s.accepted()
	if err != nil {
		return r, err
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
		case !dead(n, accepted[n.Job]):
			r.Unknown = append(r.Unknown, n)
			continue
		}
		ok := accepted[n.Job]
		m := mark(n, ok, held[hand{n.Instance, ok}])
		if err := s.takeOver(&r, n, m, ok); err != nil && !errors.Is(err, ErrLost) {
			return r, err
		}
	}
	return r, nil
}

func (s *Spool) active() ([]ActiveName, error) {
	entries, err := names(s.root, ActiveDir)
	if err != nil {
		return nil, err
	}
	var names []ActiveName
	for _, e := range entries {
		if n, err := ParseActive(e); err == nil {
			names = append(names, n)
		}
	}
	return names, nil
}

// beating returns the instances whose heartbeat is there, whether it moves or
// not: those that did not close the spool.
func (s *Spool) beating() (map[Instance]bool, error) {
	entries, err := names(s.root, HostsDir)
	if err != nil {
		return nil, err
	}
	there := make(map[Instance]bool, len(entries))
	for _, e := range entries {
		base, isBeat := strings.CutSuffix(e, beatSuffix)
		if i, err := ParseInstance(base); isBeat && err == nil {
			there[i] = true
		}
	}
	return there, nil
}

// blame says what a dead process's end means for one of the held jobs.
func (s *Spool) blame(n ActiveName, held int) Mark {
	switch {
	case n.Committed, n.Instance.BootID != s.instance.BootID:
		return Unmarked
	case held == 1:
		return Crashed
	}
	return Suspect
}

// accepted returns the jobs whose requests are kept.
func (s *Spool) accepted() (map[string]bool, error) {
	entries, err := names(s.root, RequestsDir)
	if err != nil {
		return nil, err
	}
	jobs := make(map[string]bool, len(entries))
	for _, e := range entries {
		if j, isYAML := strings.CutSuffix(e, ".yaml"); isYAML {
			jobs[j] = true
		}
	}
	return jobs, nil
}

// takeOver renames a dead instance's name to one of this process's, with the
// next epoch. Only who wins that rename goes on with the job.
func (s *Spool) takeOver(r *Recovery, n ActiveName, m Mark, accepted bool) error {
	c := &Claim{ActiveName: ActiveName{JobName: n.marked(m), Instance: s.instance, Committed: n.Committed}}
	c.Epoch = min(c.Epoch+1, maxEpoch)
	if err := s.move(path.Join(ActiveDir, n.String()), c.file()); err != nil {
		return fmt.Errorf("take over %s: %w", n.Job, err)
	}
	switch {
	case c.Committed:
		r.Committed = append(r.Committed, c)
	case c.Crashes >= MaxCrashes:
		r.Crashed = append(r.Crashed, c)
	case accepted:
		r.Jobs = append(r.Jobs, c)
	default:
		r.Claims = append(r.Claims, c)
	}
	return nil
}

// sweep removes what this host's dead instances left beside names: temporary
// files, and heartbeats, those that are over included.
func (s *Spool) sweep(over map[Instance]bool) error {
	for _, dir := range []string{InboxDir, ControlDir, RejectedDir, FailedDir, DoneDir, QueueDir, HeldDir, ActiveDir, RequestsDir, IDsDir, HostsDir} {
		if err := s.write.sweep(s.root, dir); err != nil {
			return err
		}
	}
	beating, err := s.beating()
	if err != nil {
		return err
	}
	for i := range beating {
		if i == s.instance || i.HostID != s.instance.HostID && !over[i] {
			continue
		}
		_ = s.root.Remove(vitalsFile(i)) // without a heartbeat it says nothing
		if err := s.root.Remove(beatFile(i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
