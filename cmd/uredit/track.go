package main

import (
	"errors"
	"path/filepath"
	"strings"

	"uredit/daemon/job"
)

// A tracker follows one job through the spool and its output directory.
type tracker struct {
	view
	ticket // of a request that was just dropped; zero otherwise
	target
	others map[string]bool // files that were read and are not the ticket's
	lost   int             // looks in a row that found the job nowhere
}

// A snapshot is what one look at a job finds.
type snapshot struct {
	target
	place  place
	host   string
	status *job.Status // nil while there is none of this job
	record *job.Record // likewise
	reason string      // of a rejection or failure
}

// look reads the spool first and the records after it, so that what is over in
// the spool has its last record.
func (t *tracker) look() (snapshot, error) {
	e, err := t.whereabouts()
	if err != nil {
		return snapshot{}, err
	}
	if e.token != "" {
		t.token = e.token
	}
	if e.place == nowhere {
		t.lost++
	} else {
		t.entry, t.lost = &e, 0
	}
	s := snapshot{target: t.target, place: e.place, host: e.host}
	if e.place == failed || e.place == rejected {
		s.reason = t.reason(e)
	}
	if t.outputDir != "" {
		t.readRecords(&s)
	}
	return s, nil
}

// whereabouts finds the job in the spool, by its token once it is known.
func (t *tracker) whereabouts() (entry, error) {
	switch {
	case t.token != "":
		return t.locate(t.token)
	case t.nonce != "":
		return t.search()
	case t.entry != nil && exists(t.entry.file):
		return *t.entry, nil
	case t.entry != nil && t.jobID != "": // somebody else's request was claimed
		now, ok, err := t.findName(t.jobID)
		if err != nil || !ok {
			return entry{}, err
		}
		return *now.entry, nil
	}
	return entry{}, nil
}

// search looks for the ticket's request, in every place where it may be.
func (t *tracker) search() (entry, error) {
	if exists(t.ticket.file) {
		return entry{place: inInbox, name: filepath.Base(t.ticket.file), file: t.ticket.file}, nil
	}
	if t.others == nil {
		t.others = map[string]bool{}
	}
	list, err := t.live()
	if err != nil {
		return entry{}, err
	}
	for _, p := range []place{failed, rejected, done} {
		ended, err := t.ended(p, searchLimit)
		if err != nil {
			return entry{}, err
		}
		list = append(list, ended...)
	}
	for _, e := range list {
		if t.others[e.file] {
			continue
		}
		if t.mine(e.file) {
			return e, nil
		}
		t.others[e.file] = true
	}
	return entry{}, nil
}

// readRecords fills in status.json and job.json where they are this job's.
func (t *tracker) readRecords(s *snapshot) {
	status, err := readStatus(t.outputDir)
	if err != nil || t.jobID != "" && status.JobID != t.jobID {
		return
	}
	s.status = &status
	record, err := readRecord(t.outputDir)
	if err != nil || record.JobID != status.JobID {
		return
	}
	if t.token == "" || record.Token == t.token {
		s.record = &record
	} else if status.Status.Terminal() && s.place != rejected {
		s.status = nil // how the job before this one ended
	}
}

// over reports whether the job has ended. The spool decides; where it does not
// know the job (any more), status.json does.
func (s snapshot) over() bool {
	if s.place != nowhere {
		return s.place.over()
	}
	return s.status != nil && s.status.Status.Terminal()
}

// over is the snapshot's answer, but a job that was seen in the spool must be
// gone for two looks: one may fall between two folders.
func (t *tracker) over(s snapshot) bool {
	return s.over() && (s.place != nowhere || t.entry == nil || t.lost > 1)
}

// errVanished says that a request was removed before anybody claimed it.
var errVanished = errors.New("the request was taken out of the inbox: the job was cancelled before a host claimed it")

// outcome returns the error, and with it the exit status, of a job that is over.
func (s snapshot) outcome() error {
	switch {
	case s.place == done, s.place == nowhere && s.status != nil && s.status.Status == job.Finished:
		return nil
	case s.place == rejected:
		return &statusError{exitUsage, errTold}
	}
	return &statusError{exitFailed, errTold}
}

// untold reports whether status.json does not yet, or not at all, tell how the
// request fares.
func (s snapshot) untold() bool {
	return s.status == nil || s.place == inInbox || s.place == checking || s.place == rejected
}

// state is the one word for where the job stands.
func (s snapshot) state() string {
	switch {
	case s.place == rejected, s.place == inInbox, s.place == checking:
		return string(s.place)
	case s.cancelled():
		return string(job.OutcomeCancelled)
	case s.status != nil && !(s.place.over() && !s.status.Status.Terminal()):
		return string(s.status.Status)
	}
	return s.place.word()
}

// cancelled reports whether a user ended the job.
func (s snapshot) cancelled() bool {
	return s.status != nil && s.status.Status == job.Failed && s.status.Error != nil &&
		strings.HasPrefix(*s.status.Error, string(job.OutcomeCancelled))
}

// why returns the reason of a failure or rejection, "" for none.
func (s snapshot) why() string {
	if s.place != rejected && s.status != nil && s.status.Error != nil {
		return *s.status.Error
	}
	return s.reason
}
