package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"
)

// A simHost does with its spool what a daemon does, one step at a time: it learns
// what is to be done from the spool alone, goes on after errors, and begins anew
// when its process died.
type simHost struct {
	name    string
	dir     string // on its own disk
	disk    *simDisk
	memory  *simMemories
	wrap    func(fileSystem) fileSystem // a mistake; nil for none
	trace   func(h *simHost, from, to string) func(error)
	wishes  *wishes
	process *simProcess
	s       *Spool
	mine    map[string]*Claim
	ended   []string                             // over, and not yet forgotten
	holds   func(*simHost, *Claim) (bool, error) // a mistake in how it asks whether a job is its own; nil for none
}

// wishes is what users want of each request, by its content.
type wishes struct {
	end map[string]string // "done", "failed", "rejected"
	did map[string]bool   // what happens to a job once: "hold", "rank", "give back"
}

// start starts a process of the host.
func (h *simHost) start(plan func(simOp) fault) (err error) {
	defer h.survive(&err)
	h.process = &simProcess{plan: plan}
	h.mine, h.ended, h.s = map[string]*Claim{}, nil, nil
	s := &Spool{root: h.client("spool"), path: "spool", held: map[string]struct{}{}}
	o := Options{HostDir: h.dir, Host: h.name}
	if h.trace != nil {
		o.Trace = func(from, to string) func(error) { return h.trace(h, from, to) }
	}
	h.s = s
	err = s.open(o)
	began := time.Now()
	s.live.clock = func() time.Duration { return time.Hour + time.Since(began) }
	s.live.beaten.Store(int64(s.live.clock()))
	if err == nil {
		err = h.recover()
	}
	if err != nil {
		h.process.plan = nil
		_ = s.Close() // as a daemon does that cannot begin: nobody is to blame
		h.kill()
		return err
	}
	return nil
}

// client is the host's view of a directory.
func (h *simHost) client(base string) fileSystem {
	var f fileSystem = &simClient{disk: h.disk, base: base, process: h.process, memory: h.memory}
	if h.wrap != nil {
		f = h.wrap(f)
	}
	return f
}

// output is the output directory of a request.
func (h *simHost) output(text []byte) fileSystem { return h.client("out-" + string(text)) }

func (h *simHost) recover() error {
	r, err := h.s.Recover()
	h.takeUp(r)
	h.ended = r.Ended
	return err
}

func (h *simHost) takeUp(r Recovery) {
	for _, list := range [][]*Claim{r.Claims, r.Jobs, r.Committed, r.Crashed} {
		for _, c := range list {
			h.mine[c.Job] = c
		}
	}
}

// kill ends the host's process as SIGKILL does.
func (h *simHost) kill() {
	h.process.dead = true
	if h.s != nil && h.s.lock != nil {
		_ = h.s.lock.Close()
	}
	h.s = nil
}

var errDied = errors.New("the process died")

// survive turns the death of the process into an error.
func (h *simHost) survive(err *error) {
	switch v := recover().(type) {
	case nil:
	case died:
		h.kill()
		*err = errDied
	default:
		panic(v)
	}
}

// turn does one thing; idle says that there is none.
func (h *simHost) turn() (idle bool, err error) {
	defer h.survive(&err)
	if h.s.Fenced() {
		return true, nil
	}
	if len(h.mine) > 0 {
		job := slices.Min(slices.Collect(maps.Keys(h.mine)))
		if h.holds != nil {
			_, _ = h.holds(h, h.mine[job]) // a sign of life, to whoever makes this mistake
		}
		err := h.advance(h.mine[job])
		if errors.Is(err, ErrLost) {
			delete(h.mine, job)
		}
		return false, err
	}
	if len(h.ended) > 0 {
		if err := h.forget(h.ended[0]); err != nil {
			return false, err
		}
		h.ended = h.ended[1:]
		return false, nil
	}
	held, err := h.s.Held()
	if err != nil {
		return false, err
	}
	if len(held) > 0 {
		c, err := h.s.Adopt(held[0])
		if err == nil {
			h.mine[c.Job] = c
		}
		return false, err
	}
	return h.begin()
}

// begin takes a request or a waiting job.
func (h *simHost) begin() (idle bool, err error) {
	entries, err := list(h.s.root, InboxDir)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if !requestName(e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return false, err
		}
		c, err := h.s.Claim(Entry{Name: e.Name(), Size: info.Size(), Inode: info.(simInfo).node.ino, ModTime: info.ModTime()})
		if err == nil {
			h.mine[c.Job] = c
		}
		return false, err
	}
	held, err := h.s.OnHold()
	if err != nil {
		return false, err
	}
	if len(held) > 0 {
		_, err := h.s.Release(held[0])
		return false, err
	}
	queue, err := h.s.Queue()
	if err != nil || len(queue) == 0 {
		return true, err
	}
	return false, h.serve(queue[0])
}

// serve does with a waiting job what its user wants, or takes it.
func (h *simHost) serve(q QueueName) error {
	text, err := h.s.Request(q.Job)
	if err != nil {
		return err
	}
	switch {
	case h.once("hold", text):
		return h.s.Hold(q)
	case h.once("rank", text):
		return h.s.Rerank(q, 1)
	}
	c, err := h.s.Take(q)
	if err == nil {
		h.mine[c.Job] = c
	}
	return err
}

// once reports whether something is to be done for a request now.
func (h *simHost) once(what string, text []byte) bool {
	key := what + " " + string(text)
	first := !h.wishes.did[key]
	h.wishes.did[key] = true
	return first
}

// advance does the next thing with a job that the host holds.
func (h *simHost) advance(c *Claim) error {
	accepted, err := h.s.Accepted(c.Job)
	if err != nil {
		return err
	}
	if !accepted {
		return h.examine(c)
	}
	text, err := h.s.Request(c.Job)
	if err != nil {
		return err
	}
	switch {
	case c.Committed:
		return h.over(c, h.s.Done(c))
	case c.Crashes >= MaxCrashes, c.Epoch > 1 && h.wishes.end[string(text)] == "failed":
		return h.over(c, h.s.Fail(c, Reason{JSON: []byte("{}"), Text: []byte(c.ActiveName.String())}))
	case c.Epoch == 1, c.Source == "" && h.once("give back", text):
		return h.drop(c, h.requeue(c))
	}
	holds := (*simHost).certain
	if h.holds != nil {
		holds = h.holds
	}
	if mine, err := holds(h, c); err != nil || !mine {
		return cmp.Or(err, ErrLost)
	}
	return h.s.Commit(c)
}

func (h *simHost) certain(c *Claim) (bool, error) { return h.s.Holds(c) }

func (h *simHost) requeue(c *Claim) error {
	if c.Source != "" { // accepted, and not known whether it was queued
		text, err := h.s.Request(c.Job)
		if err == nil {
			_, err = h.s.Enqueue(c, text, 5)
		}
		return err
	}
	_, err := h.s.Requeue(c, 1, Tried)
	return err
}

// examine accepts or rejects a request.
func (h *simHost) examine(c *Claim) error {
	text, err := h.s.Read(c, 100)
	if err != nil {
		return err
	}
	if h.wishes.end[string(text)] == "rejected" {
		_, err := h.s.Reject(c, Reason{JSON: []byte("{}"), Text: []byte("no")})
		return h.drop(c, err)
	}
	if err := h.s.ReserveID(fmt.Sprintf("id-of-%s", c.Job), c.Job); err != nil {
		return err
	}
	if err := h.s.reserveOutput(h.output(text), c.Job); err != nil {
		return err
	}
	_, err = h.s.Enqueue(c, text, 5)
	return h.drop(c, err)
}

// drop forgets a job that the host gave away, unless it could not.
func (h *simHost) drop(c *Claim, err error) error {
	if err == nil {
		delete(h.mine, c.Job)
	}
	return err
}

// over goes on after a terminal record.
func (h *simHost) over(c *Claim, err error) error {
	if err == nil {
		h.ended = append(h.ended, c.Job)
	}
	return h.drop(c, err)
}

func (h *simHost) forget(job string) error {
	text, err := h.s.Request(job)
	switch {
	case err == nil:
		err = errors.Join(h.s.ReleaseID("id-of-"+job, job), h.s.releaseOutput(h.output(text), job))
	case errors.Is(err, fs.ErrNotExist):
		err = nil // it was forgotten, and only the answer was lost
	}
	if err != nil {
		return err
	}
	return h.s.Forget(job)
}
