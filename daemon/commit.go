package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"syscall"

	"uredit/daemon/atomicfile"
	"uredit/daemon/job"
	"uredit/daemon/report"
	"uredit/daemon/roots"
	"uredit/daemon/spool"
)

// commitName is, in an attempt's directory, the record of a finished edit.
const commitName = "commit.json"

// A commit is the record of an edit whose results are complete and synced. Once
// the spool's name of the job says so too, the edit is never made again: whoever
// has the job gives the files their public names.
type commit struct {
	Files    []commitFile  `json:"files"`
	Mask     string        `json:"mask,omitempty"` // public name of the mask preview
	Result   report.Result `json:"result"`
	Warnings []string      `json:"warnings,omitempty"`
	// FromCache says which job made the files, where it was another.
	FromCache *job.FromCache `json:"from_cache,omitempty"`
}

// commitFile is one result on its way out.
type commitFile struct {
	From   string `json:"from"` // below the attempt's working directory
	To     string `json:"to"`   // in the output directory
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// writeCommit leaves a commit in the attempt's directory, durably.
func (a *attempt) writeCommit(c commit) error {
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode %s: %w", commitName, err)
	}
	if err := atomicfile.Replace(a.files, commitName+".tmp", commitName, data, 0o644); err != nil {
		return err
	}
	return errors.Join(syncNames(a.work), syncNames(a.files))
}

// A goneError says that a result that was complete is there no longer.
type goneError struct{ name string }

func (e *goneError) Error() string {
	return fmt.Sprintf("%s was complete, and is gone or another file", e.name)
}

// readCommit returns the commit of a job, and the directories in which its files
// may be, the newest first. Only listings that a network client asked its server
// for prove that there is none.
func readCommit(out *roots.Dir, j string) (c commit, dirs []string, err error) {
	_ = atomicfile.Stir(out.Root, spool.WorkDir)
	names, err := listed(out, spool.WorkDir)
	if err != nil {
		return commit{}, nil, err
	}
	slices.Sort(names)
	found := false
	for _, name := range slices.Backward(names) {
		if _, is := attemptEpoch(name, j); !is {
			continue
		}
		dir := path.Join(spool.WorkDir, name)
		dirs = append(dirs, dir)
		if found {
			continue
		}
		data, err := readListed(out, dir, commitName)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue
		}
		if err != nil {
			return commit{}, nil, err
		}
		if err := json.Unmarshal(data, &c); err != nil {
			return commit{}, nil, &goneError{name: commitName}
		}
		found = true
	}
	if !found {
		return commit{}, nil, &goneError{name: commitName}
	}
	return c, dirs, nil
}

// listed returns the names in a directory of an output directory. One that is not
// there is a *goneError.
func listed(out *roots.Dir, dir string) ([]string, error) {
	f, err := out.Open(dir + "/.") // a pipe in its place would be waited for
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, &goneError{name: dir}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// readListed reads a file of an attempt's directory. One that is listed there and
// cannot be found is an error that passes: a network client may remember for a
// while that there was no such name.
func readListed(out *roots.Dir, dir, name string) ([]byte, error) {
	data, err := out.ReadRegular(path.Join(dir, name))
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	_ = atomicfile.Stir(out.Root, dir)
	names, failed := listed(out, dir)
	switch {
	case slices.Contains(names, name):
		return nil, fmt.Errorf("read %s, which is listed: %w", name, syscall.ESTALE)
	case passing(failed):
		return nil, failed
	}
	return nil, err
}
