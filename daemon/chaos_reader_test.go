package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// reader is a user's program that polls status.json on a machine of its own, the
// way an older system's does: it looks whether there is one, opens it and decodes
// it, and takes any error for a failed job.
type reader struct {
	site site // as its machine sees it

	mu     sync.Mutex
	live   []string // the job_ids to look at
	last   map[string]job.Status
	reads  int
	faults []string // what such a program would have told its user by mistake
	once   sync.Once
	ended  chan struct{}
	wait   sync.WaitGroup
}

func startReader(s site, pause time.Duration) *reader {
	r := &reader{site: s, last: map[string]job.Status{}, ended: make(chan struct{})}
	r.wait.Go(func() {
		for {
			select {
			case <-r.ended:
				return
			case <-time.After(pause):
			}
			r.mu.Lock()
			live := slices.Clone(r.live)
			r.mu.Unlock()
			for _, id := range live {
				r.look(id)
			}
		}
	})
	return r
}

// follow makes the reader look at a job until it is over.
func (r *reader) follow(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live = append(r.live, id)
}

// stop ends the reader. After it, faults is what it was wrong about.
func (r *reader) stop() {
	r.once.Do(func() { close(r.ended) })
	r.wait.Wait()
}

// look is one poll.
func (r *reader) look(id string) {
	st, err := r.read(id)
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.last[id]
	if errors.Is(err, fs.ErrNotExist) && !known {
		return // it was dropped this moment
	}
	r.reads++
	switch {
	case err != nil:
		r.faults = append(r.faults, fmt.Sprintf("a reader of %s, last %s: %v", id, before.Status, err))
		return
	case st.Progress < before.Progress:
		r.faults = append(r.faults, fmt.Sprintf("a reader of %s saw %v after %v", id, st.Progress, before.Progress))
	}
	r.last[id] = st
	if st.Status.Terminal() {
		r.live = slices.DeleteFunc(r.live, func(other string) bool { return other == id })
	}
}

func (r *reader) read(id string) (job.Status, error) {
	name := filepath.Join(r.site.out(id), job.StatusName)
	if _, err := os.Stat(name); err != nil {
		return job.Status{}, err
	}
	return readJSON(name, job.ParseStatus)
}

// compare compares what a reader saw last of each job with its terminal record.
func (r *reader) compare(terminal map[string]string) {
	for id, st := range r.last {
		if st.Status == job.Failed && strings.HasPrefix(terminal[id], spool.DoneDir+"/") {
			r.faults = append(r.faults, fmt.Sprintf("a reader of %s saw it failed, and it finished", id))
		}
	}
}
