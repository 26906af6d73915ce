package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"uredit/daemon/job"
	"uredit/daemon/roots"
)

// How much of a disk stays free of new jobs: those that run need it for their
// last frames, and for their records. One that runs pauses when half of it is
// gone, and goes on when all of it is there again.
const (
	reserve      = 512 << 20 // bytes
	reserveShare = 50        // but not more than one part in so many of a small disk
	pauseShare   = 2
)

// disk is how full a file system is. One that does not tell its size has room.
type disk struct{ free, all uint64 } // bytes

// diskOf looks at the disk of an output directory.
func diskOf(out *roots.Dir) (disk, error) {
	f, err := out.Open(".")
	if err != nil {
		return disk{}, fmt.Errorf("look for room: %w", err)
	}
	defer f.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return disk{}, fmt.Errorf("look for room: %w", err)
	}
	return disk{free: st.Bavail * uint64(st.Bsize), all: st.Blocks * uint64(st.Bsize)}, nil
}

// reserved returns how much is to stay free.
func (d disk) reserved() uint64 { return min(reserve, d.all/reserveShare) }

// enough reports whether a job may begin, or go on after a pause.
func (d disk) enough() bool { return d.free >= d.reserved() }

// low reports whether a job that runs is to pause.
func (d disk) low() bool { return d.free < d.reserved()/pauseShare }

// nearlyFull says which disk has less than least bytes free; how many less is
// left out, or it would be another sentence with each look.
func nearlyFull(out *roots.Dir, least uint64) string {
	return fmt.Sprintf("the disk of %s is nearly full: less than %s are free", out.Path, size(least))
}

// size writes bytes for people.
func size(n uint64) string {
	const kB, MB = 1 << 10, 1 << 20
	if n < MB {
		return fmt.Sprintf("%d kB", n/kB)
	}
	return fmt.Sprintf("%d MB", n/MB)
}

// room is an error while the disk of an output directory is nearly full. A job
// waits for it to pass; it would only fill what is left.
func (s *source) room(out *roots.Dir) error {
	d, err := s.disk(out)
	if err != nil || d.enough() {
		return err
	}
	return &job.Error{Code: job.CodeDiskFull, Key: "output_dir", Retryable: true, Message: nearlyFull(out, d.reserved()),
		Hint: "jobs that write there wait until there is room"}
}

// roomEvery is how often a running job looks at the disk of its results.
const roomEvery = time.Second

// A gate keeps an edit from its next frame while the disk of its results is
// nearly full.
type gate struct {
	disk  func(*roots.Dir) (disk, error)
	every time.Duration // between two looks
	note  *notebook

	looked time.Time
}

// pass returns at once, or when there is room again, or when ctx ends. Tell is
// told why it waits, and "" afterwards. A nil gate is open, and so is one that
// cannot look: whoever writes there will say why. It is for one goroutine at a
// time.
func (g *gate) pass(ctx context.Context, out *roots.Dir, tell func(message string)) {
	if g == nil || time.Since(g.looked) < g.every {
		return
	}
	g.looked = time.Now()
	now, err := g.disk(out)
	if err != nil || !now.low() {
		return
	}
	tell(job.Paused + fmt.Sprintf("%s; it goes on by itself when %s are", nearlyFull(out, now.reserved()/pauseShare), size(now.reserved())))
	about := "the disk of " + out.Path
	tick := time.NewTicker(g.every)
	defer tick.Stop()
	for err == nil && !now.enough() {
		g.note.trouble(about, errors.New("nearly full: jobs that write there pause"))
		select {
		case <-ctx.Done():
			g.note.forget(about)
			return
		case <-tick.C:
		}
		now, err = g.disk(out)
	}
	g.note.trouble(about, nil)
	g.looked = time.Now()
	tell("")
}

// pause holds the step of the pipeline that reports frame of total frames while
// the disk of its results is nearly full.
func (a *attempt) pause(ctx context.Context, stage job.State, frame, total int, message string) {
	a.said = cmp.Or(message, a.said)
	a.room.pass(ctx, a.out, func(why string) {
		if why != "" {
			a.rep.Logger().Warn(why)
		} else {
			a.rep.Logger().Info("there is room again")
		}
		a.rep.Stage(stage, frame, total, cmp.Or(why, a.said, string(stage)))
	})
}
