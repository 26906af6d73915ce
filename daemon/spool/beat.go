package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
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
	// Remark is what does not work on its host, "" when all does.
	Remark string
}

// A remark follows the state: quoted, in ASCII, and short enough for the line.
const (
	remarkMark  = " remark="
	remarkBytes = 150
)

// quoteWithin quotes text, of which it leaves out the end where it would take
// more than most bytes.
func quoteWithin(text string, most int) string {
	quoted := strconv.QuoteToASCII(text)
	cut := []rune(text)
	for cut = cut[:min(len(cut), most)]; len(quoted) > most; quoted = strconv.QuoteToASCII(string(cut) + "...") {
		cut = cut[:len(cut)-1]
	}
	return quoted
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
	line, sum := string(data), ""
	at := strings.LastIndex(line, "crc=") // a remark may say so as well
	if at >= 0 {
		line, sum = strings.TrimRight(line[:at], " "), line[at+len("crc="):]
	}
	if at < 0 || fmt.Sprintf("%08x\n", crc32.ChecksumIEEE([]byte(line))) != sum {
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
	if _, after, found := strings.Cut(line, remarkMark); found {
		quoted, err := strconv.QuotedPrefix(after)
		if err != nil {
			return i, b, fmt.Errorf("heartbeat: remark: %w", err)
		}
		b.Remark, _ = strconv.Unquote(quoted) // it is quoted
	}
	return i, b, nil
}
