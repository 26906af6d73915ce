package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"uredit/daemon"
	"uredit/daemon/config"
	"uredit/daemon/sdnotify"
)

// stopMargin is how long after the drain timeout a stop may take: a network
// call is ended, results are put away, the models are freed.
const stopMargin = 30 * time.Second

// service tells systemd how the daemon does. It feeds the watchdog only while
// the daemon's loop comes round, or while it is the share that holds it up:
// killing a daemon because a file server is down would lose its work and mend
// nothing.
type service struct {
	manager *sdnotify.Manager
	log     *slog.Logger
	// share asks the share for an answer. It blocks as long as the share does.
	share func() error

	mu     sync.Mutex
	turned time.Time // when the loop last came round; zero before it did
	ready  bool
	stops  bool
	text   string        // what was told last
	note   string        // what stays true until the next reload
	asked  chan struct{} // closed when the share answered; nil when it is not asked
}

// newService makes the service of a spool's daemon.
func newService(m *sdnotify.Manager, log *slog.Logger, spool string) *service {
	return &service{manager: m, log: log, share: func() error {
		// A file server's answer to stat may come out of a cache, to statfs not.
		var st unix.Statfs_t
		return unix.Statfs(spool, &st)
	}}
}

// starting says what the start is busy with and how long that may take.
func (s *service) starting(what string, longest time.Duration) {
	s.told(s.manager.Starting(what, longest))
}

// observe takes note that the loop came round.
func (s *service) observe(c daemon.Condition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turned = time.Now()
	text := c.String() + s.note
	switch {
	case c.Draining && !s.stops:
		s.told(s.manager.Stopping(text, c.Grace+stopMargin))
	case !s.ready && !c.Draining:
		s.told(s.manager.Ready(text))
	case text != s.text:
		s.told(s.manager.Status(text))
	}
	s.ready, s.stops, s.text = true, c.Draining, text
}

// watch feeds the watchdog until ctx ends.
func (s *service) watch(ctx context.Context) {
	limit := s.manager.Watchdog()
	if limit == 0 {
		return
	}
	tick := time.NewTicker(limit / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.feed(limit)
		}
	}
}

// feed tells the watchdog that the daemon lives, if it does.
func (s *service) feed(limit time.Duration) {
	s.mu.Lock()
	still := time.Since(s.turned)
	ready := s.ready
	s.mu.Unlock()
	switch {
	case !ready || still < limit/2:
		s.told(s.manager.Alive())
	case !s.answers(limit / 8):
		s.told(s.manager.Alive())
		s.told(s.manager.Status(fmt.Sprintf("waiting for the share, which has not answered for %v", still.Round(time.Second))))
		s.mu.Lock()
		s.text = "" // the next turn tells anew
		s.mu.Unlock()
	default:
		s.log.Error("the loop stands still and the share answers: the watchdog will end this process", "for", still.Round(time.Second))
	}
}

// answers reports whether the share answers within wait. One question at a time
// is put to it: each that hangs costs a thread.
func (s *service) answers(wait time.Duration) bool {
	s.mu.Lock()
	if s.asked == nil {
		asked := make(chan struct{})
		s.asked = asked
		go func() {
			// An error is an answer: that the loop has it too shows in its log.
			_ = s.share()
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asked = nil
			close(asked)
		}()
	}
	asked := s.asked
	s.mu.Unlock()
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	select {
	case <-asked:
		return true
	case <-deadline.C:
		return false
	}
}

// reload makes a running daemon take a new configuration as far as it can. A
// configuration with faults changes nothing.
func (s *service) reload(path string, running *config.Config, apply func(config.Config)) {
	s.told(s.manager.Reloading("reading the configuration"))
	newer, err := loadConfig(path)
	if err != nil {
		s.log.Error("reload: the configuration is as before", "err", err)
		s.reloaded("; the new configuration has faults and is not used: " + firstLine(err))
		return
	}
	live, restart := running.Changes(&newer)
	running.Take(&newer)
	apply(*running)
	s.log.Info("reloaded", "applied", live, "after_restart", restart)
	note := ""
	if len(restart) > 0 {
		note = "; restart to apply " + strings.Join(restart, ", ")
	}
	s.reloaded(note)
}

// reloaded ends a reload. The note stays in the status.
func (s *service) reloaded(note string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = strings.TrimSuffix(s.text, s.note) + note
	s.note = note
	s.told(s.manager.Ready(s.text))
}

// told logs that the service manager could not be told: it will act by what it
// last heard.
func (s *service) told(err error) {
	if err != nil {
		s.log.Warn("not told", "err", err)
	}
}

// firstLine is as much of an error as fits a status line.
func firstLine(err error) string {
	line, _, more := strings.Cut(err.Error(), "\n")
	if more {
		line += " (and more)"
	}
	return line
}
