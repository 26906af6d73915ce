package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"uredit/daemon/document"
	"uredit/daemon/job"
	"uredit/daemon/roots"
	"uredit/daemon/spool"
)

// A reason is reason.json.
type reason struct {
	Job       string     `json:"job"`
	JobID     string     `json:"job_id,omitempty"`
	OutputDir string     `json:"output_dir,omitempty"`
	Source    string     `json:"source,omitempty"` // the name that the request had in the inbox
	At        time.Time  `json:"at"`
	Errors    job.Errors `json:"errors"`
}

func (r reason) files() spool.Reason {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("encode a reason: %v", err)) // it holds text and numbers only
	}
	return spool.Reason{JSON: append(data, '\n'), Text: []byte(r.Errors.Error() + "\n")}
}

// reject moves a claim aside with its reason. Data may be nil.
func (d *Daemon) reject(c *spool.Claim, data []byte, why error) error {
	r := reason{Job: c.Job, Source: c.Source, At: time.Now().UTC().Truncate(time.Millisecond), Errors: faults(why)}
	if m, fault := document.Parse(requestFile(c), data, job.MaxRequestBytes); fault == nil {
		r.JobID, r.OutputDir = names(m)
		locate(r.Errors, requestFile(c), m)
	}
	if err := d.tellRejected(c, &r); err != nil {
		d.log.Warn("tell of a rejection in output_dir", "job", c.Job, "err", err)
	}
	dir, err := d.spool.Reject(c, r.files())
	if err != nil {
		return err
	}
	d.meter.JobEnded(job.OutcomeRejected, r.Errors[0].Code)
	d.log.Info("rejected", "job", c.Job, "from", c.Source, "to", dir, "why", r.Errors.Error())
	return nil
}

// faults returns the faults of a request as a list.
func faults(err error) job.Errors {
	if list, ok := errors.AsType[job.Errors](err); ok {
		return list
	}
	if e, ok := errors.AsType[*job.Error](err); ok {
		return job.Errors{e}
	}
	return job.Errors{{Code: job.CodeInternal, Message: err.Error(), Err: err}}
}

// locate gives the faults that came to light after the request was read, such as
// a path outside of the roots, the line of the key that is to blame.
func locate(list job.Errors, file string, m *document.Mapping) {
	for i, e := range list {
		if line := m.Line(e.Key); e.File == "" && line > 0 {
			located := *e
			located.File, located.Line = file, line
			list[i] = &located
		}
	}
}

// names returns the job_id and the output_dir of a request that may be bad in
// all else, "" where it does not say.
func names(m *document.Mapping) (jobID, outputDir string) {
	m.String("job_id", &jobID)
	m.String("output_dir", &outputDir)
	if job.CheckID(jobID) != nil {
		jobID = ""
	}
	return jobID, outputDir
}

// tellRejected writes status.json failed where whoever waits will look, if that
// takes nothing from another job: the directory lies in the roots, is not
// reserved, and holds no status but the one that announced this request.
func (d *Daemon) tellRejected(c *spool.Claim, r *reason) error {
	unwritable := func(e *job.Error) bool { return e.Code == job.CodeUnwritable }
	if r.JobID == "" || r.OutputDir == "" || slices.ContainsFunc(r.Errors, unwritable) {
		return nil
	}
	out, err := d.roots.OpenDir(r.OutputDir)
	if _, refused := errors.AsType[*job.Error](err); refused {
		return nil
	}
	if err != nil {
		return err
	}
	defer out.Close()
	err = d.spool.ReserveOutput(out.Root, c.Job)
	if _, used := errors.AsType[*spool.InUseError](err); used {
		return nil
	}
	if err != nil {
		return err
	}
	err = d.fenced(out, c, func(dir string) error { return writeRejected(out, dir, r) })
	if errors.Is(err, spool.ErrLost) {
		return err
	}
	return errors.Join(err, d.spool.ReleaseOutput(out.Root, c.Job))
}

// writeRejected writes status.json by way of dir, the claim's own directory.
func writeRejected(out *roots.Dir, dir string, r *reason) error {
	var there job.Status
	data, err := out.ReadRegular(job.StatusName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		there, err = job.ParseStatus(data)
		if err != nil || there.JobID != r.JobID || there.Status != job.Queued {
			return nil
		}
	}
	text := r.Errors.Error()
	message := "the request was rejected"
	if r.Errors[0].Code == job.CodeCancelled {
		message = "cancelled"
	}
	// A rejection writes no log. What was announced stays announced, and the log
	// of an earlier job of the same id is there.
	s := job.Status{JobID: r.JobID, Status: job.Failed, Message: &message, Error: &text, LogsPath: there.LogsPath}
	log := (&job.Request{JobID: r.JobID}).LogName()
	if _, err := out.Lstat(log); err == nil {
		s.LogsPath = new(filepath.Join(out.Path, log))
	}
	return replaceStatus(out, dir, s.JSON())
}
