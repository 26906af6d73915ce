package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"syscall"

	"uredit/daemon/job"
	"uredit/daemon/report"
	"uredit/daemon/roots"
	"uredit/daemon/spool"
)

// validRequest reports whether a file is a request, whatever it points to.
func validRequest(data []byte) bool {
	_, _, err := job.Parse("request.yaml", data)
	return err == nil
}

// examine decides about one claim: it is queued, or rejected. An error means
// that neither was possible now (a full disk, a share that is gone) and the
// claim is to be examined again.
func (d *Daemon) examine(c *spool.Claim) (err error) {
	defer func() {
		if v := recover(); v != nil {
			d.log.Error("examine a request", "job", c.Job, "panic", v, "stack", string(debug.Stack()))
			err = d.reject(c, nil, &job.Error{Code: job.CodeInternal, Message: fmt.Sprintf("the daemon broke on this request: %v", v)})
		}
	}()
	data, err := d.spool.Read(c, job.MaxRequestBytes+1)
	if errors.Is(err, spool.ErrLost) {
		return nil // the inbox has it again, or another process
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ELOOP) {
		return d.reject(c, nil, &job.Error{Code: job.CodeInvalidRequest, File: requestFile(c),
			Message: "the daemon may not read the file", Hint: "chmod a+r before it is dropped"})
	}
	if err != nil {
		return err
	}
	req, _, err := job.Parse(requestFile(c), data)
	if err != nil {
		return d.reject(c, data, err)
	}
	if err := d.accept(c, &req); err != nil {
		if passing(err) {
			return err
		}
		return d.reject(c, data, err)
	}
	d.at("accepted")
	q, err := d.spool.Enqueue(c, data, rank(&req))
	if err != nil {
		return err
	}
	d.log.Info("queued", "job", q.Job, "job_id", req.JobID, "output_dir", req.OutputDir, "from", c.Source)
	return nil
}

// accept admits a valid request and says so in its output directory.
func (d *Daemon) accept(c *spool.Claim, r *job.Request) error {
	out, err := d.admit(c.Job, r)
	if err != nil {
		return err
	}
	defer out.Close()
	err = d.writeQueued(out, c, r)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, spool.ErrLost):
		return errors.Join(err, d.abandon(c.Job, r, out))
	}
	return errors.Join(fmt.Errorf("write status.json: %w", err), d.release(c.Job, r, out))
}

// abandon releases what was reserved for a job that has another owner: nothing, for
// the reservations are the owner's now, unless the job is over by then.
func (d *Daemon) abandon(j string, r *job.Request, out *roots.Dir) error {
	live, err := d.spool.Live(j)
	if err != nil || live {
		return err
	}
	return d.release(j, r, out)
}

// writeQueued says in a job's output directory that it waits.
func (d *Daemon) writeQueued(out *roots.Dir, c *spool.Claim, r *job.Request) error {
	return d.fenced(out, c, func(dir string) error {
		return report.WriteQueued(out.Root, out.Path, dir, c.Job, r, nextAttempt(out, c.Job))
	})
}

// requestFile returns the name that a request has in messages.
func requestFile(c *spool.Claim) string {
	if c.Source == "" {
		return "request.yaml"
	}
	return path.Base(c.Source)
}

// rank turns a priority, whose 9 is first, into a place in the queue.
func rank(r *job.Request) int { return 9 - r.Priority }

// admit checks what a request points to and reserves its job_id and output_dir
// for the job. What it reserved is released when it returns an error.
func (d *Daemon) admit(j string, r *job.Request) (*roots.Dir, error) {
	if err := d.reachable(r); err != nil {
		return nil, err
	}
	in, err := d.roots.OpenInput(r.InputVideoPath)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, err := d.roots.MakeDir(r.OutputDir)
	if err != nil {
		return nil, err
	}
	if err := d.reserve(j, r, out); err != nil {
		out.Close()
		return nil, err
	}
	err = harmless(out, in, r)
	if err == nil {
		err = d.identifyRoots(r)
	}
	if err != nil {
		err = errors.Join(err, d.release(j, r, out))
		out.Close()
		return nil, err
	}
	return out, nil
}

// harmless reports a file that the job would write and must not: its input, or
// one that no job of ours wrote.
func harmless(out *roots.Dir, in *os.File, r *job.Request) (err error) {
	for _, name := range []string{r.OutputName(), r.MaskName(), r.LogName(), job.StatusName, job.RecordName, job.EventsName} {
		same, e := out.SameFile(name, in)
		if same {
			e = &job.Error{Code: job.CodeOutputIsInput, Key: "input_video_path",
				Message: fmt.Sprintf("the job would write %s, which is its input", path.Join(out.Path, name)),
				Hint:    "name another output_dir or job_id"}
		}
		err = errors.Join(err, e)
	}
	if err == nil && !r.Overwrite {
		err = foreign(out, r)
	}
	return err
}

func (d *Daemon) reserve(j string, r *job.Request, out *roots.Dir) error {
	err := d.spool.ReserveID(r.JobID, j)
	if used, ok := errors.AsType[*spool.InUseError](err); ok {
		return &job.Error{Code: job.CodeJobIDInUse, Key: "job_id", Err: err,
			Message: fmt.Sprintf("%s is in use by the job %s", r.JobID, used.Job),
			Hint:    "wait until that job is over, or take another job_id"}
	}
	if err != nil {
		return err
	}
	if err := d.spool.ReserveOutput(out.Root, j); err != nil {
		return errors.Join(d.notReserved(out, err), d.spool.ReleaseID(r.JobID, j))
	}
	return nil
}

// notReserved explains why an output directory could not be reserved.
func (d *Daemon) notReserved(out *roots.Dir, err error) error {
	e := &job.Error{Code: job.CodeUnwritable, Key: "output_dir", Err: err}
	owner := filepath.Join(out.Path, spool.OwnerFile)
	used, inUse := errors.AsType[*spool.InUseError](err)
	switch {
	case inUse:
		e.Code, e.Message = job.CodeOutputDirInUse, fmt.Sprintf("%s is in use by the job %s", out.Path, used.Job)
		e.Hint = "wait until that job is over, or take another output_dir"
		if used.Spool != d.spool.ID() {
			e.Message += " of another spool"
			e.Hint += "; where that spool is gone, remove " + owner
		}
	case passing(err):
		return err
	case errors.Is(err, fs.ErrPermission):
		e.Message, e.Hint = fmt.Sprintf("the daemon may not write in %s", out.Path), "chmod g+rwx, and a group that the daemon is in"
	case errors.Is(err, spool.ErrNotReservation):
		e.Message, e.Hint = owner+" says of no job that it writes here", "remove that file"
	default:
		return noWorkDir(out, err)
	}
	return e
}

// noWorkDir says that a file, or a link, lies in the place of the directory in
// which jobs work.
func noWorkDir(out *roots.Dir, err error) error {
	return &job.Error{Code: job.CodeUnwritable, Key: "output_dir", Err: err,
		Message: filepath.Join(out.Path, spool.WorkDir) + " is not a directory that the daemon can use",
		Hint:    "remove it"}
}

func (d *Daemon) release(j string, r *job.Request, out *roots.Dir) error {
	return errors.Join(d.spool.ReleaseOutput(out.Root, j), d.spool.ReleaseID(r.JobID, j))
}

// foreign reports a file that is there already, that the job would replace, and
// that no job of ours wrote. status.json is the contract's own: whatever lies
// there is about a job. So is a log, which goes on: many an output_dir of an
// older system holds nothing else.
func foreign(out *roots.Dir, r *job.Request) error {
	var ours []string
	data, err := out.ReadRegular(job.RecordName)
	if err == nil {
		if record, err := job.ParseRecord(data); err == nil {
			ours = append(record.Files, job.RecordName)
		}
	}
	for _, name := range []string{r.OutputName(), r.MaskName(), r.LogName(), job.EventsName, job.RecordName} {
		info, err := out.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) || slices.Contains(ours, name) {
			continue
		}
		if err == nil && name == r.LogName() && info.Mode().IsRegular() {
			continue
		}
		if err != nil {
			return err
		}
		return &job.Error{Code: job.CodeOutputExists, Key: "output_dir",
			Message: fmt.Sprintf("%s exists, and no job wrote it", path.Join(out.Path, name)),
			Hint:    "move it away, or write overwrite: true"}
	}
	return nil
}

// passing reports whether an error is about the machine, not about the
// request: it will be gone some day, and the request is good.
func passing(err error) bool {
	if e, known := errors.AsType[*job.Error](err); known {
		return e.Retryable
	}
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains([]syscall.Errno{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.ESTALE, syscall.ETIMEDOUT, syscall.EMFILE, syscall.ENFILE, syscall.EBUSY,
	}, errno)
}
