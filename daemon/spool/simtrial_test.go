package spool

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
)

var simFormat = Format{Version: FormatVersion, ID: "0123456789abcdef", UID: os.Geteuid(), GID: os.Getegid(), Lease: DefaultLease}

// A trial is one host and one disk, on which every request comes to its end
// whatever goes wrong once.
type trial struct {
	*simHost
	watch *simWatch
	acked map[string]progress // what the spool told the host, and has to keep
	ops   int                 // of all processes so far
	seen  simOp               // the last one
}

// newTrial begins a trial with one request and the end that it is to come to.
func newTrial(dir, end string, wrap func(fileSystem) fileSystem) (*trial, error) {
	disk, err := newSimSpool()
	if err != nil {
		return nil, err
	}
	w := watchOver(disk)
	r := &trial{watch: w, simHost: &simHost{name: "gpu-1", dir: dir, disk: disk, wrap: wrap,
		wishes: &wishes{end: map[string]string{}, did: map[string]bool{}}}}
	r.wishes.end["to be "+end] = end
	return r, dropRequest(disk, w, "to be "+end)
}

// run leads the requests to their ends. Plan is asked about each operation; after
// a death the power is cut when cut says how.
func (r *trial) run(plan func(number int, op simOp) fault, cut func()) error {
	counted := func(op simOp) fault {
		r.ops++
		r.seen = op
		return plan(r.ops, op)
	}
	for range 300 {
		idle, err := false, error(nil)
		if r.s == nil {
			err = r.start(counted)
		} else {
			idle, err = r.turn()
		}
		switch {
		case errors.Is(err, errDied) && cut != nil:
			r.disk.mu.Lock()
			cut()
			r.watch.reset(r.acked)
			r.watch.look()
			for job := range r.acked {
				if !r.watch.there[job] {
					r.watch.violate("%s, which the spool took, is gone", job)
				}
			}
			r.disk.mu.Unlock()
		case err == nil:
			r.acked = maps.Clone(r.watch.progress)
		}
		if len(r.watch.wrong) > 0 {
			return errors.New(strings.Join(r.watch.wrong, "; "))
		}
		if idle && err == nil {
			return r.finish()
		}
	}
	return fmt.Errorf("stuck: %q", r.watch.litter())
}

// finish starts the host once more, and wants every request at its end and
// nothing left of it.
func (r *trial) finish() error {
	r.kill()
	if err := r.start(nil); err != nil {
		return err
	}
	for idle := false; !idle; {
		var err error
		if idle, err = r.turn(); err != nil {
			return err
		}
	}
	r.kill()
	if left := r.watch.litter(); len(left) > 0 {
		return fmt.Errorf("left over: %q", left)
	}
	ends := map[string]string{}
	r.disk.each(func(name string, n *node) {
		if end := r.wishes.end[string(n.data)]; end != "" {
			ends[end] = name
		} else if strings.HasSuffix(name, "junk.txt") && string(n.data) == "somebody's" {
			ends["junk"] += "."
		}
	})
	for _, end := range r.wishes.end {
		if !strings.HasPrefix(ends[end], "spool/"+end+"/") {
			return fmt.Errorf("what is to be %s is %s", end, ends[end])
		}
	}
	if len(ends["junk"]) != 13 {
		return fmt.Errorf("%d of 13 files of somebody are as they were", len(ends["junk"]))
	}
	return nil
}
