package spool

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// formatName is the file that makes a directory a spool.
const formatName = "FORMAT"

// FormatVersion is the layout that this code reads and writes.
const FormatVersion = 1

// Format is what the file FORMAT records about a spool, once and for all.
type Format struct {
	Version int
	ID      string // of this spool, random
	UID     int    // the user that daemons of this spool run as
	GID     int
	// Lease is how long an instance may be silent before others take its jobs.
	// It is a property of the spool: hosts that disagree would take from the living.
	Lease time.Duration
}

// Limits of a lease. A shorter one ends in the pauses that busy hosts and file
// servers make.
const (
	minLease = time.Second
	maxLease = 24 * time.Hour
)

// Bytes returns the file's content: a key and its value on each line.
func (f Format) Bytes() []byte {
	return fmt.Appendf(nil, "uredit-spool %d\nid %s\nuid %d\ngid %d\nlease %v\n", f.Version, f.ID, f.UID, f.GID, f.Lease)
}

// ParseFormat reads the content of FORMAT. Keys that this version does not
// know are somebody's addition and are skipped.
func ParseFormat(data []byte) (Format, error) {
	f := Format{UID: -1, GID: -1, Lease: DefaultLease}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		var err error
		switch key {
		case "uredit-spool":
			f.Version, err = strconv.Atoi(value)
		case "id":
			f.ID = value
		case "uid":
			f.UID, err = strconv.Atoi(value)
		case "gid":
			f.GID, err = strconv.Atoi(value)
		case "lease":
			if f.Lease, err = time.ParseDuration(value); err != nil || f.Lease < minLease || f.Lease > maxLease {
				return Format{}, fmt.Errorf("lease: %q is no duration from %v to %v", value, minLease, maxLease)
			}
		}
		if err != nil {
			return Format{}, fmt.Errorf("%s: %q is not a number", key, value)
		}
	}
	if err := lines.Err(); err != nil {
		return Format{}, err
	}
	if f.Version < 1 || f.UID < 0 || f.GID < 0 || !idPattern(f.ID) {
		return Format{}, errors.New("not the FORMAT file of a spool")
	}
	return f, nil
}

func idPattern(s string) bool {
	return len(s) == 16 && strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}

// establish returns the spool's FORMAT and writes it when there is none. Of
// several daemons that start on a new spool one writes it, all obey it.
func establish(root fileSystem) (Format, error) {
	newcomer := writer{host: "new"} // this host has no id yet
	data, err := root.ReadFile(formatName)
	if errors.Is(err, fs.ErrNotExist) {
		mine := Format{Version: FormatVersion, ID: random36(8) + random36(8), UID: os.Geteuid(), GID: os.Getegid(), Lease: DefaultLease}
		wrote := newcomer.putAbsent(root, formatName, mine.Bytes())
		if data, err = root.ReadFile(formatName); err != nil && wrote != nil {
			return Format{}, fmt.Errorf("write FORMAT: %w", wrote)
		}
	}
	if err != nil {
		return Format{}, fmt.Errorf("read FORMAT: %w", err)
	}
	f, err := ParseFormat(data)
	if err != nil {
		return Format{}, fmt.Errorf("%s/FORMAT: %w", root.Name(), err)
	}
	if f.Version > FormatVersion {
		return Format{}, fmt.Errorf("%s/FORMAT: version %d is newer than this daemon (%d): update ureditd",
			root.Name(), f.Version, FormatVersion)
	}
	if uid, gid := os.Geteuid(), os.Getegid(); f.UID != uid || f.GID != gid {
		return Format{}, fmt.Errorf("%s belongs to uid %d, gid %d, as its FORMAT says, and this daemon runs as uid %d, gid %d: "+
			"start it as that user, or hand the spool over (chown -R %d:%d %s, then the two lines in FORMAT)",
			root.Name(), f.UID, f.GID, uid, gid, uid, gid, root.Name())
	}
	// Whoever was killed in its first moment left a file; whoever is in that
	// moment now needs its own no more, there is a FORMAT.
	_ = newcomer.sweep(root, ".") // a stray file harms nobody
	return f, nil
}
