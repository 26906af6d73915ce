package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// checker looks at a spool from outside, while nobody writes in it, and compares
// it with what it saw before.
type checker struct {
	site     site
	edits    map[string]string // of every job that was dropped, by job_id
	terminal map[string]string // its terminal record
	frozen   map[string]map[string]fileState
	durable  map[string]bool // a terminal record that its job's reservations do not outlive
	attempts map[string]int
	epochs   map[string]int               // by token
	owners   map[string]string            // by token and epoch
	holders  map[string]spool.ActiveName  // at the last look, by token
	beats    map[spool.Instance]time.Time // when the spool got the last heartbeat
	lease    time.Duration
	// undisturbed reports whether a host ran without a break.
	undisturbed func(hostID string) bool
	violations  []string
	looks       int
	highest     int // epoch
}

// fileState tells two versions of a file apart.
type fileState struct {
	size  int64
	mtime time.Time
	inode os.FileInfo
}

func newChecker(s site, lease time.Duration, undisturbed func(string) bool) *checker {
	return &checker{site: s, undisturbed: undisturbed, edits: map[string]string{}, terminal: map[string]string{}, frozen: map[string]map[string]fileState{},
		durable: map[string]bool{}, attempts: map[string]int{}, epochs: map[string]int{}, owners: map[string]string{}, beats: map[spool.Instance]time.Time{}, lease: lease}
}

func (c *checker) expect(id, edit string) { c.edits[id] = edit }

// waiting returns how many jobs are not over, as far as the last look knows.
func (c *checker) waiting() int { return len(c.edits) - len(c.terminal) }

func (c *checker) failed() bool { return len(c.violations) > 0 }

func (c *checker) violate(format string, args ...any) {
	c.violations = append(c.violations, fmt.Sprintf(format, args...))
}

// outcomes counts how the jobs ended.
func (c *checker) outcomes() (finished, aside int) {
	for _, where := range c.terminal {
		if strings.HasPrefix(where, spool.DoneDir) {
			finished++
		} else {
			aside++
		}
	}
	return finished, aside
}

// look checks every invariant. The last look also wants everything to be over.
func (c *checker) look(last bool) {
	c.looks++
	places := c.places()
	for id := range c.edits {
		switch where := places[id]; {
		case len(where) == 0:
			c.violate("%s is lost", id)
			continue
		case len(where) > 1:
			c.violate("%s is in %v", id, where)
			continue
		}
		c.follow(id, places[id][0])
	}
	c.names()
	if !last {
		return
	}
	if n := c.waiting(); n > 0 {
		c.violate("%d jobs are stuck", n)
	}
	if !c.site.tidy() {
		c.violate("after the end there is left: %v", c.site.litter())
	}
}

// places finds where the request of each job lies. A file that has two names for
// a moment counts once.
func (c *checker) places() map[string][]string {
	places := map[string][]string{}
	root := c.site.path("spool")
	var seen []os.FileInfo
	c.walk(root, func(name string, info os.FileInfo) {
		switch top, _, _ := strings.Cut(name, "/"); {
		case strings.HasPrefix(name, spool.RequestsDir), filepath.Ext(name) != ".yaml", filepath.Base(name)[0] == '.':
			return
		case top == "control":
			return
		}
		for _, s := range seen {
			if os.SameFile(s, info) {
				return
			}
		}
		seen = append(seen, info)
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			c.violate("read %s: %v", name, err)
			return
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(string(data), "job_id: "), "\n")
		places[id] = append(places[id], unnamed.ReplaceAllString(name, "/$1/"))
	})
	return places
}

// unnamed is a terminal record that has yet to get its name: it is one already.
var unnamed = regexp.MustCompile(`/\.([^/]*)\.e[0-9]{4}/`)

func (c *checker) walk(root string, f func(name string, info os.FileInfo)) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) { // a server does late what a client asked for
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err == nil {
			f(name, info)
		}
		return err
	})
	if err != nil {
		c.violate("%v", err)
	}
}

// names checks the tokens: one owner of each job and epoch, epochs that rise.
func (c *checker) names() {
	entries, err := os.ReadDir(c.site.path("spool", spool.ActiveDir))
	if err != nil {
		c.violate("%v", err)
	}
	held := map[string]spool.ActiveName{}
	c.listen()
	for _, e := range entries {
		n, err := spool.ParseActive(e.Name())
		if err != nil {
			continue
		}
		if other, twice := held[n.Job]; twice {
			c.violate("two hold %s: %s and %s", n.Job, other, e.Name())
		}
		held[n.Job] = n
		was, known := c.holders[n.Job]
		if known && n.Suspect && !was.Suspect && c.undisturbed(was.Instance.HostID) && c.reached(was.Instance) {
			c.violate("%s was taken from %s, which lives", n.Job, was.Instance)
		}
		if n.Epoch < c.epochs[n.Job] {
			c.violate("the epoch of %s fell from %d to %d", n.Job, c.epochs[n.Job], n.Epoch)
		}
		c.epochs[n.Job], c.highest = n.Epoch, max(c.highest, n.Epoch)
		key := fmt.Sprintf("%s.e%d", n.Job, n.Epoch)
		if owner, known := c.owners[key]; known && owner != n.Instance.String() {
			c.violate("%s was held by %s and %s", key, owner, n.Instance)
		}
		c.owners[key] = n.Instance.String()
	}
	c.holders = held
}

// listen notes when the spool got each heartbeat that is there.
func (c *checker) listen() {
	c.walk(c.site.path("spool", spool.HostsDir), func(name string, info os.FileInfo) {
		if i, err := spool.ParseInstance(strings.TrimSuffix(name, ".hb")); err == nil {
			c.beats[i] = info.ModTime()
		}
	})
}

// reached reports whether the spool got a heartbeat of an instance within the
// lease: a host that lives and cannot reach the spool may lose what it holds.
func (c *checker) reached(i spool.Instance) bool {
	return time.Since(c.beats[i]) < c.lease
}

// follow compares one job with what it was before.
func (c *checker) follow(id, where string) {
	over := strings.HasPrefix(where, spool.DoneDir+"/") || strings.HasPrefix(where, spool.FailedDir+"/") || strings.HasPrefix(where, spool.RejectedDir+"/")
	before, wasOver := c.terminal[id]
	if wasOver && before != where {
		c.violate("%s went from %s to %s", id, before, where)
	}
	out := c.site.out(id)
	record, err := readJSON(filepath.Join(out, job.RecordName), job.ParseRecord)
	if err == nil {
		if record.Attempt < c.attempts[id] {
			c.violate("%s: job.json tells of attempt %d after %d", id, record.Attempt, c.attempts[id])
		}
		c.attempts[id] = record.Attempt
	}
	if !over {
		return
	}
	c.terminal[id] = where
	// What a job reserved is released when its record is durable.
	if _, err := os.Lstat(c.site.path("spool", spool.IDsDir, id)); errors.Is(err, fs.ErrNotExist) {
		c.durable[id] = true
	}
	files := c.public(out)
	if wasOver {
		for name, f := range files {
			if was := c.frozen[id][name]; was.size != f.size || !was.mtime.Equal(f.mtime) || !os.SameFile(was.inode, f.inode) {
				c.violate("%s: %s changed after its terminal record", id, name)
			}
		}
		return
	}
	c.frozen[id] = files
	c.ended(id, where, out, record)
}

// ended wants a job that is over to have ended well, or to be set aside because
// those who had it were killed.
func (c *checker) ended(id, where, out string, record job.Record) {
	code := ""
	if record.Failure != nil {
		code = record.Failure.Code
	}
	if strings.HasPrefix(where, spool.RejectedDir+"/") { // set aside before it was accepted: it has no record
		code = c.rejection(where)
	} else {
		c.lines(id, out)
	}
	status, err := readJSON(filepath.Join(out, job.StatusName), job.ParseStatus)
	switch {
	case err != nil:
		c.violate("%s is over: %v", id, err)
	case strings.HasPrefix(where, spool.DoneDir) != (status.Status == job.Finished):
		c.violate("%s is %s and its status %s", id, where, status.Status)
	case status.Status == job.Finished:
		got, err := os.ReadFile(filepath.Join(out, id+"_output.mp4"))
		if err != nil || string(got) != "edited: "+c.edits[id] {
			c.violate("%s: output %q, %v", id, got, err)
		}
	case code != job.CodeCrashed:
		c.violate("%s is %s: %s: %+v", id, where, code, record.Failure)
	}
}
