package job

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Status is status.json: exactly these ten keys, in this order. Readers exist
// that refuse an eleventh key; whatever else is to be told goes into Record.
type Status struct {
	JobID           string   `json:"job_id"`
	Status          State    `json:"status"`
	Progress        Fraction `json:"progress"`          // 0..1, never falls, kept on failure
	CurrentFrame    *int     `json:"current_frame"`     // frames of this state that are done
	TotalFrames     *int     `json:"total_frames"`      // nil while unknown
	Message         *string  `json:"message"`           // a sentence for people
	Error           *string  `json:"error"`             // set when failed; begins with "cancelled" for a cancelled job
	OutputVideoPath *string  `json:"output_video_path"` // absolute; set when finished
	MaskPreviewPath *string  `json:"mask_preview_path"` // absolute; set once the file is there
	LogsPath        *string  `json:"logs_path"`         // absolute; set from the first write
}

// What begins the message of a job that does not get on, for clients that show
// it.
const (
	CannotBegin = "cannot begin on " // a host: it is queued
	Paused      = "paused: "         // in the middle of its work
)

// Stalled returns the message of a job that does not get on, "" of any other.
func (s Status) Stalled() string {
	if s.Message == nil || s.Status.Terminal() {
		return ""
	}
	if strings.HasPrefix(*s.Message, CannotBegin) || strings.HasPrefix(*s.Message, Paused) {
		return *s.Message
	}
	return ""
}

// JSON returns the file's bytes: indented by two spaces, text as it is, and a
// newline at the end.
func (s Status) JSON() []byte { return indented(s) }

// ParseStatus reads a status.json. An unknown key is an error, as it is to the
// readers that the ten keys are kept for.
func ParseStatus(data []byte) (Status, error) {
	var s Status
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return Status{}, fmt.Errorf("parse status: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Status{}, fmt.Errorf("parse status: something follows the object")
	}
	switch {
	case s.JobID == "":
		return Status{}, fmt.Errorf("parse status: job_id is missing")
	case !s.Status.Valid():
		return Status{}, fmt.Errorf("parse status: %q is no status", s.Status)
	case !(s.Progress >= 0 && s.Progress <= 1):
		return Status{}, fmt.Errorf("parse status: progress %v is not within 0..1", s.Progress)
	}
	return s, nil
}

// indented encodes v the way all of a job's JSON files are written. The types
// of this package always encode; probes that do not are a programmer's error.
func indented(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err))
	}
	return b.Bytes()
}

// Fraction is a part of a whole, 0..1. Its JSON always has a decimal point:
// Python reads 1 as an integer and 1.0 as the float that its dataclass declares.
type Fraction float64

// MarshalJSON writes f as Python does.
func (f Fraction) MarshalJSON() ([]byte, error) {
	text := strconv.AppendFloat(nil, float64(f), 'f', -1, 64)
	if !bytes.ContainsRune(text, '.') {
		text = append(text, ".0"...)
	}
	return text, nil
}

// RoundProgress returns p with four decimals, within 0..1, so that the files
// read well.
func RoundProgress(p float64) Fraction {
	if math.IsNaN(p) {
		return 0
	}
	return Fraction(math.Round(min(max(p, 0), 1)*1e4) / 1e4)
}
