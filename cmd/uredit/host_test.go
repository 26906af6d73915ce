package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// fakeHost is a program that plays the daemon's side of a spool and edits
// nothing. The edit_prompt says what happens: "reject", "fail", "cancel", "crash"
// (the claim stays active), "queue" (it waits for ever), anything else finishes.
//
//	fakehost [-jobs N] [-pace D] SPOOL
func fakeHost() {
	jobs := flag.Int("jobs", 1, "how many to take before the end")
	pace := flag.Duration("pace", 20*time.Millisecond, "between two states")
	flag.Parse()
	if err := serve(flag.Arg(0), *jobs, *pace); err != nil {
		fmt.Fprintln(os.Stderr, "fakehost:", err)
		os.Exit(1)
	}
}

func serve(root string, jobs int, pace time.Duration) error {
	own, err := os.MkdirTemp("", "host")
	if err != nil {
		return err
	}
	defer os.RemoveAll(own)
	s, err := spool.Open(root, spool.Options{HostDir: own, Host: "gpu1"})
	if err != nil {
		return err
	}
	defer s.Close()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for jobs > 0 {
		<-tick.C
		entries, err := s.Scan()
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := play(s, e, tick.C); err != nil {
				return err
			}
			jobs--
		}
	}
	return nil
}

func play(s *spool.Spool, e spool.Entry, tick <-chan time.Time) error {
	claim, err := s.Claim(e)
	if err != nil {
		return err
	}
	data, err := s.Read(claim, job.MaxRequestBytes)
	if err != nil {
		return err
	}
	r, _, err := job.Parse(e.Name, data)
	if err != nil || r.EditPrompt == "reject" {
		if err == nil {
			err = job.Errors{{Code: job.CodeInvalidRequest, File: e.Name, Line: 7, Key: "edit_prompt", Message: "nothing can be rejected", Hint: "write fail"}}
		}
		_, err = s.Reject(claim, reasonOf(r, err))
		return err
	}
	if r.EditPrompt == "crash" {
		return nil
	}
	q, err := s.Enqueue(claim, data, 9-r.Priority)
	if err != nil {
		return err
	}
	if r.EditPrompt == "queue" {
		return nil
	}
	<-tick
	if claim, err = s.Take(q); err != nil {
		return err
	}
	for _, state := range []job.State{job.Extracting, job.Masking, job.Propagating, job.Editing, job.Smoothing, job.Saving} {
		if err := record(claim.Job, r, state, nil); err != nil {
			return err
		}
		<-tick
	}
	if r.EditPrompt == "fail" {
		fault := &job.Error{Code: "nothing_found", Stage: job.Masking, Message: "there is no red ball", Hint: "name something that is there"}
		if err := record(claim.Job, r, job.Failed, fault); err != nil {
			return err
		}
		return s.Fail(claim, reasonOf(r, fault))
	}
	if r.EditPrompt == "cancel" {
		fault := &job.Error{Code: job.CodeCancelled, Message: "cancelled by ann"}
		if err := record(claim.Job, r, job.Failed, fault); err != nil {
			return err
		}
		return s.Fail(claim, reasonOf(r, fault))
	}
	if err := record(claim.Job, r, job.Finished, nil); err != nil {
		return err
	}
	return s.Done(claim)
}

func reasonOf(r job.Request, err error) spool.Reason {
	var all job.Errors
	if one, ok := errors.AsType[*job.Error](err); ok {
		all = job.Errors{one}
	}
	if many, ok := errors.AsType[job.Errors](err); ok {
		all = many
	}
	data, jsonErr := json.Marshal(verdict{JobID: r.JobID, OutputDir: r.OutputDir, Errors: all})
	if jsonErr != nil {
		panic(jsonErr)
	}
	return spool.Reason{JSON: data, Text: []byte(err.Error() + "\n")}
}

// record writes the files of a job in one state.
func record(token string, r job.Request, state job.State, fault *job.Error) error {
	at := func(name string) *string { path := filepath.Join(r.OutputDir, name); return &path }
	frame, frames, eta := 30, 60, 12.0
	now := time.Now()
	rec := job.Record{
		SchemaVersion: job.SchemaVersion, Token: token, Attempt: 1, Host: "gpu1", Device: "cpu", Params: r,
		Status:    job.Status{JobID: r.JobID, Status: state, Progress: job.Fraction(state.Mark()), CurrentFrame: &frame, TotalFrames: &frames, LogsPath: at(r.LogName())},
		StartedAt: now, UpdatedAt: now, Heartbeat: now, ETASeconds: &eta, Failure: fault,
		Stages:    []job.StageTime{{Name: state, StartedAt: now, Frames: frame, FPS: 7.5}},
		Input:     json.RawMessage(`{"codec": "h264", "pix_fmt": "yuv420p", "width": 320, "height": 240, "frames": 60, "duration_ns": 2400000000}`),
		FromCache: &job.FromCache{What: job.CachedMasks, JobID: "older", Token: "J", Host: "gpu2", MadeAt: now},
		Warnings:  []job.Warning{{Code: "sound", Message: "the sound was transcoded"}},
	}
	switch state {
	case job.Finished:
		rec.Status.OutputVideoPath, rec.Status.MaskPreviewPath = at(r.OutputName()), at(r.MaskName())
		rec.Outcome, rec.FinishedAt = job.OutcomeFinished, now
	case job.Failed:
		message := fault.Code + ": " + fault.Message
		rec.Status.Progress, rec.Status.Error, rec.Outcome = 0.95, &message, job.OutcomeFailed
		if fault.Code == job.CodeCancelled {
			message, rec.Outcome = fault.Message, job.OutcomeCancelled
		}
	}
	log, err := os.OpenFile(*at(r.LogName()), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(log, "attempt=1 %s %s\n", state, strings.Repeat(".", 10))
	return errors.Join(err, log.Close(),
		replaceFile(*at(job.RecordName), rec.JSON()),
		replaceFile(*at(job.StatusName), rec.Status.JSON()))
}
