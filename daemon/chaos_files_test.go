package daemon

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// lines wants the growing files of a job that is over to be lines.
func (c *checker) lines(id, out string) {
	for name, is := range map[string]func(line string) bool{
		job.EventsName:  isJSON,
		id + "_log.txt": func(line string) bool { return !strings.Contains(line, "\x00") },
	} {
		data, err := os.ReadFile(filepath.Join(out, name))
		if err != nil || !strings.HasSuffix(string(data), "\n") {
			c.violate("%s is over: %s ends in %.80q, %v", id, name, data[max(0, len(data)-80):], err)
		}
		for line := range strings.Lines(string(data)) {
			if !is(line) {
				c.violate("%s is over: %s has the line %.80q", id, name, line)
			}
		}
	}
}

// rejection returns why a request was rejected.
func (c *checker) rejection(where string) (code string) {
	why, err := readJSON(c.site.path("spool", filepath.Dir(where), "reason.json"), func(data []byte) (r reason, err error) {
		err = json.Unmarshal(data, &r)
		return r, err
	})
	if err != nil || len(why.Errors) == 0 {
		c.violate("%s: %+v, %v", where, why, err)
		return ""
	}
	return why.Errors[0].Code
}

func isJSON(text string) bool { return json.Valid([]byte(text)) }

func readJSON[T any](name string, parse func([]byte) (T, error)) (v T, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return v, err
	}
	return parse(data)
}

// public returns the files of an output directory that users see.
func (c *checker) public(out string) map[string]fileState {
	files := map[string]fileState{}
	c.walk(out, func(name string, info os.FileInfo) {
		if !strings.HasPrefix(name, spool.WorkDir+"/") {
			files[name] = fileState{size: info.Size(), mtime: info.ModTime(), inode: info}
		}
	})
	return files
}

// litter returns what no job needs once all are over.
func (s site) litter() (left []string) {
	for _, pattern := range []string{
		"spool/inbox/*", "spool/spool/queue/*", "spool/spool/active/*", "spool/spool/ids/*", "spool/spool/requests/*",
		"spool/*/.tmp-*", "spool/spool/*/.tmp-*", "data/*/" + spool.WorkDir, "data/*/" + spool.WorkDir + "/*", "spool/failed/*/.tmp-*",
	} {
		names, err := filepath.Glob(s.path(pattern))
		if err != nil {
			panic(err) // the patterns are constants
		}
		for _, name := range names {
			// A directory that a host makes and removes to be shown fresh listings may
			// be there when everybody is halted, or go then: a server may be late.
			info, err := os.Lstat(name)
			if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() && strings.HasPrefix(filepath.Base(name), ".tmp-") {
				continue
			}
			left = append(left, name)
		}
	}
	return left
}

func (s site) tidy() bool { return len(s.litter()) == 0 }
