package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/report"
	"uredit/daemon/roots"
	"uredit/daemon/spool"
)

// Once is one request, done here and now, without a spool and without asking
// where its paths lie: they are those of the user who runs it. What it writes
// in output_dir is what the daemon writes there.
type Once struct {
	Request  job.Request // valid
	Warnings []string    // of the request
	Engine   Engine
	Models   Models
	Versions map[string]string
	Log      *slog.Logger
}

// Run does the job. Its error is a *job.Error that says what the files in
// output_dir say; ending ctx cancels the job. The warnings are sentences about
// a job that went on.
func (o Once) Run(ctx context.Context) (warnings []job.Warning, err error) {
	r := o.Request
	set, err := onceRoots(&r)
	if err != nil {
		return nil, err
	}
	in, err := set.OpenInput(r.InputVideoPath)
	if err != nil {
		return nil, here(err)
	}
	defer in.Close()
	out, err := set.MakeDir(r.OutputDir)
	if err != nil {
		return nil, err
	}
	if err := harmless(out, in, &r); err != nil {
		return nil, errors.Join(here(err), out.Close())
	}
	if err := unreserved(out); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	if err := out.MkdirAll(spool.WorkDir, 0o755); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	token := spool.NewJob(time.Now())
	host, _ := os.Hostname() // "" says as much as there is to say
	a, err := openAttempt(out, spool.JobName{Job: token, Epoch: 1}, func() error { return nil })
	if err != nil {
		return nil, fmt.Errorf("begin in %s: %w", r.OutputDir, err)
	}
	if err := a.report(report.Options{
		Request: r, Token: token, Number: 1,
		Host: host, Device: o.Engine.Device(), Versions: o.Versions, Log: o.Log,
	}); err != nil {
		return nil, errors.Join(fmt.Errorf("begin in %s: %w", r.OutputDir, err), a.close())
	}
	for _, text := range o.Warnings {
		a.rep.Warn("request", text)
	}
	var end ending
	made, failure := a.edit(ctx, o.Engine, &r, o.Models, in, func(string) {})
	if failure != nil {
		end.why = explain(failure)
		if ctx.Err() != nil {
			end.why = &job.Error{Code: job.CodeCancelled, Message: "cancelled by a signal", Err: failure}
		}
		err = end.why
	}
	warnings = a.rep.Warnings()
	err = errors.Join(err, a.tell(end, made), a.close())
	// The directory of attempts stays where another job uses it.
	_ = os.Remove(filepath.Join(r.OutputDir, spool.WorkDir))
	return warnings, err
}

// unreserved refuses a directory in which a daemon's job lives.
func unreserved(out *roots.Dir) error {
	if info, err := out.Lstat(spool.WorkDir); err == nil && !info.IsDir() {
		return noWorkDir(out, nil)
	}
	if _, err := out.Lstat(spool.OwnerFile); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return &job.Error{Code: job.CodeOutputDirInUse, Key: "output_dir",
		Message: fmt.Sprintf("a job of a daemon writes in %s", out.Path),
		Hint:    "take another output_dir, or wait until that job is over; where its spool is gone, remove " + filepath.Join(out.Path, spool.OwnerFile)}
}

// CheckInput says what is wrong with the input of a request for Once, or returns
// nil. It costs little: Run says the same, after the models are loaded.
func CheckInput(r *job.Request) *job.Error {
	own := *r
	set, err := onceRoots(&own)
	if err != nil {
		return explain(err)
	}
	in, err := set.OpenInput(own.InputVideoPath)
	if err != nil {
		return explain(here(err))
	}
	in.Close() // read only: nothing is lost
	return nil
}

// here gives an error the hint that fits where no daemon is.
func here(err error) error {
	e, ok := errors.AsType[*job.Error](err)
	if !ok {
		return err
	}
	hinted := *e
	switch e.Code {
	case job.CodeInputMissing:
		hinted.Hint = "check the path"
	case job.CodeOutputExists:
		hinted.Hint = "move it away, or allow it: overwrite: true in the request, --overwrite as a flag"
	default:
		return err
	}
	return &hinted
}

// onceRoots allows every path, with symbolic links followed first: who runs a
// job here may go where they lead.
func onceRoots(r *job.Request) (*roots.Set, error) {
	r.InputVideoPath, r.OutputDir = roots.RealPath(r.InputVideoPath), roots.RealPath(r.OutputDir)
	return roots.Open([]string{"/"})
}
