package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"uredit/daemon/atomicfile"
)

// Hold takes a waiting job out of the queue until Release. ErrLost says that it
// is no longer there.
func (s *Spool) Hold(q QueueName) error {
	if _, err := s.shift(QueueDir, HeldDir, q); err != nil {
		return fmt.Errorf("hold %s: %w", q.Job, err)
	}
	return nil
}

// Release puts a job that is on hold back into the queue, at its old place.
func (s *Spool) Release(q QueueName) (QueueName, error) {
	next, err := s.shift(HeldDir, QueueDir, q)
	if err != nil {
		return QueueName{}, fmt.Errorf("release %s: %w", q.Job, err)
	}
	return next, nil
}

// Rerank gives a waiting job another rank, and keeps it for when the job comes
// back into the queue.
func (s *Spool) Rerank(q QueueName, rank int) error {
	rank = min(max(rank, 0), 9)
	if err := s.write.replace(s.root, rankFile(q.Job), strconv.AppendInt(nil, int64(rank), 10)); err != nil {
		return fmt.Errorf("rank %s: %w", q.Job, err)
	}
	if q.Rank == rank {
		return nil
	}
	old := q.String()
	q.Rank = rank
	if _, err := s.shiftFrom(path.Join(QueueDir, old), QueueDir, q); err != nil {
		return fmt.Errorf("rank %s: %w", q.Job, err)
	}
	return nil
}

// Rank returns the rank that Rerank gave a job.
func (s *Spool) Rank(job string) (rank int, given bool) {
	data, err := s.root.ReadFile(rankFile(job))
	if err != nil {
		return 0, false
	}
	rank, err = strconv.Atoi(string(data))
	return rank, err == nil && rank >= 0 && rank <= 9
}

func rankFile(job string) string { return path.Join(RequestsDir, job+".rank") }

// shift moves a waiting job between two directories, with the next epoch, so
// that no name comes back.
func (s *Spool) shift(from, to string, q QueueName) (QueueName, error) {
	return s.shiftFrom(path.Join(from, q.String()), to, q)
}

func (s *Spool) shiftFrom(file, to string, q QueueName) (QueueName, error) {
	if q.Epoch++; q.Epoch > maxEpoch {
		return QueueName{}, fmt.Errorf("it was moved %d times", maxEpoch)
	}
	return q, s.move(file, path.Join(to, q.String()))
}

// OnHold lists the jobs that are on hold.
func (s *Spool) OnHold() ([]QueueName, error) {
	held, err := s.queueNames(HeldDir)
	if err != nil {
		return nil, fmt.Errorf("read what is on hold: %w", err)
	}
	return held, nil
}

func (s *Spool) owner(file string) (uid int, err error) {
	info, err := s.root.Lstat(file)
	if err != nil {
		return -1, err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid), nil
	}
	return -1, nil
}

// Failures lists the jobs that ended badly, the newest first.
func (s *Spool) Failures() ([]string, error) {
	entries, err := names(s.root, FailedDir)
	if err != nil {
		return nil, fmt.Errorf("read failed: %w", err)
	}
	var jobs []string
	for _, e := range slices.Backward(entries) {
		if isJob(e) {
			jobs = append(jobs, e)
		}
	}
	return jobs, nil
}

// Failure returns who dropped the request of a job that ended badly, and its
// reason.json. An error that is fs.ErrNotExist says that there is no such job.
func (s *Spool) Failure(job string) (uid int, reason []byte, err error) {
	if !isJob(job) {
		return -1, nil, fs.ErrNotExist
	}
	if uid, err = s.owner(failedFile(job)); err != nil {
		return -1, nil, err
	}
	reason, err = s.root.ReadFile(path.Join(FailedDir, job, "reason.json"))
	return uid, reason, err
}

func failedFile(job string) string { return path.Join(FailedDir, job, nestedName) }

// Retry drops the request of a job that ended badly once more: it becomes a new
// job, of the same user. The marker that asks for it is taken away first, which
// only one of several hosts can do; ErrLost says that another did.
func (s *Spool) Retry(m Marker, job string) error {
	aside := s.write.temp(ControlDir)
	if err := atomicfile.Rename(s.root, path.Join(ControlDir, m.Name), aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = ErrLost
		}
		return fmt.Errorf("retry %s: %w", job, err)
	}
	name := path.Join(InboxDir, job+"-"+random36(6)+".yaml")
	if err := s.root.Link(failedFile(job), name); err != nil {
		// The wish stays, if it can.
		return fmt.Errorf("retry %s: %w", job, errors.Join(err, atomicfile.Rename(s.root, aside, path.Join(ControlDir, m.Name))))
	}
	if err := errors.Join(remove(s.root, aside), syncDir(s.root, InboxDir)); err != nil {
		return fmt.Errorf("retry %s: %w", job, err)
	}
	return nil
}

// parseMarker reads the name of a marker: PAUSE, PAUSE.HOST, DRAIN, DRAIN.HOST,
// or SUBJECT.cancel, .hold, .release, .retry and .prio-N.
func parseMarker(name string) (m Marker, ok bool) {
	m.Name = name
	for _, verb := range []string{MarkPause, MarkDrain} {
		host, is := strings.CutPrefix(name, verb)
		if !is || host != "" && (host[0] != '.' || len(host) == 1) {
			continue
		}
		m.Verb, m.Subject = verb, strings.TrimPrefix(host, ".")
		return m, true
	}
	at := strings.LastIndexByte(name, '.')
	if at < 1 {
		return Marker{}, false
	}
	m.Subject, m.Verb = name[:at], name[at+1:]
	switch m.Verb {
	case MarkCancel, MarkHold, MarkRelease, MarkRetry:
		return m, true
	}
	digit, is := strings.CutPrefix(m.Verb, MarkPriority+"-")
	if !is || len(digit) != 1 || digit[0] < '0' || digit[0] > '9' {
		return Marker{}, false
	}
	m.Verb, m.Priority = MarkPriority, atoi(digit)
	return m, true
}
