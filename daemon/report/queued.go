package report

import (
	"fmt"
	"log/slog"
	"os"
	"path"
	"slices"
	"time"

	"uredit/daemon/job"
)

// WriteQueued says in an output directory that a job waits for the attempt of
// that number: before its first, or again after one that died. The job must own
// the directory. Files are made in work, a directory in it that the caller owns,
// and reach their names from there.
func WriteQueued(dir *os.Root, dirPath, work, token string, req *job.Request, attempt int) error {
	return WriteWaiting(dir, dirPath, work, token, req, attempt, "")
}

// WriteWaiting says the same with a message: why the job waits. With "" it waits
// for a device.
func WriteWaiting(dir *os.Root, dirPath, work, token string, req *job.Request, attempt int, message string) error {
	if err := writeQueued(dir, dirPath, work, token, req, attempt, message); err != nil {
		return fmt.Errorf("report in %s: %w", dirPath, err)
	}
	return nil
}

func writeQueued(dir *os.Root, dirPath, work, token string, req *job.Request, attempt int, message string) error {
	before := readRecord(dir)
	r := newRecord(req, dirPath, token, attempt, before)
	mine := before != nil && before.Token == token
	switch {
	case message != "":
	case mine:
		message = "waiting for another attempt"
	default:
		message = "waiting for a device"
	}
	r.Message = &message
	// The record lists the files that follow: a crash in between must not make
	// them a stranger's.
	if err := replace(dir, path.Join(work, job.RecordName), job.RecordName, r.JSON()); err != nil {
		return err
	}
	e := event{Time: now(), Type: "queued", Token: token, Attempt: attempt, Status: job.Queued, Percent: r.Progress, Message: &message}
	entry := line(time.Now(), slog.LevelInfo, attempt, message, "")
	if err := extend(dir, work, job.EventsName, mine, e.line()); err != nil {
		return err
	}
	// A log that no job of ours wrote is an older system's: it goes on.
	older := before == nil || !slices.Contains(before.Files, req.LogName())
	if err := extend(dir, work, req.LogName(), mine || older, entry); err != nil {
		return err
	}
	keepStatus(dir, keptOf(work, token))
	if err := replace(dir, path.Join(work, job.StatusName), job.StatusName, r.Status.JSON()); err != nil {
		return err
	}
	return syncDir(dir)
}

// extend adds to a growing file as an attempt would: to a copy, or to nothing
// where what is there is not to be kept.
func extend(dir *os.Root, work, name string, keep bool, more []byte) error {
	var before []byte
	if keep {
		var err error
		if before, err = readTail(dir, name, keptEventBytes); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	return replace(dir, path.Join(work, name), name, append(before, more...))
}
