package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// A place is where in the spool a request lies.
type place string

const (
	inInbox  place = "inbox"
	checking place = "checking" // claimed, and not yet accepted or rejected
	inQueue  place = "queue"
	held     place = "held" // waits, and a user holds it back
	running  place = "running"
	done     place = "done"
	failed   place = "failed"
	rejected place = "rejected"
	nowhere  place = "" // moved between two listings, or removed
)

// over reports whether nothing more will happen to a request in p.
func (p place) over() bool { return p == done || p == failed || p == rejected }

// word is what people and scripts read for p: the states of status.json, where
// there is one that says the same.
func (p place) word() string {
	switch p {
	case inQueue:
		return string(job.Queued)
	case done:
		return string(job.Finished)
	case nowhere:
		return "unknown"
	}
	return string(p)
}

// An entry is one request in the spool.
type entry struct {
	place place
	name  string    // below its place, for people
	token string    // J; "" in the inbox
	file  string    // absolute path of the request
	since time.Time // inbox: last write, queue: enqueued, running: claimed, then: the end; zero when unknown
	host  string    // who runs it
}

// claimed returns when the request of a token was claimed, to the second.
func (e entry) claimed() time.Time {
	at, err := spool.ClaimTime(e.token)
	if err != nil {
		return time.Time{} // of the inbox
	}
	return at
}

// after reports whether e was claimed after o or, in the same second, ended
// after it.
func (e entry) after(o entry) bool {
	return cmp.Or(e.claimed().Compare(o.claimed()), e.since.Compare(o.since)) > 0
}

// view reads a spool. It looks at listings afresh each time: on a network file
// system only those are true.
type view struct{ root string }

func (v view) path(elem ...string) string {
	return filepath.Join(append([]string{v.root}, elem...)...)
}

// inbox lists requests that nobody has claimed, the oldest first.
func (v view) inbox() ([]entry, error) {
	files, err := readDir(v.path(spool.InboxDir))
	if err != nil {
		return nil, err
	}
	var list []entry
	for _, f := range files {
		e := entry{place: inInbox, name: f.Name(), file: v.path(spool.InboxDir, f.Name())}
		switch {
		case strings.HasPrefix(e.name, "."):
			continue
		case f.IsDir():
			e.file = filepath.Join(e.file, "request.yaml")
		case !isRequest(e.name):
			continue
		}
		info, err := os.Stat(e.file)
		if err != nil || !info.Mode().IsRegular() {
			continue // claimed meanwhile, or no request
		}
		e.since = info.ModTime()
		list = append(list, e)
	}
	slices.SortStableFunc(list, func(a, b entry) int { return a.since.Compare(b.since) })
	return list, nil
}

// live lists what hosts hold, then waiting jobs in the order in which they will
// run. Active is listed on both sides of the queue, so that a job that moves
// between the two is seen.
func (v view) live() ([]entry, error) {
	var active, queue []entry
	for _, dir := range []string{spool.ActiveDir, spool.QueueDir, spool.HeldDir, spool.ActiveDir} {
		files, err := readDir(v.path(dir))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if waits := waitingPlace(dir); waits != nowhere {
				if q, err := spool.ParseQueue(f.Name()); err == nil {
					queue = append(queue, v.claimed(waits, dir, f.Name(), q.Job, q.Enqueued))
				}
			} else if a, err := spool.ParseActive(f.Name()); err == nil {
				claim, _ := spool.ClaimTime(a.Job) // the name was parsed
				e := v.claimed(v.activity(a.JobName), dir, f.Name(), a.Job, claim)
				e.host = a.Instance.Host
				active = append(active, e)
			}
		}
	}
	slices.SortStableFunc(active, func(a, b entry) int { return strings.Compare(a.token, b.token) })
	slices.SortStableFunc(queue, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return unique(append(active, queue...)), nil
}

// waitingPlace returns where the jobs of a directory wait, if they do.
func waitingPlace(dir string) place {
	switch dir {
	case spool.QueueDir:
		return inQueue
	case spool.HeldDir:
		return held
	}
	return nowhere
}

// activity tells what is done with a job that a host holds. The daemon keeps a
// copy of each request that it accepted; a later epoch is another process.
func (v view) activity(n spool.JobName) place {
	_, err := os.Stat(v.path(spool.RequestsDir, n.Job+".yaml"))
	if n.Epoch == 1 || missing(err) {
		return checking
	}
	return running
}

func (v view) claimed(p place, dir, name, token string, since time.Time) entry {
	return entry{place: p, name: name, token: token, file: v.path(dir, name), since: since}
}

// unique keeps the first entry of each token.
func unique(list []entry) []entry {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(e entry) bool {
		again := seen[e.token]
		seen[e.token] = true
		return again
	})
}

// ended lists the terminal records of p, the newest first, at most limit.
func (v view) ended(p place, limit int) ([]entry, error) {
	var list []entry
	switch p {
	case done:
		days, err := readDir(v.path(spool.DoneDir))
		if err != nil {
			return nil, err
		}
		slices.Reverse(days)
		for _, day := range days {
			if len(list) >= limit {
				break
			}
			files, err := readDir(v.path(spool.DoneDir, day.Name()))
			if err != nil && !errors.Is(err, syscall.ENOTDIR) {
				return nil, err
			}
			for _, f := range files {
				token, _, _ := strings.Cut(f.Name(), ".")
				if _, err := spool.ClaimTime(token); err == nil && strings.HasSuffix(f.Name(), ".yaml") {
					list = append(list, entry{place: p, name: f.Name(), token: token, file: v.path(spool.DoneDir, day.Name(), f.Name())})
				}
			}
		}
	case failed, rejected:
		dirs, err := readDir(v.path(string(p)))
		if err != nil {
			return nil, err
		}
		for _, d := range dirs {
			if e, ok := v.endedDir(p, d.Name()); ok {
				list = append(list, e)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b entry) int { return cmp.Compare(b.token, a.token) })
	list = list[:min(limit, len(list))]
	for i := range list {
		if list[i].since.IsZero() {
			list[i].since = changed(list[i].file)
		}
	}
	return list, nil
}

// changed returns when a file was last renamed, as far as its file system tells.
func changed(file string) time.Time {
	info, err := os.Stat(file)
	if err != nil {
		return time.Time{}
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(st.Ctim.Unix())
	}
	return info.ModTime()
}

// endedDir reads the name of a folder in failed or rejected: J, or J-NAME.
func (v view) endedDir(p place, name string) (entry, bool) {
	parts := strings.SplitN(name, "-", 3)
	if len(parts) < 2 {
		return entry{}, false
	}
	e := entry{place: p, name: name, token: parts[0] + "-" + parts[1]}
	if _, err := spool.ClaimTime(e.token); err != nil {
		return entry{}, false
	}
	dir := v.path(string(p), name)
	e.file = filepath.Join(dir, "request.yaml")
	if info, err := os.Stat(filepath.Join(dir, "reason.json")); err == nil {
		e.since = info.ModTime()
	}
	if _, err := os.Stat(e.file); missing(err) {
		if other := filepath.Join(dir, "request.json"); exists(other) {
			e.file = other
		}
	}
	return e, true
}

// request returns what e asks for; false when it is no valid request or cannot
// be read.
func (v view) request(e entry) (job.Request, bool) {
	for _, file := range []string{v.path(spool.RequestsDir, e.token+".yaml"), e.file} {
		if e.token == "" && file != e.file {
			continue
		}
		data, err := readRequest(file)
		if err != nil {
			continue
		}
		if r, _, err := job.Parse(filepath.Base(file), data); err == nil {
			return r, true
		}
	}
	return job.Request{}, false
}

// A verdict is what reason.json says of a rejected request or a failed job.
type verdict struct {
	JobID     string     `json:"job_id"`
	OutputDir string     `json:"output_dir"`
	Errors    job.Errors `json:"errors"`
}

// verdict reads what lies beside an ended request; zero when nothing does.
func (v view) verdict(e entry) verdict {
	var d verdict
	data, err := readSmall(filepath.Join(filepath.Dir(e.file), "reason.json"))
	if err != nil || json.Unmarshal(data, &d) != nil {
		return verdict{}
	}
	return d
}

// reason returns why e was rejected or failed, in words.
func (v view) reason(e entry) string {
	data, err := readSmall(filepath.Join(filepath.Dir(e.file), "reason.txt"))
	if text := strings.TrimSpace(string(data)); err == nil && text != "" {
		return text
	}
	return v.verdict(e).Errors.Error()
}
