// Package check looks at a host before a daemon relies on it, and says for each
// thing whether it is well and, if not, what to do. The daemon's start and
// "ureditd check" ask the same questions. Nothing that it looks at is changed;
// what it tries out, it removes.
package check

import (
	"errors"
	"fmt"
	"strings"
)

// A Level is how bad a finding is.
type Level string

// The levels. An error keeps the daemon from starting.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Error   Level = "error"
)

// A Finding is what one question found.
type Finding struct {
	Check string `json:"check"`          // what was looked at: "spool", "device cuda:0"
	Level Level  `json:"level"`          //
	Text  string `json:"text"`           // a sentence, or a version
	Hint  string `json:"hint,omitempty"` // what to do
}

// String returns the finding as one line.
func (f Finding) String() string {
	text := fmt.Sprintf("%-8s %-16s %s", f.Level, f.Check, f.Text)
	if f.Hint != "" {
		text += " (hint: " + f.Hint + ")"
	}
	return text
}

// A Report collects findings in the order of the questions.
type Report struct {
	Findings []Finding
}

// OK notes that a thing is well, and what it is.
func (r *Report) OK(check, format string, args ...any) {
	r.add(check, OK, "", format, args...)
}

// Warn notes what works worse than it could.
func (r *Report) Warn(check, hint, format string, args ...any) {
	r.add(check, Warning, hint, format, args...)
}

// Error notes what keeps jobs from running.
func (r *Report) Error(check, hint, format string, args ...any) {
	r.add(check, Error, hint, format, args...)
}

func (r *Report) add(check string, l Level, hint, format string, args ...any) {
	text := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ") // one line
	r.Findings = append(r.Findings, Finding{Check: check, Level: l, Text: text, Hint: hint})
}

// Worst returns the level of the worst finding.
func (r *Report) Worst() Level {
	worst := OK
	for _, f := range r.Findings {
		switch {
		case f.Level == Error:
			return Error
		case f.Level == Warning:
			worst = Warning
		}
	}
	return worst
}

// Err returns the errors as one, each with its hint, or nil.
func (r *Report) Err() error {
	var errs []error
	for _, f := range r.Findings {
		if f.Level != Error {
			continue
		}
		text := f.Check + ": " + f.Text
		if f.Hint != "" {
			text += " (hint: " + f.Hint + ")"
		}
		errs = append(errs, errors.New(text))
	}
	return errors.Join(errs...)
}
