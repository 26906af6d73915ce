package main

import (
	"os"
	"path/filepath"
	"strings"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// searchLimit bounds how many ended jobs of each kind are searched for a job_id.
const searchLimit = 1000

// A target is the job that a user means. At least one of entry and outputDir
// is set.
type target struct {
	jobID     string
	token     string // J; "" while nobody has claimed the request
	entry     *entry // where the spool had it; nil when the spool knows nothing
	outputDir string
}

// find resolves what a user writes for a job: a path, a token or a job_id.
func (c *client) find(v view, name string) (target, error) {
	if name == "" {
		return target{}, usageError("the name of the job is empty")
	}
	if t, ok := c.findPath(v, name); ok {
		return t, nil
	}
	if strings.ContainsRune(name, filepath.Separator) {
		return target{}, notFound("no status.json in %s", name)
	}
	if t, ok, err := v.findName(name); err != nil || ok {
		return t, err
	}
	// Results stay when the spool has forgotten their job.
	for _, base := range []string{c.getenv("UR_EDIT_OUTPUT_DIR"), "outputs"} {
		if base == "" {
			continue
		}
		if t, ok := c.findPath(v, filepath.Join(base, name)); ok {
			return t, nil
		}
	}
	return target{}, notFound("no job %s in %s", name, v.root)
}

// findPath reads the records beside a status.json, or in an output_dir.
func (c *client) findPath(v view, name string) (target, bool) {
	dir := c.absolute(name)
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	status, err := readStatus(dir)
	if err != nil {
		return target{}, false
	}
	t := target{jobID: status.JobID, outputDir: dir}
	// An end that the record does not know is a later request's, which was
	// rejected before it had a record.
	record, err := readRecord(dir)
	if err == nil && record.JobID == status.JobID && (record.Status.Status == status.Status || !status.Status.Terminal()) {
		t.token = record.Token
	}
	// A job that was submitted again is in the spool under a new token.
	if now, ok, err := v.findLive(status.JobID); err == nil && ok && now.outputDir == dir {
		return now, true
	}
	if t.token != "" {
		if e, err := v.locate(t.token); err == nil && e.place != nowhere {
			t.entry = &e
		}
	}
	if t.entry == nil && (t.token == "" || !status.Status.Terminal()) {
		// Nobody works on it: it may have been rejected.
		if end, ok, err := v.findName(status.JobID); err == nil && ok && end.outputDir == dir {
			return end, true
		}
	}
	return t, true
}

// findName looks for a token or a job_id: live jobs first, then the newest end.
func (v view) findName(name string) (target, bool, error) {
	if _, err := spool.ClaimTime(name); err == nil {
		e, err := v.locate(name)
		if err != nil || e.place == nowhere {
			return target{}, false, err
		}
		return v.targetOf(e), true, nil
	}
	if t, ok, err := v.findLive(name); err != nil || ok {
		return t, ok, err
	}
	var newest *entry
	for _, p := range []place{done, failed, rejected} {
		list, err := v.ended(p, searchLimit)
		if err != nil {
			return target{}, false, err
		}
		for _, e := range list {
			if newest != nil && e.claimed().Before(newest.claimed()) {
				break
			}
			if v.named(e, name) && (newest == nil || e.after(*newest)) {
				newest = &e
			}
		}
	}
	if newest == nil {
		return target{}, false, nil
	}
	return v.targetOf(*newest), true, nil
}

// findLive looks for a job_id among what runs, waits, or is not claimed yet.
func (v view) findLive(jobID string) (target, bool, error) {
	list, err := v.live()
	if err != nil {
		return target{}, false, err
	}
	inbox, err := v.inbox()
	if err != nil {
		return target{}, false, err
	}
	for _, e := range append(list, inbox...) {
		if v.named(e, jobID) {
			return v.targetOf(e), true, nil
		}
	}
	return target{}, false, nil
}

// named reports whether e has that job_id. A rejected request that cannot be
// read is known by the name that its file had.
func (v view) named(e entry, jobID string) bool {
	if r, ok := v.request(e); ok {
		return r.JobID == jobID
	}
	switch e.place {
	case rejected:
		return v.verdict(e).JobID == jobID || strings.TrimPrefix(e.name, e.token+"-") == jobID
	case inInbox:
		return strings.TrimSuffix(e.name, filepath.Ext(e.name)) == jobID
	}
	return false
}

func (v view) targetOf(e entry) target {
	t := target{token: e.token, entry: &e}
	if r, ok := v.request(e); ok {
		t.jobID, t.outputDir = r.JobID, r.OutputDir
	} else if e.place == rejected || e.place == failed {
		d := v.verdict(e)
		t.jobID, t.outputDir = d.JobID, d.OutputDir
	}
	return t
}

// locate returns where a token is now; the place is nowhere when it is not to
// be found.
func (v view) locate(token string) (entry, error) {
	list, err := v.live()
	if err != nil {
		return entry{}, err
	}
	for _, e := range list {
		if e.token == token {
			return e, nil
		}
	}
	for _, p := range []place{failed, rejected, done} {
		list, err := v.ended(p, searchLimit)
		if err != nil {
			return entry{}, err
		}
		for _, e := range list {
			if e.token == token {
				return e, nil
			}
		}
	}
	return entry{}, nil
}

func readStatus(dir string) (job.Status, error) {
	data, err := readSmall(filepath.Join(dir, job.StatusName))
	if err != nil {
		return job.Status{}, err
	}
	return job.ParseStatus(data)
}

func readRecord(dir string) (job.Record, error) {
	data, err := readSmall(filepath.Join(dir, job.RecordName))
	if err != nil {
		return job.Record{}, err
	}
	return job.ParseRecord(data)
}
