package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"syscall"
)

// Live reports whether a job is waiting or held by any process.
func (s *Spool) Live(job string) (bool, error) {
	file, err := s.find(job)
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", job, err)
	}
	return file != "", nil
}

// find returns the file of a live job, "" when there is none.
func (s *Spool) find(job string) (file string, err error) {
	err = s.eachLive(func(j, name string) bool {
		if j == job {
			file = name
		}
		return j == job
	})
	return file, err
}

// eachLive calls f with each live job and its file until f returns true. A job
// that moves between the directories is seen in one of them: those that it may
// have moved to are listed once more.
func (s *Spool) eachLive(f func(job, file string) bool) error {
	for _, dir := range []string{ActiveDir, QueueDir, HeldDir, QueueDir, ActiveDir} {
		entries, err := names(s.root, dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			var job string
			if dir != ActiveDir {
				q, err := ParseQueue(e)
				if err == nil {
					job = q.Job
				}
			} else if a, err := ParseActive(e); err == nil {
				job = a.Job
			}
			if job != "" && f(job, path.Join(dir, e)) {
				return nil
			}
		}
	}
	return nil
}

// Resolve returns the live job that a user means by its token or its job_id,
// and the user who dropped its request; "" when there is none.
func (s *Spool) Resolve(subject string) (job string, uid int, err error) {
	job = subject
	if !isJob(subject) {
		if path.Base(subject) != subject {
			return "", 0, nil
		}
		job, _, err = readReservation(s.root, path.Join(IDsDir, subject))
		if errors.Is(err, fs.ErrNotExist) {
			return "", 0, nil
		}
		if err != nil {
			return "", 0, fmt.Errorf("look for %s: %w", subject, err)
		}
	}
	// The file in active is the user's own, moved.
	file, err := s.find(job)
	if err != nil {
		return "", 0, fmt.Errorf("look for %s: %w", subject, err)
	}
	if file == "" {
		return "", 0, nil
	}
	info, err := s.root.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) { // it moved; the next look finds it
		return job, -1, nil
	}
	if err != nil {
		return "", 0, fmt.Errorf("look for %s: %w", subject, err)
	}
	uid = -1
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		uid = int(st.Uid)
	}
	return job, uid, nil
}
