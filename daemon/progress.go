package daemon

import (
	"encoding/json"
	"fmt"
	"sync"

	"uredit/daemon/job"
	"uredit/daemon/report"
)

// progress passes on what the pipeline reports, and publishes the mask preview
// as soon as it is complete.
type progress struct {
	attempt *attempt
	request *job.Request

	mu     sync.Mutex
	states []job.State     // so far
	input  json.RawMessage // what the probe found in it
	files  []commitFile    // those that have their public names: the mask preview
	err    error
}

func (p *progress) publishMask(file string) error {
	if len(p.files) > 0 {
		return nil
	}
	name := p.request.MaskName()
	f, err := p.attempt.seal(file)
	if err == nil {
		err = p.attempt.publishSealed(file, name)
	}
	if err != nil {
		return fmt.Errorf("publish %s: %w", name, err)
	}
	f.To = name
	p.files = append(p.files, f)
	p.attempt.rep.MaskReady(name)
	return nil
}

// publish makes the result final and gives it its public names. at is told of
// the point between the two.
func (p *progress) publish(r *product, at func(string)) (made report.Result, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return made, p.err
	}
	a, name := p.attempt, p.request.OutputName()
	files := map[string]string{r.Output: name}
	c := commit{Warnings: r.Warnings, Result: report.Result{Output: name, Probe: r.Probe, Frames: r.Frames}, FromCache: a.reuse.source()}
	if r.Mask != "" {
		c.Mask = p.request.MaskName()
		if len(p.files) == 0 {
			files[r.Mask] = c.Mask
		}
	}
	if c, err = a.prepare(c, files); err != nil {
		return made, err
	}
	if a.commit != nil {
		if err := a.commit(); err != nil {
			return made, err
		}
		a.keep = true
	}
	at("committed")
	for _, f := range c.Files {
		if err := a.publish(f.From, f.To); err != nil {
			return made, fmt.Errorf("publish %s: %w", f.To, err)
		}
	}
	a.describe(c)
	a.reuse.note(r, append(p.files, c.Files...))
	return c.Result, nil
}

// replay takes a job through the states that it would have gone through, with
// the result of another.
func (p *progress) replay(made *product, from *job.FromCache) {
	rep := p.attempt.rep
	rep.FromCache(from)
	if made.Input != nil {
		rep.Input(made.Input)
	}
	for _, s := range made.States {
		rep.Stage(s, made.Frames, made.Frames, "taking over the result of "+from.JobID)
	}
}
