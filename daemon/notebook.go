package daemon

import (
	"log/slog"
	"maps"
	"sync"
	"time"
)

// Bounds of a notebook. What it is about may go without a word: a request is
// taken back, a job ends on another host.
const (
	noteLasts = 15 * time.Minute // since the trouble was last met
	maxNotes  = 1000
)

// notebook logs a trouble that lasts once, and once that it is over: what is
// looked at every second must not fill the log.
type notebook struct {
	log  *slog.Logger
	mu   sync.Mutex
	open map[string]note // by what it is about
}

// note is a trouble as it was last met.
type note struct {
	text  string
	since time.Time // of the first meeting
	at    time.Time
}

func newNotebook(log *slog.Logger) *notebook {
	return &notebook{log: log, open: map[string]note{}}
}

// trouble notes how it stands with one thing and reports whether it is bad.
func (n *notebook) trouble(about string, err error) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	was, bad := n.open[about]
	if err == nil {
		if bad {
			delete(n.open, about)
			n.log.Info("works again", "what", about)
		}
		return false
	}
	at := time.Now()
	now := note{text: err.Error(), since: at, at: at}
	if now.text != was.text {
		n.log.Warn("will be tried again", "what", about, "err", err)
	}
	if bad {
		now.since = was.since
	} else {
		n.makeRoom()
	}
	n.open[about] = now
	return true
}

// forget drops what is noted about a thing that is over.
func (n *notebook) forget(about string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.open, about)
}

// troubles returns how many things are bad now.
func (n *notebook) troubles() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.expire()
	return len(n.open)
}

// worst returns what has been bad for the longest time, "" when nothing is.
func (n *notebook) worst() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.expire()
	var first note
	for _, v := range n.open {
		if first.text == "" || v.since.Before(first.since) {
			first = v
		}
	}
	return first.text
}

// expire drops the notes of what was not met again.
func (n *notebook) expire() {
	now := time.Now()
	maps.DeleteFunc(n.open, func(_ string, v note) bool { return now.Sub(v.at) > noteLasts })
}

// makeRoom leaves place for one note more: the one that is dropped is logged
// again if it lasts.
func (n *notebook) makeRoom() {
	if len(n.open) < maxNotes {
		return
	}
	n.expire()
	for about := range n.open {
		if len(n.open) < maxNotes {
			return
		}
		delete(n.open, about)
	}
}
