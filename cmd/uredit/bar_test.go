package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"uredit/daemon/job"
)

func editingSnapshot(name string) snapshot {
	frame, frames, eta := 120, 300, 83.0
	status := job.Status{JobID: name, Status: job.Editing, Progress: 0.63, CurrentFrame: &frame, TotalFrames: &frames}
	return snapshot{
		target: target{jobID: name},
		place:  running,
		status: &status,
		record: &job.Record{Status: status, ETASeconds: &eta, Stages: []job.StageTime{{FPS: 3}, {FPS: 8.24}}},
	}
}

func TestRender(t *testing.T) {
	for _, tt := range []struct {
		s     snapshot
		width int
		want  string
	}{
		{editingSnapshot("clip"), 100, "clip  editing     [" + strings.Repeat("#", 25) + strings.Repeat("-", 15) + "]  63 %  120/300  8.2 fps  ETA 1:23"},
		{editingSnapshot("clip"), 80, "clip  editing     [################----------]  63 %  120/300  8.2 fps  ETA 1:23"},
		{editingSnapshot("clip"), 40, "clip  editing     [########------]  63 %"},
		{editingSnapshot("clip"), 25, "clip  editing      63 %"},
		{editingSnapshot("clip"), 8, "clip  ed"},
		{editingSnapshot("\x1b[31mclip"), 30, "\ufffd[31mclip  editing      63 %"},
		{snapshot{target: target{jobID: "new"}, place: inInbox}, 80, "new  inbox        no host has claimed it yet"},
		{snapshot{target: target{jobID: "new"}, place: inQueue}, 80, "new  queued       waiting for a device"},
	} {
		if got := render(tt.s, tt.width); got != tt.want {
			t.Errorf("%d columns:\n got %q\nwant %q", tt.width, got, tt.want)
		}
	}
}

// TestRenderFits shows that no line is wider than its terminal, whatever the
// name is made of.
func TestRenderFits(t *testing.T) {
	for _, name := range []string{"a", strings.Repeat("long", 25), "红色的球编辑任务一号红色的球编辑任务一号", "e\u0301te\u0301"} {
		for width := range 200 {
			if got := cells(render(editingSnapshot(name), width)); got > width {
				t.Errorf("%s takes %d of %d columns", name, got, width)
			}
		}
	}
}

func TestCells(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "红球": 4, "e\u0301": 1} {
		if got := cells(s); got != want {
			t.Errorf("cells(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0:00", 61 * time.Second: "1:01", 59*time.Minute + 59600*time.Millisecond: "1:00:00", 3723 * time.Second: "1:02:03"} {
		if got := clock(d); got != want {
			t.Errorf("clock(%v) = %s, want %s", d, got, want)
		}
	}
}

func TestAge(t *testing.T) {
	now := time.Unix(1e9, 0)
	for ago, want := range map[time.Duration]string{-time.Hour: "0s", 59 * time.Second: "59s", 90 * time.Minute: "1h", 3 * time.Minute: "3m", 50 * time.Hour: "2d"} {
		if got := age(now.Add(-ago), now); got != want {
			t.Errorf("age of %v = %s, want %s", ago, got, want)
		}
	}
	if got := age(time.Time{}, now); got != "?" {
		t.Errorf("age of an unknown time = %s", got)
	}
}

// pty returns both ends of a new terminal: what is written to tty is read from
// master.
func pty(t *testing.T) (master, tty *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { tty.Close() })
	return master, tty
}

func resize(t *testing.T, tty *os.File, cols uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: cols}); err != nil {
		t.Fatal(err)
	}
}

// TestBarOnTerminal draws on a real terminal: one line, written over itself,
// only when something changed, as wide as the window is at that moment.
func TestBarOnTerminal(t *testing.T) {
	master, tty := pty(t)
	resize(t, tty, 100)
	c := &client{stdio: stdio{out: tty, getenv: func(string) string { return "xterm" }}, format: formatTable}
	d := c.display()
	if _, ok := d.(*bar); !ok {
		t.Fatalf("a terminal gets %T", d)
	}
	show := func(s snapshot) string {
		t.Helper()
		if err := d.show(s); err != nil {
			t.Fatal(err)
		}
		// A mark, so that a read ends also when nothing was drawn.
		fmt.Fprint(tty, "\x00")
		var got []byte
		for buf := make([]byte, 4096); len(got) == 0 || got[len(got)-1] != 0; {
			n, err := master.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, buf[:n]...)
		}
		return string(got[:len(got)-1])
	}
	s := editingSnapshot("clip")
	if got, want := show(s), "\r\x1b[K"+render(s, 99); got != want {
		t.Errorf("first: %q, want %q", got, want)
	}
	if got := show(s); got != "" {
		t.Errorf("nothing changed: %q", got)
	}
	resize(t, tty, 40)
	if got, want := show(s), "\r\x1b[K"+render(s, 39); got != want {
		t.Errorf("a narrower window: %q, want %q", got, want)
	}
	s.status.Status, s.status.Progress, s.place = job.Finished, 1, done
	out := "/out/clip_output.mp4"
	s.status.OutputVideoPath = &out
	if err := d.end(s); err != nil {
		t.Fatal(err)
	}
	if got := show(s); !strings.Contains(got, "100 %\r\noutput: /out/clip_output.mp4\r\n") {
		t.Errorf("the end: %q", got)
	}
}

// TestDumbTerminal keeps control sequences off a terminal that knows none.
func TestDumbTerminal(t *testing.T) {
	_, tty := pty(t)
	resize(t, tty, 80)
	c := &client{stdio: stdio{out: tty, getenv: func(string) string { return "dumb" }}, format: formatTable}
	if d, ok := c.display().(*lines); !ok {
		t.Fatalf("a dumb terminal gets %T", d)
	}
}
