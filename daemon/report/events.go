package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"uredit/daemon/job"
)

// event is one line of events.ndjson.
type event struct {
	Time    time.Time    `json:"time"`
	Type    string       `json:"type"` // queued, start, state, progress or warning
	Token   string       `json:"token"`
	Attempt int          `json:"attempt"`
	Status  job.State    `json:"status"`
	Percent job.Fraction `json:"progress"` // 0..1
	Frame   *int         `json:"current_frame,omitempty"`
	Total   *int         `json:"total_frames,omitempty"`
	Code    string       `json:"code,omitempty"`
	Message *string      `json:"message,omitempty"`
	Failure *job.Error   `json:"error,omitempty"`
}

// maxPending bounds the events that wait for a disk to have room again.
const maxPending = 1 << 20

// lines is what a file is still to get.
type lines struct {
	pending []byte
	last    time.Time // of the last line
}

func (l *lines) add(e event) {
	if len(l.pending) < maxPending || e.Type == "state" {
		l.pending = append(l.pending, e.line()...)
	}
	l.last = time.Now()
}

func (l *lines) take() []byte {
	p := l.pending
	l.pending = nil
	return p
}

func (l *lines) putBack(p []byte) { l.pending = append(bytes.Clone(p), l.pending...) }

func (e event) line() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		panic(fmt.Sprintf("encode event: %v", err)) // it holds text and numbers
	}
	return b.Bytes()
}

// event adds a line about where the job stands. The caller holds mu.
func (r *Reporter) event(kind string) {
	r.eventWith(event{Type: kind, Frame: r.record.CurrentFrame, Total: r.record.TotalFrames,
		Message: r.record.Message, Failure: r.record.Failure})
}

// eventWith completes an event and adds its line. The caller holds mu.
func (r *Reporter) eventWith(e event) {
	e.Time, e.Token, e.Attempt = now(), r.record.Token, r.record.Attempt
	e.Status, e.Percent = r.record.Status.Status, r.record.Progress
	r.events.add(e)
}
