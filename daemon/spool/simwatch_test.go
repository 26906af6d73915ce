package spool

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// A simWatch looks at the disk itself after each change and compares it with what
// it saw before. It knows requests by their content, which no two share.
type simWatch struct {
	disk     *simDisk
	requests map[string]bool // that were dropped and must be somewhere
	progress map[string]progress
	owners   map[string]string // by job and epoch
	there    map[string]bool   // jobs at the last look
	records  map[string]string // of what is over, by job: what the record shows
	wrong    []string
}

// progress is how far a job came: it only grows.
type progress struct {
	epoch int
	stage int // 0 held, 1 committed, 2 waiting, 3 over
}

func (p progress) before(o progress) bool {
	return p.epoch < o.epoch || p.epoch == o.epoch && p.stage < o.stage
}

func watchOver(d *simDisk) *simWatch {
	w := &simWatch{disk: d, requests: map[string]bool{}}
	w.reset(nil)
	d.changed = w.look
	return w
}

// reset forgets all that was not acknowledged, after a power cut.
func (w *simWatch) reset(acknowledged map[string]progress) {
	w.progress = maps.Clone(acknowledged)
	if w.progress == nil {
		w.progress = map[string]progress{}
	}
	w.records = map[string]string{}
	owners := w.owners
	w.owners = map[string]string{}
	for key, owner := range owners {
		job, rest, _ := strings.Cut(key, ".e")
		if p := w.progress[job]; atoi(rest) <= p.epoch {
			w.owners[key] = owner
		}
	}
}

func (w *simWatch) violate(format string, args ...any) {
	if len(w.wrong) < 5 {
		w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	}
}

// look checks what must hold at any time.
func (w *simWatch) look() {
	places := map[string][]string{}
	inodes := map[string]map[uint64]bool{}
	active := map[string]string{}
	w.there = map[string]bool{}
	w.disk.each(func(name string, n *node) {
		name, inside := strings.CutPrefix(name, "spool/")
		if !inside || n.mode.IsDir() || path.Ext(name) != ".yaml" || path.Base(name)[0] == '.' || strings.HasPrefix(name, RequestsDir) {
			return
		}
		text := string(n.data)
		if !w.requests[text] {
			return
		}
		places[text] = append(places[text], name)
		if inodes[text] == nil {
			inodes[text] = map[uint64]bool{}
		}
		inodes[text][n.ino] = true
		w.follow(name, text, active)
	})
	for text := range w.requests {
		switch {
		case len(places[text]) == 0:
			w.violate("%q is lost", text) // I1
		case len(inodes[text]) > 1 || len(places[text]) > 1 && !givenBack(places[text]):
			w.violate("%q is in %q", text, places[text]) // I1
		}
	}
}

// givenBack reports whether a file has the two names that it has for a moment
// when it goes back into the inbox.
func givenBack(names []string) bool {
	return len(names) == 2 && slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, InboxDir+"/") })
}

// follow compares the name of a job with those that it had before.
func (w *simWatch) follow(name, text string, active map[string]string) {
	job, p, owner := where(name)
	if job == "" {
		return
	}
	w.there[job] = true
	if was := w.progress[job]; p.before(was) {
		w.violate("%s fell back from %v to %s", job, was, name) // I2, I3
	}
	w.progress[job] = p
	if owner != "" {
		if other, twice := active[job]; twice {
			w.violate("%s is held as %s and %s", job, other, name) // I2
		}
		active[job] = name
		key := fmt.Sprintf("%s.e%d", job, p.epoch)
		if before, known := w.owners[key]; known && before != owner {
			w.violate("%s was held by %s and %s", key, before, owner) // I2
		}
		w.owners[key] = owner
	}
	// A job that was accepted has its request.
	if p.stage == 2 || p.stage == 1 {
		if kept := w.disk.walk("spool/" + requestFile(job)); kept == nil || string(kept.data) != text {
			w.violate("%s has no request", name)
		}
	}
	if p.stage == 3 && path.Base(path.Dir(name))[0] != '.' {
		record := w.record(name)
		if was, known := w.records[job]; known && was != record {
			w.violate("the record of %s changed from %s to %s", job, was, record) // I5
		}
		w.records[job] = record
	}
}

// record returns what a terminal record shows to people.
func (w *simWatch) record(name string) string {
	if strings.HasPrefix(name, DoneDir) {
		return name
	}
	shown := []string{name}
	w.disk.walk("spool/"+path.Dir(name)).each("", func(file string, n *node) {
		if file[0] != '.' {
			shown = append(shown, fmt.Sprintf("%s#%d %q", file, n.ino, n.data))
		}
	})
	slices.Sort(shown[1:])
	return strings.Join(shown, " ")
}

// where tells a job, its progress and who holds it from the name of its file.
func where(name string) (job string, p progress, owner string) {
	base := path.Base(name)
	switch dir := path.Dir(name); {
	case dir == ActiveDir:
		if n, err := ParseActive(base); err == nil {
			if p.epoch = n.Epoch; n.Committed {
				p.stage = 1
			}
			return n.Job, p, n.Instance.String()
		}
	case dir == QueueDir, dir == HeldDir:
		if n, err := ParseQueue(base); err == nil {
			return n.Job, progress{n.Epoch, 2}, ""
		}
	case strings.HasPrefix(dir, DoneDir):
		if n, epoch, found := strings.Cut(strings.TrimSuffix(base, ".yaml"), ".e"); found {
			return n, progress{atoi(epoch), 3}, ""
		}
	case strings.HasPrefix(dir, FailedDir), strings.HasPrefix(dir, RejectedDir):
		if at := strings.TrimPrefix(path.Base(dir), "."); len(at) >= 20 {
			return at[:20], progress{maxEpoch + 1, 3}, ""
		}
	}
	return "", p, ""
}

// litter returns what no job needs once all are over.
func (w *simWatch) litter() (left []string) {
	w.disk.each(func(name string, n *node) {
		dir := strings.TrimPrefix(path.Dir(name), "spool/")
		switch {
		case strings.Contains(name, "junk"):
		case n.mode.IsDir() && strings.HasPrefix(dir, DoneDir+"/"): // empty, and hidden
		case path.Base(name)[0] == '.',
			slices.Contains([]string{InboxDir, QueueDir, HeldDir, ActiveDir, RequestsDir, IDsDir}, dir):
			left = append(left, name)
		}
	})
	return left
}
