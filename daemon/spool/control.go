package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"time"
)

// A Marker is an empty file in control/ by which a user asks for something.
type Marker struct {
	Name    string // "test_001.cancel", "PAUSE"
	Subject string // J or a job_id; "" for PAUSE
	Verb    string // "cancel", "PAUSE"
	UID     int    // its owner
	ModTime time.Time
}

// Markers lists the markers of this version: SUBJECT.cancel and PAUSE. Other
// files in control are left alone.
func (s *Spool) Markers() ([]Marker, error) {
	entries, err := s.listShared(ControlDir)
	if err != nil {
		return nil, fmt.Errorf("read control: %w", err)
	}
	var markers []Marker
	for _, e := range entries {
		m := Marker{Name: e.Name()}
		switch {
		case junk(m.Name) || !e.Type().IsRegular():
			continue
		case m.Name == "PAUSE":
			m.Verb = m.Name
		case strings.HasSuffix(m.Name, ".cancel"):
			m.Subject, m.Verb = strings.TrimSuffix(m.Name, ".cancel"), "cancel"
		default:
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
