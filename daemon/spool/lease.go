package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultLease is how long a silent instance is waited for in a spool whose
// FORMAT does not say. It is longer than a network file system keeps names and
// attributes cached, twice over.
const DefaultLease = 3 * time.Minute

// Parts of a lease. An owner stops itself at half of it, so that whoever takes
// its jobs over after the whole finds nobody at work.
const (
	beatsPerLease = 18 // heartbeats in a lease
	blindBeats    = 3  // missed rounds after which an observer begins anew
	fenceShare    = 2  // an owner without heartbeat stops after lease/fenceShare
)

// keepDeadHeartbeat is how long the heartbeat of a dead instance that holds
// nothing stays, for people who look for it.
const keepDeadHeartbeat = 7 * 24 * time.Hour

// bootClock is the time since the boot, suspension included. Leases are
// measured with it: the clocks of other hosts say nothing here, and a clock
// that is set or stands still in suspension would end a lease early or never.
func bootClock() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(fmt.Sprintf("read CLOCK_BOOTTIME: %v", err)) // every Linux that Go supports has it
	}
	return time.Duration(t.Nano())
}

// An observer tells from heartbeats which instances are dead: those whose line
// did not change for a whole lease while this process looked without a gap. A
// process that could not look, because its own share was away or it stood
// still, knows nothing about the others and begins anew.
type observer struct {
	lease  time.Duration
	pulses map[Instance]pulse
	last   time.Duration // when the last good round began; 0 before the first
}

// pulse is a heartbeat as it was last seen to change.
type pulse struct {
	line  string
	since time.Duration
}

func newObserver(lease time.Duration) *observer {
	return &observer{lease: lease, pulses: map[Instance]pulse{}}
}

// judge takes the lines of one good round that began and ended then, "" for an
// instance without a heartbeat, and returns the instances that are dead.
func (o *observer) judge(began, ended time.Duration, lines map[Instance]string) []Instance {
	if o.last == 0 || began-o.last > blindBeats*o.lease/beatsPerLease {
		clear(o.pulses)
	}
	o.last = began
	var dead []Instance
	for i, line := range lines {
		p, known := o.pulses[i]
		switch {
		case !known || p.line != line:
			o.pulses[i] = pulse{line: line, since: ended}
		case began-p.since >= o.lease:
			dead = append(dead, i)
		}
	}
	for i := range o.pulses {
		if _, there := lines[i]; !there {
			delete(o.pulses, i)
		}
	}
	return dead
}

// silent returns for how long an instance has been seen unchanged.
func (o *observer) silent(i Instance, now time.Duration) time.Duration {
	p, known := o.pulses[i]
	if !known {
		return 0
	}
	return now - p.since
}

// liveness is this process's own heartbeat and its view of the others'.
type liveness struct {
	clock    func() time.Duration
	observer *observer // used by Round alone
	beaten   atomic.Int64
}

// Lease returns how long an instance of this spool may be silent before others
// take its jobs.
func (s *Spool) Lease() time.Duration { return s.format.Lease }

// BeatInterval returns how often a daemon of this spool calls Round.
func (s *Spool) BeatInterval() time.Duration { return s.format.Lease / beatsPerLease }

// Fenced reports whether this process could not show a sign of life for half a
// lease. Others may soon take its jobs: it must stop its work and begin none,
// until a heartbeat succeeds.
func (s *Spool) Fenced() bool {
	return s.live.clock()-time.Duration(s.live.beaten.Load()) > s.format.Lease/fenceShare
}

// Remark makes this process's heartbeats say what does not work here, for whoever
// looks at the spool; "" that all does. They have room for some 140 characters.
func (s *Spool) Remark(text string) { s.beat.remarks(text) }

// Round writes this process's heartbeat, whose state is a word such as "run" or
// "drain", reads those of the others and returns the dead instances that hold
// jobs. It is called every BeatInterval by one goroutine; a round that fails, or
// comes late, makes every lease begin anew. It may block as long as the share
// does.
func (s *Spool) Round(state string) (dead []Instance, err error) {
	began := s.live.clock()
	if err := s.beat.write(s.root, state); err != nil {
		return nil, fmt.Errorf("write heartbeat: %w", err)
	}
	lines, err := s.heartbeats()
	if err != nil {
		return nil, fmt.Errorf("read heartbeats: %w", err)
	}
	if _, there := lines[s.instance]; there {
		s.live.beaten.Store(int64(began)) // others see it as well
	} else {
		s.beat.lose() // somebody removed it: the next one is a new file
	}
	names, err := s.active()
	if err != nil {
		return nil, fmt.Errorf("read heartbeats: %w", err)
	}
	holders := make(map[Instance]bool, len(names))
	for _, n := range names {
		holders[n.Instance] = true
		if _, beats := lines[n.Instance]; !beats {
			lines[n.Instance] = ""
		}
	}
	delete(lines, s.instance)
	for _, i := range s.live.observer.judge(began, s.live.clock(), lines) {
		switch {
		case holders[i]:
			dead = append(dead, i)
		case lines[i] != "" && s.live.observer.silent(i, began) > keepDeadHeartbeat:
			// Its owner, should it come back, makes a new one.
			_ = s.root.Remove(vitalsFile(i))
			_ = s.root.Remove(beatFile(i))
		}
	}
	slices.SortFunc(dead, func(a, b Instance) int { return strings.Compare(a.String(), b.String()) })
	return dead, nil
}

// heartbeats reads the heartbeat of every instance. Each file is opened afresh:
// only so does a network file system ask its server.
func (s *Spool) heartbeats() (map[Instance]string, error) {
	entries, err := names(s.root, HostsDir)
	if err != nil {
		return nil, err
	}
	lines := make(map[Instance]string, len(entries))
	for _, e := range entries {
		base, isBeat := strings.CutSuffix(e, beatSuffix)
		i, err := ParseInstance(base)
		if !isBeat || err != nil {
			continue
		}
		line, err := readLine(s.root, path.Join(HostsDir, e))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it ended meanwhile
		}
		if err != nil {
			return nil, err
		}
		lines[i] = line
	}
	return lines, nil
}

// openLine opens a heartbeat for reading.
func openLine(root fileSystem, name string) (file, error) {
	return root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
}

func readLine(root fileSystem, name string) (string, error) {
	f, err := openLine(root, name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, heartbeatBytes))
	return string(data), err
}

// Refresh makes a network file system look again at the directories that are
// scanned: NFS version 3 overlooks a name that another host made within the
// same tick of the server's clock as the last listing, until the directory
// changes once more. The change is a directory that is made and removed.
func (s *Spool) Refresh() error {
	var errs []error
	for _, dir := range []string{InboxDir, ControlDir, QueueDir, ActiveDir, HostsDir} {
		errs = append(errs, s.stir(dir))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("refresh listings: %w", err)
	}
	return nil
}

func (s *Spool) stir(dir string) error {
	name := s.write.temp(dir)
	if err := s.root.Mkdir(name, 0o700); err != nil {
		return err
	}
	err := remove(s.root, name)
	for try := 0; err != nil && transient(err) && try < 3; try++ {
		err = remove(s.root, name)
	}
	return err
}
