package spool

import (
	"bytes"
	"fmt"
	"strings"
)

// Roots returns the ids that FORMAT records of the directories in which jobs
// read and write, by their paths. It is read anew: other hosts add to it.
func (s *Spool) Roots() (map[string]string, error) {
	data, err := s.root.ReadFile(formatName)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", formatName, err)
	}
	return parseRoots(data), nil
}

// RecordRoot writes a root's id into FORMAT, where it stays, and returns the id
// that FORMAT says: another host may have been faster. A line that two hosts
// write at once may get lost; its root is then recorded at its next use.
func (s *Spool) RecordRoot(dir, id string) (string, error) {
	data, err := s.root.ReadFile(formatName)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", formatName, err)
	}
	if recorded := parseRoots(data)[dir]; recorded != "" {
		return recorded, nil
	}
	if strings.ContainsAny(dir, "\r\n") {
		return id, nil // no line can say it
	}
	data = fmt.Appendf(bytes.TrimRight(data, "\n"), "\nroot %s %s\n", id, dir)
	if err := s.write.replace(s.root, formatName, data); err != nil {
		return "", fmt.Errorf("record root %s: %w", dir, err)
	}
	return id, nil
}

// parseRoots reads the lines  root ID PATH  of FORMAT.
func parseRoots(format []byte) map[string]string {
	roots := map[string]string{}
	for line := range strings.Lines(string(format)) {
		rest, is := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "root ")
		if id, dir, ok := strings.Cut(rest, " "); is && ok {
			roots[dir] = id
		}
	}
	return roots
}
