package daemon

import (
	"context"
	"errors"
	"time"

	"uredit/daemon/dispatch"
	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// Run implements dispatch.Runner: one attempt of one job, and its record.
func (r *runner) Run(ctx context.Context, w *work) error {
	d := r.daemon
	done, err := d.published(w)
	if done && (err == nil || !passing(err)) {
		if err != nil { // the result is out, whatever stands in the way of its status
			d.log.Warn("complete status.json", "job", w.claim.Job, "err", err)
		}
		return d.recordDone(w)
	}
	if err != nil {
		return r.refuse(w, err)
	}
	in, err := d.roots.OpenInput(w.request.InputVideoPath)
	if err != nil {
		return r.refuse(w, err)
	}
	defer in.Close()
	a, err := d.begin(w, r.Device())
	if err != nil {
		return r.refuse(w, err)
	}
	defer func() { _ = a.close() }() // a panic must not leave its reports running
	defer r.now.set(&current{jobID: w.request.JobID, rep: a.rep})()
	d.at("begun")
	use := a.reuse
	end := r.attempt(ctx, w, a, in)
	if err := a.close(); err != nil {
		d.log.Warn("close an attempt", "job", w.claim.Job, "err", err)
	}
	d.at("told")
	if end.left {
		return end.err // the next round of heartbeats finds it
	}
	err = r.record(w, end)
	use.keepResult(ctx, d.roots) // its names are free by now: nobody waits for the copy
	return err
}

// record is what the spool learns of an attempt's end. An error ends the
// process.
func (r *runner) record(w *work, end ending) error {
	var err error
	switch {
	case end.again != "":
		err = r.daemon.requeue(w, end)
	case end.why != nil:
		err = r.daemon.recordFailed(w, end.why)
	default:
		err = r.daemon.recordDone(w)
	}
	return errors.Join(err, end.err)
}

// refuse ends an attempt that could not begin.
func (r *runner) refuse(w *work, err error) error {
	d := r.daemon
	if passing(err) { // a share that is away, a full disk: not the job's doing
		d.note.trouble(w.claim.Job, err)
		d.source.postpone(w.claim.Job)
		return d.requeue(w, ending{})
	}
	return d.fail(w, faults(err)[0])
}

// Broken implements dispatch.Runner: a panic outside of the engine.
func (r *runner) Broken(w *work, p *dispatch.PanicError) error {
	d := r.daemon
	d.log.Error("run a job", "job", w.claim.Job, "panic", p.Value, "stack", string(p.Stack))
	if w.claim.Committed {
		return nil // the next round of heartbeats takes it up
	}
	return d.fail(w, explain(p))
}

// fail ends a job badly: in its output directory, then in the spool.
func (d *Daemon) fail(w *work, why *job.Error) error {
	a, err := d.begin(w, "")
	if err == nil {
		err = errors.Join(a.rep.Fail(why), a.close())
	}
	if err != nil {
		d.log.Warn("tell of a failure in output_dir", "job", w.claim.Job, "err", err)
	}
	return d.recordFailed(w, why)
}

// recordFailed is the terminal record of a failure.
func (d *Daemon) recordFailed(w *work, why *job.Error) error {
	r := reason{Job: w.claim.Job, JobID: w.request.JobID, OutputDir: w.request.OutputDir,
		At: time.Now().UTC().Truncate(time.Millisecond), Errors: job.Errors{why}}
	if err := d.persist(w, func() error { return d.spool.Fail(w.claim, r.files()) }); err != nil {
		return d.lost(w, err)
	}
	d.meter.JobEnded(outcome(why), why.Code)
	d.log.Info("failed", "job", w.claim.Job, "job_id", w.request.JobID, "code", why.Code, "why", why.Message)
	d.leave(w)
	return nil
}

// recordDone is the terminal record of a success.
func (d *Daemon) recordDone(w *work) error {
	if err := d.persist(w, func() error { return d.spool.Done(w.claim) }); err != nil {
		return d.lost(w, err)
	}
	d.at("recorded")
	d.meter.JobEnded(job.OutcomeFinished, "")
	d.log.Info("finished", "job", w.claim.Job, "job_id", w.request.JobID, "output_dir", w.request.OutputDir)
	d.leave(w)
	return nil
}

// requeue gives a job back that did not end.
func (d *Daemon) requeue(w *work, end ending) error {
	rank := d.rankOf(w) // the same for each try, or the name would be another
	err := d.persist(w, func() (err error) {
		if end.at.IsZero() {
			_, err = d.spool.Requeue(w.claim, rank, end.mark)
		} else {
			_, err = d.spool.Postpone(w.claim, rank, end.mark, end.at)
		}
		return err
	})
	if err == nil {
		d.meter.JobRequeued()
	}
	return d.lost(w, err)
}

// lost passes an error of the spool on, but one: the job has another owner by
// now, who also has its reservations, and nothing is left to do here.
func (d *Daemon) lost(w *work, err error) error {
	if !errors.Is(err, spool.ErrLost) {
		return err
	}
	d.log.Warn("somebody took a job that this daemon held", "job", w.claim.Job, "err", err)
	return nil
}

// leave releases what a job that is over had reserved. What does not succeed is
// done at the next start, or when somebody wants the same names.
func (d *Daemon) leave(w *work) {
	j := w.claim.Job
	d.note.forget(j)
	if err := d.letGo(w.request, j); err != nil {
		d.log.Warn("release after a job", "job", j, "err", err)
		return
	}
	if err := d.spool.Forget(j); err != nil {
		d.log.Warn("release after a job", "job", j, "err", err)
	}
}

// letGo removes what a job left in its output directory, and its reservations.
func (d *Daemon) letGo(r job.Request, j string) error {
	out, err := d.roots.OpenDir(r.OutputDir)
	if err == nil {
		err = errors.Join(d.clear(out, j, allEpochs), d.spool.ReleaseOutput(out.Root, j), out.Close())
	} else if _, refused := errors.AsType[*job.Error](err); refused && !passing(err) {
		err = nil // the directory is gone, and all that was in it
	}
	return errors.Join(err, d.spool.ReleaseID(r.JobID, j))
}

// persist tries a step in the spool again while its disk is full or its server
// away. Without it the job would be nobody's; after a minute the process ends
// and its successor takes over.
func (d *Daemon) persist(w *work, step func() error) error {
	return d.insist(w, func(err error) bool { return !errors.Is(err, spool.ErrLost) }, step)
}

// insist tries a step again, for a minute, while its error is worth it. A daemon
// that stops tries once more.
func (d *Daemon) insist(w *work, again func(error) bool, step func() error) error {
	var err error
	for wait := d.pause; wait < 60*d.pause; wait *= 2 {
		if err = step(); err == nil || !again(err) {
			return err
		}
		d.note.trouble(w.claim.Job, err)
		select {
		case <-time.After(wait):
		case <-d.stopping:
			return step()
		}
	}
	return err
}
