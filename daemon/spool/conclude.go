package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
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
	dir, err = s.rejection(c.Job, name)
	if err != nil {
		return "", fmt.Errorf("reject %s: %w", c.Job, err)
	}
	if err := s.conclude(c, dir, file, why); err != nil {
		return "", fmt.Errorf("reject %s: %w", c.Job, err)
	}
	return dir, nil
}

// rejection returns the directory of a rejected claim. A process that died
// over it may have made it already.
func (s *Spool) rejection(job, name string) (string, error) {
	entries, err := names(s.root, RejectedDir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if strings.HasPrefix(e, job+"-") {
			return path.Join(RejectedDir, e), nil
		}
	}
	return path.Join(RejectedDir, job+"-"+name), nil
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

// conclude writes the reason into dir, then moves the claim's file there: the
// rename is the record, the reason is already beside it.
func (s *Spool) conclude(c *Claim, dir, file string, why Reason) error {
	// Who lost the job meanwhile must not leave a reason for it.
	mine, err := s.Holds(c)
	if err != nil {
		return err
	}
	if !mine {
		if recorded, err := contains(s.root, path.Join(dir, file)); err == nil && recorded {
			return nil // by an earlier try, whose last step had an error
		}
		return ErrLost
	}
	if err := s.root.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := errors.Join(syncDir(s.root, path.Dir(dir)), s.write.sweep(s.root, dir)); err != nil {
		return err
	}
	if err := s.write.replace(s.root, path.Join(dir, "reason.json"), why.JSON); err != nil {
		return err
	}
	if len(why.Text) > 0 {
		if err := s.write.replace(s.root, path.Join(dir, "reason.txt"), why.Text); err != nil {
			return err
		}
	}
	return s.move(c.file(), path.Join(dir, file))
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
