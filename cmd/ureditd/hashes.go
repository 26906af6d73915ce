package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// hashes are the sha256 of a bundle's files, and what the files were when they
// were hashed: an engine loads a file anew that was replaced, and its old hash
// would be a false word in job.json.
type hashes struct {
	dir   string
	sums  map[string]string // by slash-separated path
	files map[string]fs.FileInfo
}

// replaced stands for the hash of a file that is another one now.
const replaced = "replaced since the start; restart to verify it"

func noted(dir string, sums map[string]string) hashes {
	h := hashes{dir: dir, sums: sums, files: map[string]fs.FileInfo{}}
	for name := range sums {
		if info, err := os.Stat(h.path(name)); err == nil {
			h.files[name] = info
		}
	}
	return h
}

func (h hashes) path(name string) string { return filepath.Join(h.dir, filepath.FromSlash(name)) }

// below adds the hashes of the files whose path begins with prefix to a map.
func (h hashes) below(prefix string, to map[string]string) {
	for name, sum := range h.sums {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		now, err := os.Stat(h.path(name))
		if then := h.files[name]; then != nil && (err != nil || !os.SameFile(then, now) || then.Size() != now.Size() || !then.ModTime().Equal(now.ModTime())) {
			sum = replaced
		}
		to[name] = sum
	}
}
