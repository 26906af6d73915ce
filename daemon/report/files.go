package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"uredit/daemon/atomicfile"
	"uredit/daemon/job"
)

// fileMode lets the directory's group, whose members share the results, write;
// the umask may take from it.
const fileMode = 0o664

// How large the files may be. An attempt takes over half of what the log may
// hold at most.
const (
	maxLogBytes    = 32 << 20
	keptLogBytes   = maxLogBytes / 2
	keptEventBytes = 16 << 20
	maxRecordBytes = 4 << 20
)

// write brings all files up to date. A loss of power never leaves one of them
// half; with sync it does not undo this write either.
func (r *Reporter) write(sync bool) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	r.measure()
	r.record.Seq++
	r.record.Heartbeat = now()
	r.lastOne = time.Now()
	record, status, pending := r.record.JSON(), r.record.Status.JSON(), r.events.take()
	kept := path.Join(r.attemptName, fmt.Sprintf("%s.%d", job.StatusName, r.record.Seq))
	r.dirty = false
	r.mu.Unlock()

	err := r.flush(pending, sync)
	// The record first: who sees the status finished finds the record so.
	err = errors.Join(err, r.replace(job.RecordName, record))
	if keepStatus(r.dir, kept) {
		r.kept = append(r.kept, replaced{name: kept, at: time.Now()})
	}
	err = errors.Join(err, r.replace(job.StatusName, status))
	if err != nil {
		r.mu.Lock()
		r.dirty = true
		r.mu.Unlock()
		return err
	}
	if sync {
		return syncDir(r.dir)
	}
	return nil
}

// flush appends events; those that do not get in are tried again.
func (r *Reporter) flush(pending []byte, sync bool) error {
	n, err := r.eventsFile.Write(pending)
	if err == nil && sync {
		err = r.eventsFile.Sync()
	}
	if err != nil {
		r.mu.Lock()
		r.events.putBack(pending[n:])
		r.mu.Unlock()
		return fmt.Errorf("write %s: %w", job.EventsName, err)
	}
	return nil
}

// keepFor is how long a replaced status.json keeps a name: long against the time
// between a reader's open and its read, short against what a network client
// remembers, for as long as there is the old file it may be shown.
const keepFor = time.Second

// replaced is a status.json that was replaced.
type replaced struct {
	name string
	at   time.Time
}

// keepStatus gives the status.json that is about to be replaced another name as
// well. NFS 3 knows no open files: who has opened it and not read it yet could not
// read it any more when nothing has a name for it. It returns false where there
// are no hard links, or nothing to keep.
func keepStatus(dir *os.Root, kept string) bool {
	_ = dir.Remove(kept)
	return dir.Link(job.StatusName, kept) == nil
}

// keptOf returns the name that is kept of the status.json which WriteQueued
// replaces: it outlives the directory that is made for the writing. The next
// attempt removes it; a job that ends without one leaves it to be swept up with
// what is left of its reservation.
func keptOf(attempt, token string) string {
	return path.Join(path.Dir(attempt), ".tmp-"+token+".status")
}

// dropStatus removes what was kept for so long.
func (r *Reporter) dropStatus(long time.Duration) {
	r.writing.Lock()
	defer r.writing.Unlock()
	for len(r.kept) > 0 && time.Since(r.kept[0].at) >= long {
		_ = r.dir.Remove(r.kept[0].name) // what stays goes with the attempt's directory
		r.kept = r.kept[1:]
	}
}

func (r *Reporter) replace(name string, data []byte) error {
	return replace(r.dir, path.Join(r.attemptName, name+".tmp"), name, data)
}

// replace gives dir the file name with data, by way of the temporary name tmp.
func replace(dir *os.Root, tmp, name string, data []byte) error {
	if err := atomicfile.Replace(dir, tmp, name, data, fileMode); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// syncDir makes the names in dir survive a loss of power, where the file system
// can do that.
func syncDir(dir *os.Root) error {
	f, err := dir.Open(".")
	if err != nil {
		return fmt.Errorf("open directory to sync: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// takeOver starts a growing file of this attempt, with the lines that earlier
// attempts wrote when it is this job's, and puts it in the place of the public
// one. At most limit bytes are taken, the last ones.
func (r *Reporter) takeOver(name string, mine bool, limit int64) (f *os.File, size int64, err error) {
	var before []byte
	if mine {
		before, err = readTail(r.dir, name, limit)
		if err != nil {
			return nil, 0, fmt.Errorf("take over %s: %w", name, err)
		}
	}
	f, err = atomicfile.Create(r.attempt, name, os.O_APPEND, fileMode)
	if err != nil {
		return nil, 0, fmt.Errorf("start %s: %w", name, err)
	}
	if _, err = f.Write(before); err == nil {
		err = f.Sync() // before it has the name, as with any other
	}
	if err == nil {
		err = atomicfile.RenameOwn(r.dir, path.Join(r.attemptName, name), name)
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("start %s: %w", name, err), f.Close())
	}
	return f, int64(len(before)), nil
}

// readTail returns the whole lines within the last limit bytes of a regular
// file, nothing where there is none. What a crash spoilt is left out: a last line
// that is cut off, and lines of which a loss of power left zeros.
func readTail(dir *os.Root, name string, limit int64) ([]byte, error) {
	f, err := openRegular(dir, name)
	if f == nil || err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-limit)
	data, err := io.ReadAll(io.LimitReader(io.NewSectionReader(f, from, info.Size()-from), limit))
	if err != nil {
		return nil, err
	}
	if from > 0 {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	data = data[:bytes.LastIndexByte(data, '\n')+1]
	if bytes.IndexByte(data, 0) < 0 {
		return data, nil
	}
	var whole []byte
	for line := range bytes.Lines(data) {
		if bytes.IndexByte(line, 0) < 0 {
			whole = append(whole, line...)
		}
	}
	return whole, nil
}

// openRegular opens a file that others could have put in the place of ours: it
// does not wait at a pipe. It returns nil where there is no regular file.
func openRegular(dir *os.Root, name string) (*os.File, error) {
	info, err := dir.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// readRecord returns the job.json that is there, or nil: what cannot be read
// says nothing about this job.
func readRecord(dir *os.Root) *job.Record {
	f, err := openRegular(dir, job.RecordName)
	if f == nil || err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRecordBytes))
	if err != nil {
		return nil
	}
	record, err := job.ParseRecord(data)
	if err != nil {
		return nil
	}
	return &record
}

// newRecord returns the record of a job that waits for an attempt. Of an
// earlier record of the same job it keeps the progress and what was found out,
// of any earlier record the list of files that are not strangers'.
func newRecord(req *job.Request, dirPath, token string, attempt int, before *job.Record) job.Record {
	at := now()
	logs := filepath.Join(dirPath, req.LogName())
	r := job.Record{
		SchemaVersion: job.SchemaVersion,
		Status:        job.Status{JobID: req.JobID, Status: job.Queued, LogsPath: &logs},
		Token:         token, Attempt: attempt, QueuedAt: at, UpdatedAt: at, Heartbeat: at,
		Params: *req, Seed: req.Seed,
		Stages: []job.StageTime{}, Files: []string{}, Warnings: []job.Warning{},
	}
	if before != nil {
		r.Files = union(r.Files, before.Files...)
	}
	r.Files = union(r.Files, req.LogName(), job.EventsName)
	if before != nil && before.Token == token {
		r.QueuedAt, r.Progress = before.QueuedAt, before.Progress
		r.MaskPreviewPath, r.Input, r.FromCache = before.MaskPreviewPath, before.Input, before.FromCache
	}
	return r
}
