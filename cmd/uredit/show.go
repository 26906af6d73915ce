package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"uredit/daemon/job"
)

// report is show -o json: all that the spool and the output directory hold.
type report struct {
	JobID     string       `json:"job_id"`
	State     string       `json:"state"`
	Token     string       `json:"token,omitempty"`
	OutputDir string       `json:"output_dir,omitempty"`
	File      string       `json:"request_file,omitempty"`
	Reason    string       `json:"reason,omitempty"`
	Request   *job.Request `json:"request"`
	Status    *job.Status  `json:"status"`
	Record    *job.Record  `json:"record"`
}

func (c *client) show(args []string) error {
	t, err := c.oneJob("show", args)
	if err != nil {
		return err
	}
	s, err := t.look()
	if err != nil {
		return err
	}
	r := report{JobID: s.jobID, State: s.state(), Token: s.token, OutputDir: s.outputDir,
		Reason: s.why(), Status: s.status, Record: s.record}
	if t.entry != nil {
		r.File = t.entry.file
		if request, ok := t.request(*t.entry); ok {
			r.Request = &request
		}
	}
	if r.Request == nil && r.Record != nil {
		r.Request = &r.Record.Params
	}
	if c.format == formatJSON {
		return c.json(r)
	}
	return c.line("%s", strings.TrimRight(readable(s, r), "\n"))
}

// readable lays a report out for people.
func readable(s snapshot, r report) string {
	var b strings.Builder
	field := func(name, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); text != "" {
			fmt.Fprintf(&b, "%-10s %s\n", name, strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", 11)))
		}
	}
	field("job", "%s", s.name())
	field("state", "%s", strings.TrimSpace(r.State+"  "+stateDetails(s)))
	field("reason", "%s", r.Reason)
	field("token", "%s", r.Token)
	field("request", "%s", r.File)
	field("output dir", "%s", r.OutputDir)
	if s.status != nil && s.place != rejected {
		for _, line := range closing(s) {
			if label, path, _ := strings.Cut(line, ": "); label != "reason" {
				field(label, "%s", path)
			}
		}
	}
	if r.Request != nil {
		field("asks for", "%s", strings.TrimSuffix(strings.TrimSpace(string(r.Request.YAML())), "\n..."))
	}
	if s.record != nil {
		recordFields(field, *s.record)
	}
	return b.String()
}

// stateDetails is what a look at the job alone does not tell.
func stateDetails(s snapshot) string {
	if s.untold() {
		return waiting(s)
	}
	return fmt.Sprintf("%d %%%s", int(s.status.Progress*100), details(s))
}

func recordFields(field func(name, format string, args ...any), r job.Record) {
	field("host", "%s", strings.TrimSpace(r.Host+" "+r.Device))
	field("attempt", "%d", r.Attempt)
	for _, t := range []struct {
		name string
		at   time.Time
	}{{"queued", r.QueuedAt}, {"started", r.StartedAt}, {"updated", r.UpdatedAt}, {"ended", r.FinishedAt}} {
		if !t.at.IsZero() {
			field(t.name, "%s", t.at.Local().Format(time.DateTime))
		}
	}
	for _, stage := range r.Stages {
		end := stage.EndedAt
		if end.IsZero() {
			end = r.UpdatedAt
		}
		field("stage", "%-11s %9s  %6d frames  %.1f fps", stage.Name, end.Sub(stage.StartedAt).Round(10*time.Millisecond), stage.Frames, stage.FPS)
	}
	if from := r.FromCache; from != nil {
		field("from cache", "%s of %s (%s), made on %s, %s", from.What, from.JobID, from.Token, from.Host, from.MadeAt.Local().Format(time.DateTime))
	}
	for _, w := range r.Warnings {
		field("warning", "%s", w.Message)
	}
	if r.Failure != nil {
		field("error", "%s: %s", r.Failure.Code, r.Failure.Error())
	}
	field("input", "%s", picture(r.Input))
	field("edited", "%s", picture(r.Output))
}

// picture sums up what a probe found in a video; -o json has all of it.
func picture(probe json.RawMessage) string {
	var p struct {
		Codec         string
		PixFmt        string `json:"pix_fmt"`
		Width, Height int
		Frames        int
		Duration      time.Duration `json:"duration_ns"`
	}
	if len(probe) == 0 || json.Unmarshal(probe, &p) != nil || p.Width == 0 {
		return ""
	}
	return fmt.Sprintf("%dx%d, %s %s, %d frames, %s", p.Width, p.Height, p.Codec, p.PixFmt, p.Frames, p.Duration.Round(time.Millisecond))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
