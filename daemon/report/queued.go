package report

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"time"

	"uredit/daemon/job"
)

// workDir is where a job keeps what is not public yet, beneath its output
// directory.
const workDir = ".uredit"

// WriteQueued says in an output directory that a job waits for the attempt of
// that number: before its first, or again after one that died. The job must own
// the directory.
func WriteQueued(dir *os.Root, dirPath, token string, req *job.Request, attempt int) error {
	if err := writeQueued(dir, dirPath, token, req, attempt); err != nil {
		return fmt.Errorf("report in %s: %w", dirPath, err)
	}
	return nil
}

func writeQueued(dir *os.Root, dirPath, token string, req *job.Request, attempt int) error {
	if err := dir.Mkdir(workDir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	before := readRecord(dir)
	r := newRecord(req, dirPath, token, attempt, before)
	mine := before != nil && before.Token == token
	message := "waiting for a device"
	if mine {
		message = "waiting for another attempt"
	}
	r.Message = &message
	e := event{Time: now(), Type: "queued", Token: token, Attempt: attempt, Status: job.Queued, Percent: r.Progress, Message: &message}
	entry := line(time.Now(), slog.LevelInfo, attempt, message, "")
	if err := extend(dir, token, attempt, job.EventsName, mine, e.line()); err != nil {
		return err
	}
	if err := extend(dir, token, attempt, req.LogName(), mine, entry); err != nil {
		return err
	}
	if err := replace(dir, temporary(token, attempt, job.RecordName), job.RecordName, r.JSON(), true); err != nil {
		return err
	}
	if err := replace(dir, temporary(token, attempt, job.StatusName), job.StatusName, r.Status.JSON(), true); err != nil {
		return err
	}
	return syncDir(dir)
}

// temporary returns a name that the clearing of a job's attempts finds.
func temporary(token string, attempt int, name string) string {
	return path.Join(workDir, fmt.Sprintf("%s.e%04d.%s", token, attempt, name))
}

// extend adds to a growing file as an attempt would: to a copy.
func extend(dir *os.Root, token string, attempt int, name string, mine bool, more []byte) error {
	var before []byte
	if mine {
		var err error
		if before, err = readTail(dir, name, keptEventBytes); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	return replace(dir, temporary(token, attempt, name), name, append(before, more...), false)
}
