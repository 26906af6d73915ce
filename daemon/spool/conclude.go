package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A Reason is why a request or a job went where it did.
type Reason struct {
	JSON []byte // reason.json
	Text []byte // reason.txt, for people; not written when empty
}

// Reject moves a request that is no job to rejected/ and returns that
// directory, relative to the root. The request file goes as it was.
func (s *Spool) Reject(c *Claim, why Reason) (dir string, err error) {
	name, file := "request", nestedName
	if c.Source != "" {
		name = printable(Entry{Name: c.Source}.Base())
		if path.Ext(c.Source) == ".json" {
			file = "request.json"
		}
	}
	dir = path.Join(RejectedDir, c.Job+"-"+name)
	if err := s.conclude(c, dir, file, why); err != nil {
		return "", fmt.Errorf("reject %s: %w", c.Job, err)
	}
	return dir, nil
}

// printable keeps what is harmless in a directory's name.
func printable(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == '/' || r == '\x7f' || r == utf8.RuneError {
			return '_'
		}
		return r
	}, name)
	for len(name) > 100 {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// conclude records the end of a job in dir. Whoever lost the job may have been
// about to do the same, and wake up at any time: so the record is made in a
// directory of its epoch, which nobody else writes in, by moving the claim's file
// beside its reason. Then the directory gets its name.
func (s *Spool) conclude(c *Claim, dir, file string, why Reason) error {
	own := unnamed(dir, c.Epoch)
	if !c.recorded {
		err := s.record(c, own, file, why)
		if errors.Is(err, ErrLost) {
			s.discard(own)
		}
		if err != nil {
			return err
		}
		c.recorded = true
	}
	return s.name(own, dir)
}

// unnamed is the directory in which a record is made that gets the name dir.
func unnamed(dir string, epoch int) string {
	return path.Join(path.Dir(dir), fmt.Sprintf(".%s.e%04d", path.Base(dir), epoch))
}

// named undoes unnamed for the last part of such a path, and says whose record it
// is. It reports false for other hidden names.
func named(hidden string) (dir, job string, ok bool) {
	at := strings.LastIndex(hidden, ".e")
	if hidden[0] != '.' || at <= len(jobShape) || !isJob(hidden[1:1+len(jobShape)]) {
		return "", "", false
	}
	return hidden[1:at], hidden[1 : 1+len(jobShape)], true
}

// record moves the claim's file into own, where its reason already lies: the
// rename is the record.
func (s *Spool) record(c *Claim, own, file string, why Reason) error {
	mine, err := s.Holds(c)
	if err != nil {
		return err
	}
	if !mine {
		if recorded, err := contains(s.root, path.Join(own, file)); err == nil && recorded {
			return nil // by an earlier try, whose last step had an error
		}
		return ErrLost
	}
	if err := s.root.Mkdir(own, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := errors.Join(syncDir(s.root, path.Dir(own)), s.write.sweep(s.root, own)); err != nil {
		return err
	}
	if err := s.write.replace(s.root, path.Join(own, "reason.json"), why.JSON); err != nil {
		return err
	}
	if len(why.Text) > 0 {
		if err := s.write.replace(s.root, path.Join(own, "reason.txt"), why.Text); err != nil {
			return err
		}
	}
	return s.move(c.file(), path.Join(own, file))
}

// name gives a record its name, without what was left half made in it. Another
// host may have done so.
func (s *Spool) name(own, dir string) error {
	entries, err := names(s.root, own)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if e[0] != '.' {
			continue
		}
		if err := remove(s.root, path.Join(own, e)); err != nil {
			return err
		}
	}
	err = s.settleRename(s.root.Rename(own, dir), dir)
	if err != nil && !errors.Is(err, ErrLost) { // lost: somebody has removed the record since
		return err
	}
	return syncDir(s.root, path.Dir(dir))
}

// discard removes a record that was not made: the job was lost before. What
// cannot be removed now is removed by the next daemon that starts.
func (s *Spool) discard(own string) {
	entries, err := names(s.root, own)
	if err != nil {
		return
	}
	for _, e := range entries {
		_ = s.root.Remove(path.Join(own, e))
	}
	_ = s.root.Remove(own)
}

// finishRecords names the records whose process died before it could, and removes
// those that were only begun.
func (s *Spool) finishRecords() error {
	for _, under := range []string{FailedDir, RejectedDir} {
		entries, err := names(s.root, under)
		if err != nil {
			return err
		}
		for _, e := range entries {
			dir, job, ok := named(e)
			if !ok {
				continue
			}
			if err := s.finishRecord(path.Join(under, e), path.Join(under, dir), job); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Spool) finishRecord(own, dir, job string) error {
	// In this order: of a job that is over the record is there.
	live, err := s.Live(job)
	if err != nil || live {
		return err
	}
	entries, err := names(s.root, own)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // another host was faster
	case err != nil:
		return err
	case slices.ContainsFunc(entries, func(name string) bool { return strings.HasPrefix(name, "request.") }):
		return s.name(own, dir)
	}
	s.discard(own)
	return nil
}

// Done is the terminal record of a job that ended well. What the job reserved is
// released after it, then the job is forgotten.
func (s *Spool) Done(c *Claim) error {
	dir := path.Join(DoneDir, time.Now().UTC().Format(time.DateOnly))
	if err := s.root.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("record %s as done: %w", c.Job, err)
	}
	// A power cut may not take the day with the records in it, whoever made it.
	if err := syncDir(s.root, DoneDir); err != nil {
		return fmt.Errorf("record %s as done: %w", c.Job, err)
	}
	if err := s.move(c.file(), path.Join(dir, fmt.Sprintf("%s.e%04d.yaml", c.Job, c.Epoch))); err != nil {
		return fmt.Errorf("record %s as done: %w", c.Job, err)
	}
	return nil
}

// Fail is the terminal record of a job that ended badly: failed/J. What follows
// is as with Done.
func (s *Spool) Fail(c *Claim, why Reason) error {
	if err := s.conclude(c, path.Join(FailedDir, c.Job), nestedName, why); err != nil {
		return fmt.Errorf("record %s as failed: %w", c.Job, err)
	}
	return nil
}
