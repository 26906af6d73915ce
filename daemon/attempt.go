package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"uredit/daemon/atomicfile"
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
	// commit makes the results final, when they are complete and synced; nil
	// where there is no spool to know of it.
	commit func() error
	room   *gate  // nil where a full disk is for somebody at a terminal to see
	said   string // the pipeline's last message
	reuse  *reuse // of what other jobs made; nil where that is off
	// keep says that the directory holds results that are final and not published,
	// or sealed parts for the next attempt.
	keep bool

	number   int               // of this attempt, from 1
	versions map[string]string // of what it runs with
}

// workName is the pipeline's directory in an attempt's.
const workName = "edit"

// An ending is what an attempt's error means for its job.
type ending struct {
	why   *job.Error // the job failed
	again string     // the job goes back into the queue, for this reason
	mark  spool.Mark // with again
	at    time.Time  // with again: not before
	left  bool       // committed, and not published yet: it stays as it is
	err   error      // ends the process
}

// attemptPrefix begins the names of all attempts of a job.
func attemptPrefix(j string) string { return j + ".e" }

// attemptDir returns the directory of a claim in its output directory.
func attemptDir(n spool.JobName) string {
	return path.Join(spool.WorkDir, fmt.Sprintf("%s%04d", attemptPrefix(n.Job), n.Epoch))
}

// begin opens a job's output directory and makes the attempt's own. What
// earlier attempts sealed goes there; what else they left is removed: where
// their process still lives, it is shut out by that.
func (d *Daemon) begin(w *work, device string) (*attempt, error) {
	out, err := d.roots.OpenDir(w.request.OutputDir)
	if err != nil {
		return nil, err
	}
	a, err := openAttempt(out, w.claim.JobName, func() error { return d.mine(w.claim) })
	if err != nil {
		return nil, err
	}
	err = a.adopt(w.claim)
	if err != nil && !passing(err) {
		d.log.Warn("take over what earlier attempts sealed", "job", w.claim.Job, "err", err)
		err = nil
	}
	if err == nil {
		err = d.clear(out, w.claim.Job, w.claim.Epoch)
	}
	if err != nil {
		a.keep = true // for the next try, what was adopted
		return nil, errors.Join(err, a.close())
	}
	a.room = &gate{disk: d.source.disk, every: d.roomEvery, note: d.note}
	a.commit = func() error {
		return d.persist(w, func() error { return d.spool.Commit(w.claim) })
	}
	a.reuse = d.reuse(w)
	if err := d.startReport(a, w, device); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// startReport begins the reports of a job's attempt.
func (d *Daemon) startReport(a *attempt, w *work, device string) error {
	err := a.report(report.Options{
		Request: w.request, Token: w.claim.Job, Number: nextAttempt(a.out, w.claim.Job),
		Host: d.spool.Instance().Host, Device: device, Versions: d.versions, Log: d.log,
	})
	if err != nil {
		return err
	}
	for _, text := range w.warnings {
		a.rep.Warn("request", text)
	}
	return nil
}

// openAttempt makes an attempt's directory in out. Mine is asked, once it is
// there, whether the job is still this process's. The attempt owns out, also
// when there is an error.
func openAttempt(out *roots.Dir, n spool.JobName, mine func() error) (a *attempt, err error) {
	a = &attempt{out: out, dir: attemptDir(n)}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	// The directory of a live job is there since the job was admitted. Making
	// it once only means that an attempt that was put out of it stays out.
	if err := makeAnew(out, a.dir); err != nil {
		return nil, err
	}
	// Asked before, the answer could be outdated: whoever takes the job after
	// this moment finds the directory, and removes it.
	if err := mine(); err != nil {
		return nil, errors.Join(err, out.Remove(a.dir))
	}
	// The closing "/." keeps a name that is no directory from being opened.
	if a.files, err = out.OpenRoot(a.dir + "/."); err != nil {
		return nil, err
	}
	if err := a.files.Mkdir(workName, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err // else it was made, and the answer was lost
	}
	a.work, err = a.files.OpenRoot(workName + "/.")
	return a, err
}

// report starts the attempt's reports, for which o says all but where they go.
func (a *attempt) report(o report.Options) (err error) {
	a.number, a.versions = o.Number, o.Versions
	o.Dir, o.DirPath, o.Attempt, o.AttemptName = a.out.Root, a.out.Path, a.files, a.dir
	a.rep, err = report.Start(o)
	return err
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
		errs = append(errs, a.files.Close())
		if !a.keep {
			errs = append(errs, a.out.RemoveAll(a.dir))
		}
	}
	return errors.Join(append(errs, a.out.Close())...)
}

// tell says in the output directory how the attempt ended. What the pipeline
// left is removed first, but what the next attempt can use: on a full disk that
// is the room for the message. Told twice, it writes what could not be written
// before.
func (a *attempt) tell(end ending, made report.Result) error {
	sealed, err := a.clean(end.again != "")
	switch {
	case end.again != "":
		a.keep = sealed
		return errors.Join(err, a.rep.Requeue(end.again))
	case end.why != nil:
		return errors.Join(err, a.rep.Fail(end.why))
	}
	if err = errors.Join(err, a.rep.Finish(made)); err == nil {
		a.keep = false
	}
	return err
}

// nextAttempt returns the number of a job's next run: one more than that of the
// run that its record tells of, or the one that it announces.
func nextAttempt(out *roots.Dir, j string) int {
	data, err := out.ReadRegular(job.RecordName)
	if err != nil {
		return 1
	}
	record, err := job.ParseRecord(data)
	switch {
	case err != nil || record.Token != j:
		return 1
	case record.Status.Status == job.Queued:
		return max(1, record.Attempt)
	}
	return record.Attempt + 1
}

// publishSealed gives a file of the attempt a public name, and keeps it: it is
// part of what the next attempt would go on from. Where the file system has no
// links it is only given away, and the next attempt makes it anew.
func (a *attempt) publishSealed(file, name string) error {
	link := file + ".public"
	if err := a.work.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := a.work.Link(file, link); err != nil {
		return a.publish(file, name)
	}
	return a.publish(link, name)
}

// publish gives a file of the attempt its public name.
func (a *attempt) publish(file, name string) error {
	return atomicfile.RenameOwn(a.out.Root, path.Join(a.dir, workName, file), name)
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
	status, done, err := finishedStatus(out, w.claim.Job)
	if !done {
		return false, err
	}
	if there, err := out.ReadRegular(job.StatusName); err == nil && bytes.Equal(there, status) {
		return true, nil
	}
	return true, d.fenced(out, w.claim, func(dir string) error { return replaceStatus(out, dir, status) })
}

// finishedStatus returns what status.json says of a job whose record says that
// it is finished. An error says that it cannot be told now.
func finishedStatus(out *roots.Dir, j string) (status []byte, done bool, err error) {
	data, err := out.ReadRegular(job.RecordName)
	if passing(err) {
		return nil, false, err
	}
	if err != nil { // none, or nothing of ours
		return nil, false, nil
	}
	record, err := job.ParseRecord(data)
	if err != nil || record.Token != j || record.Outcome != job.OutcomeFinished {
		return nil, false, nil
	}
	return record.Status.JSON(), true, nil
}

// replaceStatus gives status.json another content, whole and durable, by way of
// dir.
func replaceStatus(out *roots.Dir, dir string, status []byte) error {
	if err := atomicfile.Replace(out.Root, path.Join(dir, job.StatusName), job.StatusName, status, 0o664); err != nil {
		return err
	}
	return syncNames(out.Root)
}
