package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Retire removes the records of jobs that ended before a time from the spool at
// root: requests in done/, failed/ and rejected/ with their reasons. It returns
// the paths of what it removed, relative to the root, or would when dry. Results
// and what users put there are never touched, nor is what lives. No daemon need
// run, and one that does is not disturbed.
func Retire(root string, before time.Time, dry bool) (removed []string, err error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	defer r.Close()
	if _, err := r.Stat(formatName); err != nil {
		return nil, fmt.Errorf("%s is no spool: %w", root, err)
	}
	g := &retirement{root: r, before: before, dry: dry}
	err = errors.Join(g.done(), g.reasons(FailedDir, false), g.reasons(RejectedDir, true))
	return g.removed, err
}

// retirement is one run of Retire.
type retirement struct {
	root    *os.Root
	before  time.Time
	dry     bool
	removed []string
}

// done goes through done/YYYY-MM-DD/J.eEEEE.yaml.
func (g *retirement) done() error {
	days, err := g.list(DoneDir)
	if err != nil {
		return err
	}
	for _, day := range days {
		at, err := time.Parse(time.DateOnly, day.Name())
		if err != nil || !day.IsDir() || !at.AddDate(0, 0, 1).Before(g.before) {
			continue
		}
		dir := path.Join(DoneDir, day.Name())
		entries, err := g.list(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			job, _, _ := strings.Cut(e.Name(), ".")
			if _, err := ClaimTime(job); err == nil && e.Type().IsRegular() {
				if err := g.remove(path.Join(dir, e.Name())); err != nil {
					return err
				}
			}
		}
		if !g.dry {
			_ = g.root.Remove(dir) // not empty: somebody keeps something there
		}
	}
	return nil
}

// reasons goes through the directories of failed/ (J) or rejected/ (J-NAME).
func (g *retirement) reasons(under string, named bool) error {
	entries, err := g.list(under)
	if err != nil {
		return err
	}
	for _, e := range entries {
		job := e.Name()
		if named && len(job) > len(stampLayout)+7 {
			job = job[:len(stampLayout)+7] // "-" and six characters
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := ClaimTime(job); err != nil || !info.IsDir() || !info.ModTime().Before(g.before) {
			continue
		}
		if err := g.reason(path.Join(under, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// reason removes one such directory, unless it holds more than what was written
// there by a daemon.
func (g *retirement) reason(dir string) error {
	entries, err := g.list(dir)
	if err != nil {
		return err
	}
	ours := []string{nestedName, "request.json", "reason.json", "reason.txt"}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return !e.Type().IsRegular() || !slices.Contains(ours, e.Name())
	}) {
		return nil
	}
	if !g.dry {
		for _, e := range entries {
			if err := g.root.Remove(path.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return g.remove(dir)
}

func (g *retirement) remove(name string) error {
	if !g.dry {
		if err := g.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	g.removed = append(g.removed, name)
	return nil
}

// list is a listing in which what is not there is empty: another run was faster.
func (g *retirement) list(dir string) ([]fs.DirEntry, error) {
	entries, err := list(disk{g.root}, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}
