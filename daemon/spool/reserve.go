package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"uredit/daemon/atomicfile"
)

// WorkDir is the directory of an output directory in which jobs keep what is
// not yet, or never, public.
const WorkDir = ".uredit"

// OwnerFile is the file, in an output directory, that says whose it is.
const OwnerFile = WorkDir + "/owner"

// ErrNotReservation says that something else lies where a reservation belongs.
var ErrNotReservation = errors.New("not a reservation")

// An InUseError says that a live job holds a reservation.
type InUseError struct {
	Job   string // the job that holds it
	Spool string // the id of its spool
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("in use by the job %s", e.Job)
}

// A reservation is a file that names a job and its spool. It is made by a link,
// which never replaces one that is there.
func (s *Spool) reservation(job string) []byte {
	return []byte(job + " " + s.format.ID + "\n")
}

// ReserveID reserves a job_id for a job. An *InUseError names the live job that
// has it; a reservation that a dead job left is taken over. Reserving twice is
// harmless.
func (s *Spool) ReserveID(jobID, job string) error {
	if err := s.reserve(s.root, path.Join(IDsDir, jobID), job); err != nil {
		return fmt.Errorf("reserve job_id %s: %w", jobID, err)
	}
	return nil
}

// ReleaseID gives a job_id back, when this job has it.
func (s *Spool) ReleaseID(jobID, job string) error {
	if err := s.release(s.root, path.Join(IDsDir, jobID), job); err != nil {
		return fmt.Errorf("release job_id %s: %w", jobID, err)
	}
	return nil
}

// ReserveOutput reserves an output directory for a job, as ReserveID does.
func (s *Spool) ReserveOutput(dir *os.Root, job string) error {
	return s.reserveOutput(disk{dir}, job)
}

func (s *Spool) reserveOutput(dir fileSystem, job string) error {
	// A job that ends here removes the directory when it is empty.
	for try := 0; ; try++ {
		if err := dir.Mkdir(WorkDir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("reserve output_dir: %w", err)
		}
		err := s.reserve(dir, OwnerFile, job)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) || try == 3 {
			return fmt.Errorf("reserve output_dir: %w", err)
		}
	}
}

// ReleaseOutput gives an output directory back, when this job has it, and
// removes the work directory when nothing is left in it.
func (s *Spool) ReleaseOutput(dir *os.Root, job string) error {
	return s.releaseOutput(disk{dir}, job)
}

func (s *Spool) releaseOutput(dir fileSystem, job string) error {
	if err := s.release(dir, OwnerFile, job); err != nil {
		return fmt.Errorf("release output_dir: %w", err)
	}
	if err := s.sweepOutput(dir, job); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("release output_dir: %w", err)
	}
	// Not empty means that something else is kept there.
	if err := dir.Remove(WorkDir); err != nil && transient(err) {
		return fmt.Errorf("release output_dir: %w", err)
	}
	return nil
}

// sweepOutput removes what was left half made or half released in an output
// directory: by processes of this host, and by those of any host for this job or
// before it could be told for which. A claim that reserves at this moment makes its
// file anew.
func (s *Spool) sweepOutput(dir fileSystem, job string) error {
	if err := s.write.sweep(dir, WorkDir); err != nil {
		return err
	}
	entries, err := names(dir, WorkDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e, tempPrefix) {
			continue
		}
		name := path.Join(WorkDir, e)
		holder, _, err := readReservation(dir, name)
		if err == nil && holder != job {
			continue
		}
		if err != nil && !errors.Is(err, ErrNotReservation) {
			return err
		}
		if err := remove(dir, name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spool) reserve(root fileSystem, name, job string) error {
	for try := 0; ; try++ {
		err := s.write.putAbsent(root, name, s.reservation(job))
		if !errors.Is(err, fs.ErrExist) || try == 3 {
			return err
		}
		holder, spool, err := readReservation(root, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // released meanwhile
		}
		if err != nil {
			return err
		}
		if spool == s.format.ID {
			if holder == job {
				return nil
			}
			live, err := s.Live(holder)
			if err != nil {
				return err
			}
			if !live {
				if err := s.release(root, name, holder); err != nil {
					return err
				}
				continue
			}
		}
		return &InUseError{Job: holder, Spool: spool}
	}
}

// releaseOrphans gives the job ids back that jobs hold which are over and of which
// nothing else is kept: a host that lost its claim while it stood still reserves
// for a job that may have ended. Those of the ended jobs their owner releases.
func (s *Spool) releaseOrphans(ended []string) error {
	entries, err := names(s.root, IDsDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(IDsDir, e)
		holder, spool, err := readReservation(s.root, name)
		if err != nil || spool != s.format.ID || slices.Contains(ended, holder) {
			continue // not ours to judge, or released meanwhile
		}
		live, err := s.Live(holder)
		if err != nil {
			return err
		}
		if !live {
			if err := s.release(s.root, name, holder); err != nil {
				return err
			}
		}
	}
	return nil
}

func readReservation(root fileSystem, name string) (job, spool string, err error) {
	info, err := root.Lstat(name)
	if err != nil {
		return "", "", err
	}
	if !info.Mode().IsRegular() || info.Size() > 200 {
		return "", "", fmt.Errorf("%s is %w", name, ErrNotReservation)
	}
	data, err := root.ReadFile(name)
	if err != nil {
		return "", "", err
	}
	f := strings.Fields(string(data))
	if len(f) != 2 || !isJob(f[0]) {
		return "", "", fmt.Errorf("%s is %w", name, ErrNotReservation)
	}
	return f[0], f[1], nil
}

// release removes a reservation that names job. It is moved aside before it is
// read: what was put there meanwhile by another job goes back.
func (s *Spool) release(root fileSystem, name, job string) error {
	holder, spool, err := readReservation(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || holder != job || spool != s.format.ID {
		return err
	}
	aside := s.write.temp(path.Dir(name))
	if err := atomicfile.Rename(root, name, aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	holder, spool, err = readReservation(root, aside)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another process released it for the same job, and tidied up
	}
	if err != nil || holder != job || spool != s.format.ID {
		if back := root.Link(aside, name); back != nil {
			return errors.Join(err, back)
		}
	}
	return errors.Join(err, remove(root, aside), syncDir(root, path.Dir(name)))
}
