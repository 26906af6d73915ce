package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Silence after which a host is not counted as at work; its clock may differ
// from this one's by some of it.
const silent = 2 * time.Minute

// overview is the spool at one moment.
type overview struct {
	Spool     string     `json:"spool"`
	At        time.Time  `json:"at"`
	Hosts     []hostLine `json:"hosts"`
	Inbox     int        `json:"inbox"`
	Queued    int        `json:"queued"`
	Held      int        `json:"held"`
	Running   []runLine  `json:"running"`
	LastHour  ends       `json:"last_hour"`
	FramesSec float64    `json:"frames_per_second"` // of all running stages
}

// runLine is one job that runs.
type runLine struct {
	row
	Stage string  `json:"stage"`
	FPS   float64 `json:"fps"`
}

// ends counts jobs that ended within a time.
type ends struct {
	Finished int `json:"finished"`
	Failed   int `json:"failed"`
	Rejected int `json:"rejected"`
}

// top shows the spool until it is interrupted, or once into a pipe.
func (c *client) top(ctx context.Context, args []string) error {
	set := c.flags("top")
	interval := set.Duration("interval", 2*time.Second, "how often to look")
	once := set.Bool("once", false, "look once")
	rest, err := c.parse(set, args, true)
	if err != nil {
		return err
	}
	if len(rest) > 0 || *interval < 100*time.Millisecond {
		return usageError("top takes --once and --interval D, with D at least 100ms")
	}
	v, err := c.view()
	if err != nil {
		return err
	}
	live := !*once && c.format == formatTable && columns(c.out) > 0 && c.getenv("TERM") != "dumb"
	tick := time.NewTicker(*interval)
	defer tick.Stop()
	for {
		o, err := v.overview(time.Now())
		if err != nil {
			return err
		}
		if c.format == formatJSON {
			return c.json(o)
		}
		if err := c.screen(o, live); err != nil || !live {
			return err
		}
		select {
		case <-ctx.Done():
			return nil // this is how it ends
		case <-tick.C:
		}
	}
}

// overview looks at everything that a spool shows.
func (v view) overview(now time.Time) (overview, error) {
	o := overview{Spool: v.root, At: now, Hosts: []hostLine{}, Running: []runLine{}}
	entries, err := v.live()
	if err != nil {
		return o, err
	}
	inbox, err := v.inbox()
	if err != nil {
		return o, err
	}
	o.Inbox = len(inbox)
	busy := map[string]int{}
	for _, e := range entries {
		switch e.place {
		case inQueue:
			o.Queued++
		case held:
			o.Held++
		default:
			line := v.runLine(e)
			busy[e.host]++
			o.FramesSec += line.FPS
			o.Running = append(o.Running, line)
		}
	}
	if o.Hosts, err = v.hosts(now, busy); err != nil {
		return o, err
	}
	for p, n := range map[place]*int{done: &o.LastHour.Finished, failed: &o.LastHour.Failed, rejected: &o.LastHour.Rejected} {
		const most = 1000 // an hour's work, and what a terminal has room to say
		list, err := v.ended(p, most)
		if err != nil {
			return o, err
		}
		for _, e := range list {
			if now.Sub(e.since) < time.Hour {
				*n++
			}
		}
	}
	return o, nil
}

// runLine adds to a job's row how fast its stage is.
func (v view) runLine(e entry) runLine {
	line := runLine{row: v.row(e)}
	line.Stage = line.State
	if record, err := readRecord(line.OutputDir); err == nil && record.Token == e.token && len(record.Stages) > 0 {
		if last := record.Stages[len(record.Stages)-1]; last.EndedAt.IsZero() {
			line.FPS = last.FPS
		}
	}
	return line
}

// screen writes an overview; live replaces the one before.
func (c *client) screen(o overview, live bool) error {
	lines := append([]string{
		fmt.Sprintf("%s  %s", o.Spool, o.At.Format(time.TimeOnly)),
		fmt.Sprintf("%d running (%.1f frames/s), %d queued, %d held back, %d in the inbox; last hour: %d finished, %d failed, %d rejected",
			len(o.Running), o.FramesSec, o.Queued, o.Held, o.Inbox, o.LastHour.Finished, o.LastHour.Failed, o.LastHour.Rejected),
		"",
	}, hostTable(o.Hosts, o.At)...)
	lines = append(lines, "", fmt.Sprintf("%-24s %-12s %5s %8s %8s  %s", "JOB", "STAGE", "DONE", "FRAMES/S", "ETA", "DEVICE"))
	for _, r := range o.Running {
		progress, eta := "", ""
		if r.Progress != nil {
			progress = fmt.Sprintf("%d %%", int(*r.Progress*100))
		}
		if r.ETA != nil {
			eta = clock(time.Duration(*r.ETA * float64(time.Second)))
		}
		lines = append(lines, fmt.Sprintf("%-24s %-12s %5s %8.1f %8s  %s %s", r.JobID, r.Stage, progress, r.FPS, eta, r.Host, r.Device))
	}
	if !live {
		for _, l := range lines {
			if err := c.line("%s", l); err != nil {
				return err
			}
		}
		return nil
	}
	var b strings.Builder
	b.WriteString("\x1b[H") // to the top; each line clears its own rest
	for _, l := range lines {
		b.WriteString(clip(printable(l, false), columns(c.out)-1) + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	_, err := fmt.Fprint(c.out, b.String())
	return err
}
