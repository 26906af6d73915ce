package daemon

import (
	"log/slog"
	"sync"
)

// notebook logs a trouble that lasts once, and once that it is over: what is
// looked at every second must not fill the log.
type notebook struct {
	log  *slog.Logger
	mu   sync.Mutex
	open map[string]string // what is wrong, by what it is about
}

func newNotebook(log *slog.Logger) *notebook {
	return &notebook{log: log, open: map[string]string{}}
}

// trouble notes how it stands with one thing and reports whether it is bad.
func (n *notebook) trouble(about string, err error) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	was, bad := n.open[about]
	switch {
	case err == nil && bad:
		delete(n.open, about)
		n.log.Info("works again", "what", about)
	case err != nil && err.Error() != was:
		n.open[about] = err.Error()
		n.log.Warn("will be tried again", "what", about, "err", err)
	}
	return err != nil
}

// troubles returns how many things are bad now.
func (n *notebook) troubles() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.open)
}
