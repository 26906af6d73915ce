package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"uredit/daemon/atomicfile"
)

// A Claim is a job that this process holds: a name in active. It is used by
// one goroutine at a time. After Reject, Enqueue, Done, Fail or Requeue it is
// over.
type Claim struct {
	ActiveName
	// Source is the request's name below inbox, "" when a predecessor claimed
	// it and did not live to use it.
	Source string
	entry  Entry
	// stranger says that another file than entry was moved and could not be
	// given back yet.
	stranger bool
	recorded bool // its terminal record is made, and may lack its name
}

func (c *Claim) file() string { return path.Join(ActiveDir, c.ActiveName.String()) }

// Claim takes a request out of the inbox. The rename decides between several
// daemons: the others get ErrLost, and so does a request that was replaced or
// written to since the look, which stays in the inbox.
func (s *Spool) Claim(e Entry) (*Claim, error) {
	c := &Claim{
		ActiveName: ActiveName{
			JobName:  JobName{Job: NewJob(time.Now()), Epoch: 1},
			Instance: s.instance,
		},
		Source: e.Name,
		entry:  e,
	}
	if err := s.claim(c, e); err != nil {
		return nil, fmt.Errorf("claim inbox/%s: %w", e.Name, err)
	}
	return c, nil
}

func (s *Spool) claim(c *Claim, e Entry) error {
	ended := s.trace(path.Join(InboxDir, e.Name), c.file())
	err := s.settleRename(s.root.RenameRequest(e.Name, c.file()), c.file())
	if err != nil && !errors.Is(err, errUnsure) {
		ended(err)
		return err
	}
	// From here on the claim is this process's, or Read finds that it is not:
	// whoever dropped an error now would make it nobody's.
	s.syncMove(path.Join(InboxDir, e.Name), c.file())
	ended(err)
	now, err := s.stat(c)
	if err == nil && (now.Inode != e.Inode || now.Size != e.Size) {
		if err := s.giveBack(c.file(), e.Name); err == nil {
			return ErrLost
		}
		c.stranger = true
	}
	return nil
}

// hold notes that this process takes an active name, and reports false when it
// did so before. An old listing of the queue may show a job that this process
// has already taken; the rename's error, and the name in active, would look
// like a success whose answer was lost.
func (s *Spool) hold(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.held[name]; taken {
		return false
	}
	s.held[name] = struct{}{}
	return true
}

// letGo forgets an active name that this process did not get.
func (s *Spool) letGo(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, name)
}

// stat looks at the file of a claim. Its times are not compared: a rename
// changes them on some file systems.
func (s *Spool) stat(c *Claim) (Entry, error) {
	info, err := s.root.Lstat(c.file())
	if err != nil {
		return Entry{}, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() {
		return Entry{}, nil
	}
	return Entry{Size: st.Size, Inode: st.Ino}, nil
}

// giveBack puts a file from active into the inbox, under another name when its
// own is taken again. A link never replaces a file; a rename would.
func (s *Spool) giveBack(file, name string) error {
	back := path.Join(InboxDir, name)
	err := fs.ErrExist
	if !strings.Contains(name, "/") { // a directory of the inbox may have become a link
		err = s.link(file, back)
	}
	if err != nil {
		ext := path.Ext(name)
		flat := strings.ReplaceAll(strings.TrimSuffix(name, ext), "/", "-")
		back = path.Join(InboxDir, flat+"-"+random36(6)+ext)
		err = s.link(file, back)
	}
	if err != nil {
		return fmt.Errorf("give back %s: %w", name, err)
	}
	return errors.Join(remove(s.root, file), syncDir(s.root, InboxDir), syncDir(s.root, ActiveDir))
}

// link gives a file a second name. One that has it already got it by a link whose
// answer was lost.
func (s *Spool) link(file, name string) error {
	err := s.root.Link(file, name)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	a, errA := s.root.Lstat(file)
	b, errB := s.root.Lstat(name)
	if errA == nil && errB == nil && atomicfile.Same(a, b) {
		return nil
	}
	return err
}

// Return gives a claim that was not decided about back to the inbox, where any
// host may claim it. One that is suspected of ending its daemon stays where it
// is, with what is held against it, for this host's next daemon.
func (s *Spool) Return(c *Claim) error {
	if c.Alone() {
		return nil
	}
	name := c.Source
	if name == "" {
		name = c.Job + ".yaml"
	}
	ended := s.trace(c.file(), path.Join(InboxDir, name))
	err := s.giveBack(c.file(), name)
	ended(err)
	return err
}

// Read returns the content of a claimed request, at most limit bytes of it.
// What is not a regular file reads as an error. ErrLost says that the claim is
// not, or no longer, this process's.
func (s *Spool) Read(c *Claim, limit int64) ([]byte, error) {
	if c.stranger {
		if err := s.giveBack(c.file(), c.Source); err != nil {
			return nil, fmt.Errorf("read request: %w", err)
		}
		return nil, fmt.Errorf("read request: %w", ErrLost)
	}
	f, err := s.root.OpenFile(c.file(), os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if there, listed := contains(s.root, c.file()); listed == nil && !there {
			err = fmt.Errorf("%w: %w", ErrLost, err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read request: %s is no regular file", c.ActiveName)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// Enqueue makes a claim a job that waits for a device. Data is the request as
// it was checked: it is kept as the job's truth. Rank 0 runs first, 9 last.
func (s *Spool) Enqueue(c *Claim, data []byte, rank int) (QueueName, error) {
	if err := s.write.putAbsent(s.root, requestFile(c.Job), data); err != nil && !errors.Is(err, fs.ErrExist) {
		return QueueName{}, fmt.Errorf("enqueue %s: %w", c.Job, err)
	}
	if err := s.keepNewcomer(c); err != nil {
		return QueueName{}, fmt.Errorf("enqueue %s: %w", c.Job, err)
	}
	return s.enqueue(c, rank, time.Now())
}

// keepNewcomer gives a file back that took the place of the claimed one: a
// rename that a client repeats late moves whatever then has the inbox's name.
func (s *Spool) keepNewcomer(c *Claim) error {
	if c.Source == "" {
		return nil
	}
	now, err := s.stat(c)
	if err != nil || now.Inode == c.entry.Inode {
		return err
	}
	data, err := s.root.ReadFile(requestFile(c.Job))
	if err != nil {
		return err
	}
	if err := s.giveBack(c.file(), c.Source); err != nil {
		return err
	}
	return s.write.putAbsent(s.root, c.file(), data)
}

func (s *Spool) enqueue(c *Claim, rank int, since time.Time) (QueueName, error) {
	q := QueueName{JobName: c.JobName, Rank: min(max(rank, 0), 9), Enqueued: since.UTC().Truncate(time.Millisecond)}
	if err := s.move(c.file(), path.Join(QueueDir, q.String())); err != nil {
		return QueueName{}, fmt.Errorf("enqueue %s: %w", c.Job, err)
	}
	return q, nil
}

func requestFile(job string) string { return path.Join(RequestsDir, job+".yaml") }

// Request returns the request of an accepted job, as it was when it was
// checked.
func (s *Spool) Request(job string) ([]byte, error) {
	data, err := s.root.ReadFile(requestFile(job))
	if err != nil {
		return nil, fmt.Errorf("read the request of %s: %w", job, err)
	}
	return data, nil
}

// Forget removes the accepted request of a job that is over and holds no
// reservation any more.
func (s *Spool) Forget(job string) error {
	for _, file := range []string{rankFile(job), requestFile(job)} {
		if err := s.root.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget %s: %w", job, err)
		}
	}
	return nil
}

// Take makes a waiting job this process's own, with a new epoch. The listing that
// showed it may be old: a name that is gone costs a rename that fails. ErrLost
// says that another process has it. After any other error the job may be this
// process's all the same: taking it again, listed in the queue or not, tells.
func (s *Spool) Take(q QueueName) (*Claim, error) {
	c := &Claim{ActiveName: ActiveName{JobName: q.JobName, Instance: s.instance}}
	c.Epoch++
	if c.Epoch > maxEpoch {
		return nil, fmt.Errorf("take %s: it was taken %d times", q.Job, maxEpoch)
	}
	if !s.hold(c.file()) {
		return nil, fmt.Errorf("take %s: %w", q.Job, ErrLost)
	}
	if err := s.move(path.Join(QueueDir, q.String()), c.file()); err != nil {
		s.letGo(c.file())
		return nil, fmt.Errorf("take %s: %w", q.Job, err)
	}
	return c, nil
}
