package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"uredit/daemon/job"
	"uredit/daemon/report"
	"uredit/daemon/roots"
	"uredit/daemon/spool"
)

// attempt is one run of a job in its output directory. What the run writes lies
// in a directory of its own below spool.WorkDir and reaches its public name by
// a rename; every name is taken from the handle that out is.
type attempt struct {
	out   *roots.Dir
	dir   string   // the attempt's directory, relative to out
	files *os.Root // the same, open
	work  *os.Root // the pipeline's own directory in it
	rep   *report.Reporter
}

// workName is the pipeline's directory in an attempt's.
const workName = "edit"

// An ending is what an attempt's error means for its job.
type ending struct {
	why   *job.Error // the job failed
	again string     // the job goes back into the queue, for this reason
	mark  spool.Mark // with again
	err   error      // ends the process
}

// attemptPrefix begins the names of all attempts of a job.
func attemptPrefix(j string) string { return j + ".e" }

// begin opens a job's output directory and makes the attempt's own. What
// earlier attempts left is removed first: their process is dead.
func (d *Daemon) begin(w *work, device string) (*attempt, error) {
	out, err := d.roots.OpenDir(w.request.OutputDir)
	if err != nil {
		return nil, err
	}
	if err := clearAttempts(out, w.claim.Job); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	a, err := newAttempt(out, w.claim.Epoch, report.Options{
		Request: w.request, Token: w.claim.Job, Number: w.claim.Epoch - 1,
		Host: d.spool.Instance().Host, Device: device, Versions: d.versions, Log: d.log,
	})
	if err != nil {
		return nil, err
	}
	for _, text := range w.warnings {
		a.rep.Warn("request", text)
	}
	return a, nil
}

// newAttempt makes an attempt's directory in out and starts its reports, for
// which o says all but where they go. The attempt owns out, also when there is
// an error.
func newAttempt(out *roots.Dir, epoch int, o report.Options) (a *attempt, err error) {
	a = &attempt{out: out, dir: path.Join(spool.WorkDir, fmt.Sprintf("%s%04d", attemptPrefix(o.Token), epoch))}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	// The directory of a live job is there since the job was admitted. Making
	// it once only means that an attempt that was put out of it stays out.
	if err := out.Mkdir(a.dir, 0o755); err != nil {
		return nil, err
	}
	// The closing "/." keeps a name that is no directory from being opened.
	if a.files, err = out.OpenRoot(a.dir + "/."); err != nil {
		return nil, err
	}
	if err := a.files.Mkdir(workName, 0o755); err != nil {
		return nil, err
	}
	if a.work, err = a.files.OpenRoot(workName + "/."); err != nil {
		return nil, err
	}
	o.Dir, o.DirPath, o.Attempt, o.AttemptName = out.Root, out.Path, a.files, a.dir
	a.rep, err = report.Start(o)
	return a, err
}

// close ends the reports and removes the attempt's directory. A nil attempt, and
// one that is closed, has nothing to close.
func (a *attempt) close() error {
	if a == nil || a.out == nil {
		return nil
	}
	defer func() { *a = attempt{} }()
	var errs []error
	if a.rep != nil {
		errs = append(errs, a.rep.Close())
	}
	if a.work != nil {
		errs = append(errs, a.work.Close())
	}
	if a.files != nil {
		errs = append(errs, a.files.Close(), a.out.RemoveAll(a.dir))
	}
	return errors.Join(append(errs, a.out.Close())...)
}

// tell says in the output directory how the attempt ended. What the pipeline
// left is removed first: on a full disk that is the room for the message. Told
// twice, it writes what could not be written before.
func (a *attempt) tell(end ending, made report.Result) error {
	err := a.files.RemoveAll(workName)
	switch {
	case end.again != "":
		return errors.Join(err, a.rep.Requeue(end.again))
	case end.why != nil:
		return errors.Join(err, a.rep.Fail(end.why))
	}
	return errors.Join(err, a.rep.Finish(made))
}

// clearAttempts removes the directories of all attempts of a job.
func clearAttempts(out *roots.Dir, j string) error {
	work, err := out.Open(spool.WorkDir + "/.") // a pipe in its place would be waited for
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil // there is nothing of this job
	}
	if err != nil {
		return err
	}
	defer work.Close()
	entries, err := work.ReadDir(-1)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), attemptPrefix(j)) {
			err = errors.Join(err, out.RemoveAll(path.Join(spool.WorkDir, e.Name())))
		}
	}
	return err
}

// publish gives a file of the attempt its public name.
func (a *attempt) publish(file, name string) error {
	f, err := a.work.Open(file)
	if err != nil {
		return err
	}
	// Others read the results; what wrote the file may have thought otherwise.
	err = errors.Join(f.Chmod(0o664), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return a.out.Rename(path.Join(a.dir, workName, file), name)
}

// published reports whether an earlier attempt published this job's result and
// died before the spool knew. The record is written before the status: a status
// that is behind it is brought up to it.
func (d *Daemon) published(w *work) (bool, error) {
	out, err := d.roots.OpenDir(w.request.OutputDir)
	if err != nil {
		return false, err
	}
	defer out.Close()
	data, err := out.ReadRegular(job.RecordName)
	if err != nil {
		return false, nil
	}
	record, err := job.ParseRecord(data)
	if err != nil || record.Token != w.claim.Job || record.Outcome != job.OutcomeFinished {
		return false, nil
	}
	status := record.Status.JSON()
	if there, err := out.ReadRegular(job.StatusName); err == nil && bytes.Equal(there, status) {
		return true, nil
	}
	return true, replaceStatus(out, w.claim.Job, status)
}

// replaceStatus gives status.json another content, whole.
func replaceStatus(out *roots.Dir, j string, status []byte) error {
	tmp := path.Join(spool.WorkDir, attemptPrefix(j)+".status") // so that clearing attempts finds it
	if err := out.WriteFile(tmp, status, 0o664); err != nil {
		return err
	}
	return out.Rename(tmp, job.StatusName)
}
