package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// sealEnd is the ending of a seal's name.
const sealEnd = ".seal"

// seal is the record of files that are complete, and of what they were made
// from. Its file is the sha256 of the JSON that follows, a line feed, the JSON: a
// seal that was half written, or changed since, is none.
type seal[F any] struct {
	Key      string       `json:"key"`      // hash of what the files depend on
	Attempt  int          `json:"attempt"`  // that made them; for people
	Provider string       `json:"provider"` // Origin's
	Files    []sealedFile `json:"files"`
	Facts    F            `json:"facts"` // what is not in the files
}

// sealedFile is a file as it was when it was sealed.
type sealedFile struct {
	Name   string `json:"name"` // in the working directory
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// errSpoilt is the error of a seal or a file that is not as it was sealed.
var errSpoilt = errors.New("it is not as it was sealed")

// write makes files durable, notes what they are, and writes the seal.
func (s *seal[F]) write(work *os.Root, name string, files ...string) error {
	for _, n := range files {
		f, err := measure(work, n, true)
		if err != nil {
			return fmt.Errorf("seal %s: %w", n, err)
		}
		s.Files = append(s.Files, f)
	}
	body, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("seal %s: %w", name, err)
	}
	f, err := createIn(work, name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s\n%s", digest(body), body)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// readSeal returns the seal of that name and key whose files are all as they
// were sealed; nil where there is no seal.
func readSeal[F any](work *os.Root, name, key string) (*seal[F], error) {
	data, err := work.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	sum, body, _ := bytes.Cut(data, []byte("\n"))
	if string(sum) != digest(body) {
		return nil, fmt.Errorf("read %s: %w", name, errSpoilt)
	}
	s := &seal[F]{}
	if err := json.Unmarshal(body, s); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if s.Key != key {
		return nil, fmt.Errorf("read %s: it was made from something else", name)
	}
	for _, want := range s.Files {
		got, err := measure(work, want.Name, false)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if got != want {
			return nil, fmt.Errorf("read %s: %s: %w", name, want.Name, errSpoilt)
		}
	}
	return s, nil
}

// measure looks at all of a file, and makes it durable before if told to.
func measure(work *os.Root, name string, durable bool) (sealedFile, error) {
	f, err := work.Open(name)
	if err != nil {
		return sealedFile{}, err
	}
	defer f.Close()
	if durable {
		if err := f.Sync(); err != nil {
			return sealedFile{}, err
		}
	}
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return sealedFile{Name: name, Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

// digest is the sha256 of b in hexadecimal.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
