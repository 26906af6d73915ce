package job

import (
	"encoding/json"
	"fmt"
	"time"
)

// SchemaVersion is the version of job.json. It rises when a key changes its
// meaning or goes; new keys do not change it.
const SchemaVersion = 1

// Outcome is how a job ended.
type Outcome string

// The outcomes. The zero Outcome is a job that is not over.
const (
	OutcomeFinished  Outcome = "finished"
	OutcomeFailed    Outcome = "failed"
	OutcomeCancelled Outcome = "cancelled"
	OutcomeRejected  Outcome = "rejected"
)

// Record is job.json: the ten keys of Status and everything else that is known.
type Record struct {
	SchemaVersion int   `json:"schema_version"`
	Seq           int64 `json:"seq"` // rises by one with each write of this attempt
	Status
	Token      string            `json:"token"`   // the spool's name of this job
	Attempt    int               `json:"attempt"` // from 1; 0 for a job that was never started
	Host       string            `json:"host"`
	Device     string            `json:"device,omitempty"`
	Outcome    Outcome           `json:"outcome,omitempty"`
	QueuedAt   time.Time         `json:"queued_at,omitzero"`
	StartedAt  time.Time         `json:"started_at,omitzero"` // of this attempt
	UpdatedAt  time.Time         `json:"updated_at"`          // of the last change
	Heartbeat  time.Time         `json:"heartbeat"`           // of the last write
	FinishedAt time.Time         `json:"finished_at,omitzero"`
	ETASeconds *float64          `json:"eta_seconds"` // nil while it cannot be known
	Stages     []StageTime       `json:"stages"`
	Params     Request           `json:"params"`               // every default filled in
	Seed       uint64            `json:"seed"`                 // the seed in effect
	Models     map[string]string `json:"models,omitempty"`     // file of the bundle to sha256
	Versions   map[string]string `json:"versions,omitempty"`   // uredit, onnxruntime, opencv, ffmpeg
	Input      json.RawMessage   `json:"input,omitempty"`      // what the probe found in the input
	Output     json.RawMessage   `json:"output,omitempty"`     // the same of the output
	FromCache  *FromCache        `json:"from_cache,omitempty"` // nil where everything was made anew
	Files      []string          `json:"files"`                // names in output_dir that this job wrote
	Warnings   []Warning         `json:"warnings"`
	// Failure takes the place of Status.Error: in the record "error" is an
	// object with its parts, in status.json one sentence.
	Failure *Error `json:"error"`
}

// StageTime is when a job was in one state, and how fast.
type StageTime struct {
	Name      State     `json:"name"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	Frames    int       `json:"frames"`
	FPS       float64   `json:"fps"` // frames a second over the stage so far
}

// FromCache says which earlier job made what a job used again.
type FromCache struct {
	What   CachePart `json:"what"`
	JobID  string    `json:"job_id"`
	Token  string    `json:"token"` // the spool's name of that job
	Host   string    `json:"host"`
	MadeAt time.Time `json:"made_at"`
}

// CachePart is what of an earlier job is used again.
type CachePart string

// The parts of a job that another may use.
const (
	CachedResult CachePart = "result" // everything: nothing was computed
	CachedMasks  CachePart = "masks"  // what the first pass found
)

// Warning is something that the user should know about a job that goes on.
type Warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// JSON returns the file's bytes, formed as Status.JSON forms them.
func (r Record) JSON() []byte { return indented(r) }

// ParseRecord reads a job.json. Unknown keys are passed over: a newer daemon
// may know more. Parameters that an older one did not know have their default.
func ParseRecord(data []byte) (Record, error) {
	r := Record{Params: Default()}
	if err := json.Unmarshal(data, &r); err != nil {
		return Record{}, fmt.Errorf("parse job record: %w", err)
	}
	if r.SchemaVersion < 1 || r.SchemaVersion > SchemaVersion {
		return Record{}, fmt.Errorf("parse job record: schema version %d is not known here", r.SchemaVersion)
	}
	return r, nil
}
