package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"time"
)

// An Entry says what one job made.
type Entry struct {
	JobID  string    `json:"job_id"`
	Job    string    `json:"job"` // the spool's name of the job
	Host   string    `json:"host"`
	MadeAt time.Time `json:"made_at"`
	Files  []File    `json:"files"`
	// Meta is the caller's own record of what the files are, JSON.
	Meta json.RawMessage `json:"meta"`
}

// File is one file of an entry.
type File struct {
	Name   string `json:"name"` // plain, without a directory
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // in hex
}

// size returns the bytes of an entry's files.
func (e *Entry) size() (n int64) {
	for _, f := range e.Files {
		n += f.Bytes
	}
	return n
}

// valid reports whether the files have names that may be made in a directory.
func (e *Entry) valid() bool {
	for _, f := range e.Files {
		if f.Name == "" || f.Name == entryName || f.Name != path.Base(path.Clean("/"+f.Name)) || !isSum(f.SHA256) {
			return false
		}
	}
	return len(e.Files) > 0
}

// The file of an entry is JSON behind a line with its SHA-256.
func formatEntry(e *Entry) ([]byte, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return append([]byte(hex.EncodeToString(sum[:])+"\n"), data...), nil
}

func parseEntry(data []byte) (e Entry, err error) {
	const head = 2*sha256.Size + 1
	if len(data) < head {
		return Entry{}, fmt.Errorf("%w: %s ends early", ErrSpoilt, entryName)
	}
	sum := sha256.Sum256(data[head:])
	if string(data[:head]) != hex.EncodeToString(sum[:])+"\n" {
		return Entry{}, fmt.Errorf("%w: %s has another hash", ErrSpoilt, entryName)
	}
	if err := json.Unmarshal(data[head:], &e); err != nil || !e.valid() {
		return Entry{}, fmt.Errorf("%w: %s is of another form", ErrSpoilt, entryName)
	}
	return e, nil
}
