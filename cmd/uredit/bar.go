package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"uredit/daemon/job"
)

// Widths of the bar line, in columns.
const (
	widestBar    = 40
	narrowestBar = 8
	widestName   = 24
)

// bar is one line of a terminal that is written again and again.
type bar struct {
	out     io.Writer
	columns func() int // of the terminal, now
	drawn   string
	width   int
}

func (b *bar) show(s snapshot) error {
	width := b.columns()
	line := render(s, width-1) // a full last column makes some terminals wrap
	if line == b.drawn && width == b.width {
		return nil
	}
	b.drawn, b.width = line, width
	_, err := fmt.Fprint(b.out, "\r\x1b[K", line)
	return err
}

func (b *bar) end(s snapshot) error {
	if err := b.show(s); err != nil {
		return err
	}
	b.newline()
	for _, line := range closing(s) {
		if _, err := fmt.Fprintln(b.out, printable(line, true)); err != nil {
			return err
		}
	}
	return nil
}

// newline leaves the line as it is.
func (b *bar) newline() {
	if b.drawn != "" {
		fmt.Fprintln(b.out)
		b.drawn = ""
	}
}

// render draws a job in at most width columns: name, state and percentage
// first, the bar and the rest as far as they fit.
func render(s snapshot, width int) string {
	head := fmt.Sprintf("%s  %-11s", clip(printable(s.name(), false), widestName), s.state())
	if s.untold() {
		return clip(head+"  "+printable(waiting(s), false), width)
	}
	progress := s.status.Progress
	percent := fmt.Sprintf(" %3d %%", int(progress*100))
	tail := percent + details(s)
	room := width - cells(head) - cells(tail) - 3 // a blank and two brackets
	if room < narrowestBar {
		tail = percent
		room = width - cells(head) - cells(tail) - 3
	}
	if room < narrowestBar {
		return clip(head+tail, width)
	}
	room = min(room, widestBar)
	full := int(float64(progress) * float64(room))
	return head + " [" + strings.Repeat("#", full) + strings.Repeat("-", room-full) + "]" + tail
}

// waiting says what a job without a record waits for.
func waiting(s snapshot) string {
	switch s.place {
	case inInbox:
		return "no host has claimed it yet"
	case checking:
		return "a host examines the request"
	case inQueue:
		return "waiting for a device"
	case held:
		return "on hold; uredit release lets it run"
	}
	return ""
}

// details are frames, then frames per second and the time that is left, or why
// the job does not get on.
func details(s snapshot) string {
	var b strings.Builder
	if f, n := s.status.CurrentFrame, s.status.TotalFrames; f != nil && n != nil {
		fmt.Fprintf(&b, "  %d/%d", *f, *n)
	}
	if why := s.status.Stalled(); why != "" && !s.over() {
		return b.String() + "  " + printable(why, false)
	}
	if s.record == nil || s.over() {
		return b.String()
	}
	if fps := rate(s.record); fps > 0 {
		fmt.Fprintf(&b, "  %.1f fps", fps)
	}
	if s.record.ETASeconds != nil {
		fmt.Fprintf(&b, "  ETA %s", clock(time.Duration(*s.record.ETASeconds*float64(time.Second))))
	}
	return b.String()
}

// rate returns the frames per second of the stage that a job is in.
func rate(r *job.Record) float64 {
	if n := len(r.Stages); n > 0 {
		return r.Stages[n-1].FPS
	}
	return 0
}

// clock writes a duration as m:ss or h:mm:ss.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
