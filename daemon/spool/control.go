package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"syscall"
	"time"
)

// The verbs of markers.
const (
	MarkPause    = "PAUSE"   // a host, or all, begins no job and claims nothing
	MarkDrain    = "DRAIN"   // the same, and what runs ends within the drain timeout or waits again
	MarkCancel   = "cancel"  // a job, wherever it is
	MarkHold     = "hold"    // a waiting job stays
	MarkRelease  = "release" // a job on hold waits again
	MarkRetry    = "retry"   // a job that ended badly is dropped once more
	MarkPriority = "prio"    // a waiting job has another priority
)

// A Marker is an empty file in control/ by which a user asks for something.
type Marker struct {
	Name     string // "test_001.cancel", "PAUSE", "DRAIN.gpu-1", "test_001.prio-9"
	Verb     string // MarkPause ...
	Subject  string // J or a job_id; of MarkPause and MarkDrain a host, "" for all
	Priority int    // of MarkPriority: 9 runs first
	UID      int    // its owner
	ModTime  time.Time
}

// Markers lists the markers. Other files in control are left alone.
func (s *Spool) Markers() ([]Marker, error) {
	entries, err := s.listShared(ControlDir)
	if err != nil {
		return nil, fmt.Errorf("read control: %w", err)
	}
	var markers []Marker
	for _, e := range entries {
		m, known := parseMarker(e.Name())
		if !known || junk(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read control: %w", err)
		}
		m.ModTime = info.ModTime()
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			m.UID = int(st.Uid)
		}
		markers = append(markers, m)
	}
	return markers, nil
}

// Unmark removes a marker that was obeyed, or never can be.
func (s *Spool) Unmark(m Marker) error {
	if err := s.root.Remove(path.Join(ControlDir, m.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove marker: %w", err)
	}
	return nil
}
