package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"uredit/daemon/job"
)

// row is a line of list.
type row struct {
	State     string        `json:"state"`
	JobID     string        `json:"job_id"`
	Token     string        `json:"token,omitempty"`
	Since     time.Time     `json:"since,omitzero"` // when the request came where it is
	Progress  *job.Fraction `json:"progress"`
	ETA       *float64      `json:"eta_seconds"`
	Host      string        `json:"host,omitempty"`
	Device    string        `json:"device,omitempty"`
	OutputDir string        `json:"output_dir,omitempty"`
	Reason    string        `json:"reason,omitempty"`
}

func (c *client) list(args []string) error {
	set := c.flags("list")
	limit := set.Int("limit", 10, "")
	rest, err := c.parse(set, args, true)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return usageError("list takes no argument")
	case *limit < 0:
		return usageError("--limit %d: write how many ended jobs of each kind to show", *limit)
	}
	v, err := c.view()
	if err != nil {
		return err
	}
	rows, err := v.rows(*limit)
	if err != nil {
		return err
	}
	if c.format == formatJSON {
		return c.json(rows)
	}
	if err := c.table(rows, time.Now()); err != nil {
		return err
	}
	return c.remarks(v)
}

// remarks tells what does not work on which host: that is why a request stays in
// the inbox, or a job in the queue, of which nothing else can tell.
func (c *client) remarks(v view) error {
	hosts, err := v.hosts(time.Now(), nil)
	if err != nil {
		return err
	}
	for _, h := range hosts {
		if h.Remark == "" || h.State == hostSilent {
			continue
		}
		if err := c.line("%s: %s", h.Host, printable(firstLine(h.Remark), false)); err != nil {
			return err
		}
	}
	return nil
}

// rows lists everything in the spool: what runs, waits and is unclaimed, then
// the newest limit of each kind of end.
func (v view) rows(limit int) ([]row, error) {
	entries, err := v.live()
	if err != nil {
		return nil, err
	}
	inbox, err := v.inbox()
	if err != nil {
		return nil, err
	}
	entries = append(entries, inbox...)
	for _, p := range []place{done, failed, rejected} {
		ended, err := v.ended(p, limit)
		if err != nil {
			return nil, err
		}
		entries = append(entries, ended...)
	}
	rows := make([]row, 0, len(entries))
	for _, e := range entries {
		rows = append(rows, v.row(e))
	}
	return rows, nil
}

func (v view) row(e entry) row {
	t := v.targetOf(e)
	w := row{State: e.place.word(), JobID: t.jobID, Token: e.token, Since: e.since, Host: e.host, OutputDir: t.outputDir}
	if w.JobID == "" {
		w.JobID = e.name // no valid request: its file's name is all there is
	}
	if e.place == failed || e.place == rejected {
		w.Reason = v.reason(e)
	}
	if t.outputDir == "" || e.place == rejected {
		return w
	}
	record, err := readRecord(t.outputDir)
	if err != nil || record.Token != e.token {
		return w // another job has written there since
	}
	w.Device, w.Host = record.Device, record.Host
	if e.place == running {
		w.State = string(record.Status.Status)
		w.ETA = record.ETASeconds
		if !record.StartedAt.IsZero() {
			w.Since = record.StartedAt
		}
	}
	if !e.place.over() {
		w.Reason = record.Stalled()
	}
	if e.place != done {
		w.Progress = &record.Progress
	}
	if record.Outcome == job.OutcomeCancelled {
		w.State = string(record.Outcome)
	}
	return w
}

func (c *client) table(rows []row, now time.Time) error {
	if len(rows) == 0 {
		return c.line("no jobs")
	}
	tab := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "STATE\tJOB\tAGE\tDONE\tETA\tHOST\tOUTPUT OR REASON")
	for _, w := range rows {
		progress, eta, last := "", "", w.OutputDir
		if w.Progress != nil {
			progress = fmt.Sprintf("%d %%", int(*w.Progress*100))
		}
		if w.ETA != nil {
			eta = clock(time.Duration(*w.ETA * float64(time.Second)))
		}
		if w.Reason != "" {
			last = firstLine(w.Reason)
		}
		host := w.Host
		if w.Device != "" {
			host += " " + w.Device
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", w.State, printable(w.JobID, false), age(w.Since, now),
			progress, eta, printable(host, false), printable(last, false))
	}
	return tab.Flush()
}

// age tells how long ago t was, in its largest unit.
func age(t, now time.Time) string {
	if t.IsZero() {
		return "?"
	}
	d := max(now.Sub(t), 0) // the file server's clock may be ahead
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
