package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// died is how a test ends a process in the middle of a rename.
type died struct{}

// life leads one job from the inbox to its record, the long way round: it is held,
// released, ranked anew, taken, given back, taken again, committed. What it does
// next it learns from the spool, as a process does that knows nothing else.
type life struct {
	t         *testing.T
	s         *Spool
	root, own string
	c         *Claim // when this process holds the job
	epoch     int    // the highest so far
	did       map[string]bool
}

// open opens the spool as the same host, after a death or at first.
func (l *life) open() {
	l.t.Helper()
	s, err := Open(l.root, Options{HostDir: l.own, Host: "gpu-1"})
	if err != nil {
		l.t.Fatal(err)
	}
	l.s, l.c = s, nil
	r, err := s.Recover()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, list := range [][]*Claim{r.Claims, r.Jobs, r.Committed, r.Crashed} {
		for _, c := range list {
			l.c = c
		}
	}
}

// die leaves everything as a killed process does.
func (l *life) die() {
	l.s.beat.lose()
	l.s.lock.Close()
	l.s.root.Close()
}

// step does the next thing; over says that the job has its record.
func (l *life) step(job string) (over bool, err error) {
	file, err := l.s.find(job)
	if err != nil {
		return false, err
	}
	once := func(what string, do func() error) error {
		err := do()
		if err == nil {
			l.did[what] = true
		}
		return err
	}
	switch filepath.Dir(file) {
	case HeldDir:
		return false, once("release", func() error {
			held, err := l.s.OnHold()
			if err == nil {
				_, err = l.s.Release(held[0])
			}
			return err
		})
	case QueueDir:
		queue, err := l.s.Queue()
		if err != nil {
			return false, err
		}
		switch q := queue[0]; {
		case !l.did["hold"]:
			return false, once("hold", func() error { return l.s.Hold(q) })
		case !l.did["rank"]:
			return false, once("rank", func() error { return l.s.Rerank(q, 1) })
		default:
			l.c, err = l.s.Take(q)
			return false, err
		}
	case ActiveDir:
		return false, l.hold(filepath.Base(file), once)
	}
	return true, nil
}

// hold goes on with a job that is in active.
func (l *life) hold(name string, once func(string, func() error) error) error {
	n, err := ParseActive(name)
	if err != nil {
		return err
	}
	if l.c == nil || l.c.ActiveName != n {
		l.c, err = l.s.Adopt(n)
		return err
	}
	accepted, err := l.s.Accepted(n.Job)
	switch {
	case err != nil:
		return err
	case !accepted:
		_, err := l.s.Enqueue(l.c, []byte("the request"), 5)
		return err
	case n.Committed:
		return l.s.Done(l.c)
	case n.Epoch > 1 && !l.did["give back"]:
		return once("give back", func() error { _, err := l.s.Requeue(l.c, 1, Tried); return err })
	case n.Epoch == 1: // accepted, and its process died before it was queued
		_, err := l.s.Enqueue(l.c, []byte("the request"), 5)
		return err
	}
	return l.s.Commit(l.c)
}

// check counts the names of the job, and compares its epoch.
func (l *life) check() {
	l.t.Helper()
	var there []string
	for _, name := range files(l.t, l.s) {
		base := filepath.Base(name)
		if strings.HasPrefix(name, RequestsDir) || strings.HasPrefix(name, HostsDir) || base == "FORMAT" || base[0] == '.' {
			continue
		}
		there = append(there, name)
	}
	if len(there) != 1 {
		l.t.Fatalf("the job is in %q", there)
	}
	_, rest, _ := strings.Cut(there[0], ".e")
	var epoch int
	if _, err := fmt.Sscanf(rest, "%04d", &epoch); err == nil {
		if epoch < l.epoch {
			l.t.Fatalf("the epoch fell from %d to %d", l.epoch, epoch)
		}
		l.epoch = epoch
	}
}

// TestEveryRename: whatever happens to any single rename of a job's life, and
// whether its process lives to see it or not, the job comes to its one record.
func TestEveryRename(t *testing.T) {
	faults := map[string]func(done error) error{
		"done, ENOENT": func(err error) error { return cmpErr(err, syscall.ENOENT) },
		"done, EIO":    func(err error) error { return cmpErr(err, syscall.EIO) },
		"EIO":          nil, "ESTALE": nil, "ENOSPC": nil, "EDQUOT": nil, "EINTR": nil,
		"dies before": nil, "dies after": nil,
	}
	errno := map[string]error{"EIO": syscall.EIO, "ESTALE": syscall.ESTALE, "ENOSPC": syscall.ENOSPC, "EDQUOT": syscall.EDQUOT, "EINTR": syscall.EINTR}
	for name, lie := range faults {
		t.Run(name, func(t *testing.T) {
			at := 1
			for ; ; at++ {
				if renames := liveThrough(t, at, name, lie, errno[name]); renames < at {
					break
				}
			}
			if at < 8 {
				t.Errorf("a life had %d renames only", at-1)
			}
		})
	}
}

// cmpErr returns the lie, or the error of a rename that did not happen.
func cmpErr(err, lie error) error {
	if err != nil {
		return err
	}
	return lie
}

// liveThrough leads a job through its life, in which one rename goes wrong, and
// returns how many renames there were.
func liveThrough(t *testing.T, at int, name string, lie func(error) error, errno error) (renames int) {
	t.Helper()
	dir := t.TempDir()
	l := &life{t: t, root: filepath.Join(dir, "spool"), own: filepath.Join(dir, "own"), did: map[string]bool{}}
	l.open()
	drop(t, l.s, "x.yaml", "the request")
	entries, err := l.s.Scan()
	if err != nil {
		t.Fatal(err)
	}
	if l.c, err = l.s.Claim(entries[0]); err != nil {
		t.Fatal(err)
	}
	job := l.c.Job
	disk := l.s.root
	rename := func(oldName, newName string) error {
		renames++
		switch {
		case renames != at:
			return disk.Rename(oldName, newName)
		case name == "dies before":
			panic(died{})
		case name == "dies after":
			if err := disk.Rename(oldName, newName); err != nil {
				t.Fatal(err)
			}
			panic(died{})
		case lie != nil:
			return lie(disk.Rename(oldName, newName))
		}
		return &os.LinkError{Op: "rename", Old: oldName, New: newName, Err: errno}
	}
	l.s.root = renamer{disk, rename}
	for range 60 {
		over, err := l.tryStep(job)
		if errors.Is(err, errDied) {
			l.open()
			disk = l.s.root
			l.s.root = renamer{disk, rename}
		}
		if l.check(); over {
			l.die()
			return renames
		}
	}
	t.Fatalf("rename %d: the job is stuck in %q", at, files(t, l.s))
	return 0
}

var errDied = errors.New("the process died")

func (l *life) tryStep(job string) (over bool, err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case died:
			l.die()
			err = errDied
		default:
			panic(v)
		}
	}()
	return l.step(job)
}
