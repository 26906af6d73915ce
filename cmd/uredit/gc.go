package main

import (
	"errors"
	"fmt"
	"time"

	"uredit/daemon/cache"
	"uredit/daemon/spool"
)

// minAge is the least age of what gc removes: a job that ended yesterday is
// still looked at.
const minAge = 24 * time.Hour

// gc removes the records of jobs that ended long ago from the spool, and what was
// not used for as long from the cache. It needs the right to write there: root,
// or the daemon's user.
func (c *client) gc(args []string) error {
	set := c.flags("gc")
	dry := set.Bool("dry-run", false, "say what would be removed, and remove nothing")
	days := set.Int("days", 30, "how many `days` records are kept, 1 or more")
	rest, err := c.parse(set, args, true)
	if err != nil {
		return err
	}
	age := time.Duration(*days) * 24 * time.Hour
	if len(rest) > 0 || age < minAge || *days > 36500 {
		return usageError("gc takes --dry-run and --days N, with N from 1 to 36500")
	}
	v, err := c.view()
	if err != nil {
		return err
	}
	_, cacheDir, err := c.places()
	if err != nil {
		return err
	}
	before := time.Now().Add(-age)
	removed, err := spool.Retire(v.root, before, *dry)
	unused, failed := cache.Retire(cacheDir, before, *dry)
	for _, k := range unused {
		removed = append(removed, cache.DirName+"/"+string(k))
	}
	if err = errors.Join(err, failed); err != nil {
		err = fmt.Errorf("gc: %w (root and the daemon's user may remove records)", err)
	}
	if c.format == formatJSON {
		if removed == nil {
			removed = []string{}
		}
		return errors.Join(err, c.json(map[string]any{"dry_run": *dry, "removed": removed}))
	}
	for _, name := range removed {
		if err := c.line("%s", name); err != nil {
			return err
		}
	}
	verb := "removed"
	if *dry {
		verb = "to be removed"
	}
	return errors.Join(err, c.line("%d %s, results untouched", len(removed), verb))
}
