package spool

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// simFaults are what may go wrong with one operation of its kinds; without kinds,
// with any.
var simFaults = []struct {
	name  string
	kinds string
	fault fault
}{
	{"ENOENT, done", "rename remove", fault{answer: syscall.ENOENT, done: true}},
	{"EEXIST, done", "link mkdir create", fault{answer: syscall.EEXIST, done: true}},
	{"EIO, done", "rename remove link mkdir create write sync close", fault{answer: syscall.EIO, done: true}},
	{"EIO", "", fault{answer: syscall.EIO}},
	{"ESTALE", "", fault{answer: syscall.ESTALE}},
	{"EINTR", "", fault{answer: syscall.EINTR}},
	{"ENOSPC", "rename link mkdir create write sync close", fault{answer: syscall.ENOSPC}},
	{"EDQUOT", "rename link mkdir create write sync close", fault{answer: syscall.EDQUOT}},
	{"hangs", "", fault{hang: 2 * time.Minute}},
	{"dies before", "", fault{answer: syscall.EINTR, die: true}},
	{"dies after", "", fault{die: true}},
}

// simEnds are the ends that a request may come to.
var simEnds = []string{"done", "failed", "rejected"}

// calmLife returns the operations of a life in which nothing goes wrong.
func calmLife(t *testing.T, dir, end string) (ops []simOp) {
	t.Helper()
	r, err := newTrial(dir, end, nil)
	if err == nil {
		err = r.run(func(_ int, op simOp) fault { ops = append(ops, op); return fault{} }, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s after %d operations", end, len(ops))
	return ops
}

// TestEveryFault: whatever goes wrong with any single operation in the life of
// a request, it comes to its one end, and nothing is left over.
func TestEveryFault(t *testing.T) {
	for _, f := range simFaults {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				for _, end := range simEnds {
					for at, op := range calmLife(t, dir, end) {
						if f.kinds != "" && !strings.Contains(f.kinds, op.kind) {
							continue
						}
						r, err := newTrial(dir, end, nil)
						if err != nil {
							t.Fatal(err)
						}
						plan := func(number int, _ simOp) fault {
							if number != at+1 {
								return fault{}
							}
							return f.fault
						}
						if err := r.run(plan, nil); err != nil {
							t.Errorf("%s, operation %d, %s %s: %v", end, at+1, op.kind, op.name, err)
						}
					}
				}
			})
		})
	}
}

// A powerCut is which of the unsynced changes and how much of unsynced content
// are there after it.
type powerCut struct {
	name string
	kept func(i, n int) bool // of n changes the one at i
	torn int                 // hundredths of a file's content
}

var powerCuts = []powerCut{
	{"nothing", func(int, int) bool { return false }, 0},
	{"half of what was written", func(int, int) bool { return true }, 50},
	{"names alone", func(int, int) bool { return true }, 0},
	{"the first change", func(i, _ int) bool { return i == 0 }, 0},
	{"all but the first change", func(i, _ int) bool { return i > 0 }, 50},
	{"the last change", func(i, n int) bool { return i == n-1 }, 100},
	{"all but the last change", func(i, n int) bool { return i < n-1 }, 50},
}

// leaves describes what the power cut leaves of so many changes, and of content
// that is synced or not.
func (p powerCut) leaves(n int, synced bool) string {
	var kept []int
	for i := range n {
		if p.kept(i, n) {
			kept = append(kept, i)
		}
	}
	if synced {
		return fmt.Sprint(kept)
	}
	return fmt.Sprint(kept, p.torn)
}

// cutEverywhere cuts the power after each operation of a life, and returns the
// first things that went wrong, at most so many.
func cutEverywhere(t *testing.T, wrap func(fileSystem) fileSystem, most int) (wrong []string) {
	t.Helper()
	dir := t.TempDir()
	pending, synced := 0, false // when the power was cut
	for _, end := range simEnds {
		for at, op := range calmLife(t, dir, end) {
			left := map[string]bool{} // what power cuts at this point have left
			for _, cut := range powerCuts {
				if len(left) > 0 && left[cut.leaves(pending, synced)] {
					continue
				}
				r, err := newTrial(dir, end, wrap)
				if err != nil {
					t.Fatal(err)
				}
				plan := func(number int, _ simOp) fault { return fault{die: number == at+1} }
				err = r.run(plan, func() {
					pending, synced = len(r.disk.pending), r.disk.synced()
					r.disk.cut(func(i int) bool { return cut.kept(i, pending) }, cut.torn)
				})
				left[cut.leaves(pending, synced)] = true
				if err != nil {
					wrong = append(wrong, fmt.Sprintf("%s, %s survives a power cut after operation %d, %s %s: %v", end, cut.name, at+1, op.kind, op.name, err))
				}
				if len(wrong) == most {
					return wrong
				}
			}
		}
	}
	return wrong
}

// TestPowerCut: whenever the power goes, and whatever it leaves of what was not
// synced, what the spool told anybody is still so, and the request comes to its
// end.
func TestPowerCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, w := range cutEverywhere(t, nil, 5) {
			t.Error(w)
		}
	})
}

// forgetful is the mistake of a spool that does not sync directories.
type forgetful struct{ fileSystem }

func (m forgetful) Open(name string) (file, error) {
	f, err := m.fileSystem.Open(name)
	if err != nil {
		return nil, err
	}
	return forgetfulFile{f}, nil
}

type forgetfulFile struct{ file }

func (forgetfulFile) Sync() error { return nil }

// TestPowerCutCatches: power cuts that find no mistake prove nothing.
func TestPowerCutCatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong := cutEverywhere(t, func(f fileSystem) fileSystem { return forgetful{f} }, 1)
		if len(wrong) == 0 {
			t.Fatal("nobody noticed that directories are not synced")
		}
		t.Logf("caught: %s", wrong[0])
	})
}
