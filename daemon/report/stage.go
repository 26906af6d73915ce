package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"uredit/daemon/job"
)

// Result is a job that ended well.
type Result struct {
	Output string          // the public name of the output in the output directory
	Probe  json.RawMessage // what is in it
	Frames int             // frames that were written
}

// Stage reports that a job is in a state, with frame of total frames done in
// it; total is 0 while unknown. A change of state is written before Stage
// returns. A state that the job already left is passed over.
func (r *Reporter) Stage(s job.State, frame, total int, message string) {
	r.mu.Lock()
	changed := s != r.record.Status.Status
	if r.over || s.Rank() < r.record.Status.Status.Rank() || s.Terminal() {
		r.mu.Unlock()
		return
	}
	if changed {
		r.enter(s)
	}
	r.advance(frame, total)
	if message != "" || changed {
		r.record.Message = new(cmp.Or(message, string(s)))
	}
	r.touch()
	if changed {
		r.event("state")
	}
	r.mu.Unlock()
	if changed {
		r.log.Info(string(s), "frames", total)
		r.note(r.write(true))
	}
}

// Continue reports that an earlier attempt did the first frames of the running
// stage: they say nothing of its speed.
func (r *Reporter) Continue(frames int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skipped = frames
}

// enter ends the running stage and begins another. The caller holds mu.
func (r *Reporter) enter(s job.State) {
	at := now()
	r.endStage()
	r.skipped = 0
	r.record.Status.Status = s
	r.record.CurrentFrame, r.record.ETASeconds = nil, nil
	if s != job.Queued && !s.Terminal() {
		r.record.Stages = append(r.record.Stages, job.StageTime{Name: s, StartedAt: at})
	}
}

// endStage completes the times of the running stage. The caller holds mu.
func (r *Reporter) endStage() {
	if n := len(r.record.Stages); n > 0 && r.record.Stages[n-1].EndedAt.IsZero() {
		r.measure()
		r.record.Stages[n-1].EndedAt = now()
	}
}

// measure brings the running stage's speed up to date. The caller holds mu.
func (r *Reporter) measure() {
	n := len(r.record.Stages)
	if n == 0 || !r.record.Stages[n-1].EndedAt.IsZero() {
		return
	}
	stage := &r.record.Stages[n-1]
	r.record.ETASeconds = nil
	took := now().Sub(stage.StartedAt).Seconds()
	if took <= 0 || stage.Frames == 0 {
		return
	}
	stage.FPS = float64(int(float64(stage.Frames)/took*100)) / 100
	// What is left of the other stages is not known; after the second pass it
	// is little.
	if total := r.record.TotalFrames; stage.Name == job.Editing && total != nil {
		left := took / float64(stage.Frames) * float64(max(0, *total-r.skipped-stage.Frames))
		r.record.ETASeconds = new(float64(int(left*10)) / 10)
	}
}

// advance takes over a count of frames. The caller holds mu.
func (r *Reporter) advance(frame, total int) {
	if total > 0 {
		r.record.TotalFrames = &total
	}
	if frame > 0 {
		if at := r.record.CurrentFrame; at == nil || *at < frame {
			r.record.CurrentFrame = &frame
		}
		if n := len(r.record.Stages); n > 0 {
			r.record.Stages[n-1].Frames = max(r.record.Stages[n-1].Frames, frame-r.skipped)
		}
	}
	p := job.RoundProgress(progress(r.record.Status.Status, frame, total))
	r.record.Progress = max(r.record.Progress, p)
}

// progress returns the share of the whole that is done within a state.
func progress(s job.State, frame, total int) float64 {
	from, to := s.Mark(), s.Mark()
	switch s {
	case job.Extracting:
		to = 0.2
	case job.Propagating:
		to = job.Editing.Mark()
	case job.Editing:
		to = job.Smoothing.Mark()
	}
	if total <= 0 {
		return from
	}
	return from + (to-from)*min(1, float64(frame)/float64(total))
}

// Finish says that the job is done and where its result is.
func (r *Reporter) Finish(result Result) error {
	return r.last("finish", func(rec *job.Record) {
		r.enter(job.Finished)
		rec.Progress, rec.Outcome = 1, job.OutcomeFinished
		rec.Message = new("finished")
		rec.OutputVideoPath = new(filepath.Join(r.dirPath, result.Output))
		rec.Output = result.Probe
		rec.Files = union(rec.Files, result.Output)
		rec.FinishedAt = now()
		if result.Frames > 0 {
			rec.CurrentFrame, rec.TotalFrames = &result.Frames, &result.Frames
		}
	})
}

// Fail says that the job ended badly and will not be tried again by itself.
func (r *Reporter) Fail(why *job.Error) error {
	return r.last("fail", func(rec *job.Record) {
		e, in := *why, rec.Status.Status
		if e.Stage == "" && in != job.Queued {
			e.Stage = in
		}
		frame := rec.CurrentFrame
		r.enter(job.Failed)
		rec.CurrentFrame = frame
		rec.Outcome, rec.Failure, rec.FinishedAt = job.OutcomeFailed, &e, now()
		text := e.Error()
		rec.Message = new("failed")
		if e.Stage != "" {
			rec.Message = new("failed while " + string(e.Stage))
		}
		if e.Code == job.CodeCancelled {
			rec.Outcome, rec.Message = job.OutcomeCancelled, new("cancelled")
			if !strings.HasPrefix(text, "cancelled") {
				text = "cancelled: " + text
			}
		}
		rec.Error = &text
	})
}

// Requeue says that this attempt is over and that there will be another.
func (r *Reporter) Requeue(reason string) error {
	return r.last("requeue", func(rec *job.Record) {
		r.enter(job.Queued)
		rec.Attempt++
		rec.Message = &reason
	})
}

// last says the last word of an attempt. A second one changes nothing; it writes
// the first again where that did not succeed.
func (r *Reporter) last(what string, change func(*job.Record)) error {
	r.mu.Lock()
	said, done := r.over, !r.dirty
	if !said {
		change(&r.record)
		r.keepFiles()
		r.touch()
		r.over = true
		r.event("state")
	}
	text := *r.record.Message
	if r.record.Error != nil {
		text += ": " + *r.record.Error
	}
	r.mu.Unlock()
	if said && done {
		return nil
	}
	if !said {
		r.logFile.reserve()
		r.log.Info(text)
		r.logFile.sync() // before anybody is told that nothing follows
	}
	if err := r.write(true); err != nil {
		return fmt.Errorf("%s: write to %s: %w", what, r.dirPath, err)
	}
	return nil
}

// keepFiles drops names from the list of this job's files that are not there.
// The caller holds mu.
func (r *Reporter) keepFiles() {
	r.record.Files = slices.DeleteFunc(slices.Clone(r.record.Files), func(name string) bool {
		_, err := r.dir.Lstat(name)
		return errors.Is(err, fs.ErrNotExist)
	})
}
