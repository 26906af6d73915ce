package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"time"
)

// Beat is what a heartbeat says.
type Beat struct {
	Seq   uint64
	Wall  time.Time // by the clock of its host
	State string    // "run" or "drain"
	// Locked says that its process locks the file for as long as it lives.
	Locked bool
}

// lockedMark ends the line of a heartbeat that is locked.
const lockedMark = " lock=flock"

// ParseHeartbeat reads the heartbeat of an instance: the name of its file in
// HostsDir, and the file's content.
func ParseHeartbeat(name string, data []byte) (i Instance, b Beat, err error) {
	text, found := strings.CutSuffix(name, beatSuffix)
	if !found {
		return i, b, fmt.Errorf("%q is no heartbeat's name", name)
	}
	if i, err = ParseInstance(text); err != nil {
		return i, b, err
	}
	line, sum, found := strings.Cut(string(data), "crc=")
	line = strings.TrimRight(line, " ")
	if !found || fmt.Sprintf("%08x\n", crc32.ChecksumIEEE([]byte(line))) != sum {
		return i, b, errors.New("a heartbeat that is torn")
	}
	b.Locked = strings.HasSuffix(line, lockedMark)
	var wall string
	if _, err := fmt.Sscanf(line, "UHB1 seq=%d wall=%s state=%s", &b.Seq, &wall, &b.State); err != nil {
		return i, b, fmt.Errorf("heartbeat: %w", err)
	}
	if b.Wall, err = time.Parse(time.RFC3339, wall); err != nil {
		return i, b, fmt.Errorf("heartbeat: %w", err)
	}
	return i, b, nil
}
