package spool

import (
	"fmt"
	"path"
	"syscall"
	"time"
)

// Queue lists the waiting jobs by rank, then by when they were enqueued, then by
// their tokens. Names that are no queue names are left alone.
func (s *Spool) Queue() ([]QueueName, error) {
	queue, err := s.queueNames(QueueDir)
	if err != nil {
		return nil, fmt.Errorf("read queue: %w", err)
	}
	return queue, nil
}

// queueNames lists a directory of waiting jobs in the order of their names.
// Names that are no queue names are left alone.
func (s *Spool) queueNames(dir string) ([]QueueName, error) {
	entries, err := names(s.root, dir)
	if err != nil {
		return nil, err
	}
	queue := make([]QueueName, 0, len(entries))
	for _, e := range entries { // sorted already
		if q, err := ParseQueue(e); err == nil {
			queue = append(queue, q)
		}
	}
	return queue, nil
}

// A QueueVersion tells whether the queue changed between two looks. Two that
// differ say that it did. Two that are equal do not quite say that it did not:
// clocks of file systems tick, and network file systems keep attributes for a
// while. So they may save a listing now and then, and never all of them.
type QueueVersion struct {
	device, inode uint64
	changed       time.Time
	arrivals      uint64 // what this process put into the queue so far
}

// QueueVersion looks at the queue's directory, whatever its length.
func (s *Spool) QueueVersion() (QueueVersion, error) {
	v := QueueVersion{arrivals: s.arrivals.Load()}
	info, err := s.root.Stat(QueueDir)
	if err != nil {
		return QueueVersion{}, fmt.Errorf("look at the queue: %w", err)
	}
	v.changed = info.ModTime()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		v.device, v.inode = st.Dev, st.Ino
	}
	return v, nil
}

// Taken returns the version of the queue after this process took a job out of
// version v. What it put in meanwhile shows as a change; what another process
// did in the moment of the take may not.
func (s *Spool) Taken(v QueueVersion) (QueueVersion, error) {
	now, err := s.QueueVersion()
	now.arrivals = v.arrivals
	return now, err
}

// Submitter returns the user who dropped the request of a waiting job.
func (s *Spool) Submitter(q QueueName) (uid int, err error) {
	return s.owner(path.Join(QueueDir, q.String()))
}
