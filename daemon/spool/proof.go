package spool

import (
	"io"
	"path"
	"syscall"
)

// hold locks the heartbeat's file for as long as this process lives, and writes
// the next line, which says so. Where there are no locks nothing is held, and the
// line says nothing: a lock proves only what its owner announced.
func (h *heartbeat) hold(root fileSystem, state string) error {
	f, err := openLine(root, h.name)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return f.Close()
	}
	h.mu.Lock()
	h.lock = f
	h.mu.Unlock()
	return h.write(root, state)
}

// over returns those of the instances that certainly ended, whatever their host
// called itself and wherever it kept its state: they ran under the kernel that
// runs now, said that they lock their heartbeat, and nobody does. A container
// that is made anew, with a name and disk of its own, finds its work so.
func (s *Spool) over(beating map[Instance]bool) map[Instance]bool {
	ended := map[Instance]bool{}
	if !s.local {
		return ended
	}
	for i := range beating {
		if i != s.instance && i.BootID == s.instance.BootID && s.unlocked(beatFile(i)) {
			ended[i] = true
		}
	}
	return ended
}

// unlocked reports whether a heartbeat that was locked is no longer. What cannot
// be read proves nothing.
func (s *Spool) unlocked(name string) bool {
	f, err := openLine(s.root, name)
	if err != nil {
		return false
	}
	defer f.Close() // it gives the lock back
	line, err := io.ReadAll(io.LimitReader(f, heartbeatBytes))
	if err != nil {
		return false
	}
	if _, b, err := ParseHeartbeat(path.Base(name), line); err != nil || !b.Locked {
		return false
	}
	// A shared lock: daemons that start together do not take each other's look
	// for the owner's life.
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil
}
