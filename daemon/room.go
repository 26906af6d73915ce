package daemon

import (
	"fmt"

	"golang.org/x/sys/unix"

	"uredit/daemon/job"
	"uredit/daemon/roots"
)

// How much of a disk stays free of new jobs: those that run need it for their
// last frames, and for their records.
const (
	reserve      = 512 << 20 // bytes
	reserveShare = 50        // but not more than one part in so many of a small disk
)

// room is an error while the disk of an output directory is nearly full. A job
// waits for it to pass; it would only fill what is left.
func room(out *roots.Dir) error {
	f, err := out.Open(".")
	if err != nil {
		return fmt.Errorf("look for room: %w", err)
	}
	defer f.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("look for room: %w", err)
	}
	free, all := st.Bavail*uint64(st.Bsize), st.Blocks*uint64(st.Bsize)
	if enough(free, all) {
		return nil
	}
	return &job.Error{Code: job.CodeDiskFull, Key: "output_dir", Retryable: true,
		Message: fmt.Sprintf("the disk of %s is nearly full: less than %d MB are free", out.Path, limit(all)>>20),
		Hint:    "jobs that write there wait until there is room"}
}

// enough reports whether a job may begin on a disk with so many bytes. A file
// system that does not tell its size has room.
func enough(free, all uint64) bool { return free >= limit(all) }

func limit(all uint64) uint64 { return min(reserve, all/reserveShare) }
