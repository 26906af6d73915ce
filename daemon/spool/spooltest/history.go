// Package spooltest checks what the processes of a spool say they did: whether all
// of it could have happened one after the other, in an order that agrees with the
// clock. It is for tests, and reads names by itself rather than with the code that
// it checks.
package spooltest

import (
	"cmp"
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// An Outcome is what a process was told of a call.
type Outcome int

const (
	Unknown Outcome = iota // it died, or an error left it open: the call may still happen
	Done                   // it happened; of a look: the name was there
	Lost                   // somebody else was faster; of a look: the name was not there
)

// A Call is a transition that a process wanted, or a look at the name of a job
// that it holds.
type Call struct {
	Process string // for the report
	// From and To are the names of the job's file before and after, relative to
	// the spool's root. A look has no To.
	From, To string
	// Began and Ended are by one clock for all processes. Ended does not count when
	// the outcome is Unknown.
	Began, Ended time.Duration
	Outcome      Outcome
}

func (c Call) String() string {
	ended := "?"
	if c.Outcome != Unknown {
		ended = c.Ended.String()
	}
	return fmt.Sprintf("%v..%s %s: %s -> %s (%s)", c.Began, ended, c.Process, c.From, cmp.Or(c.To, "?"),
		[]string{"unknown", "done", "lost"}[c.Outcome])
}

// Check returns an error when the calls are not linearizable: when no order of
// them, in which each happens at one moment between its begin and its end,
// explains what the processes were told. Jobs are independent of each other. The
// error shows the history of the first job that has none.
func Check(calls []Call, timeout time.Duration) error {
	jobs := map[string][]Call{}
	for _, c := range calls {
		job := c.job()
		if job == "" {
			return fmt.Errorf("a call about no job: %v", c)
		}
		jobs[job] = append(jobs[job], c)
	}
	model := life()
	for job, history := range jobs {
		switch porcupine.CheckOperationsTimeout(model, operations(history), timeout) {
		case porcupine.Ok:
			continue
		case porcupine.Unknown:
			return fmt.Errorf("%s: %d calls are too many to check within %v", job, len(history), timeout)
		}
		slices.SortFunc(history, func(a, b Call) int { return cmp.Compare(a.Began, b.Began) })
		var report strings.Builder
		for _, c := range history {
			fmt.Fprintf(&report, "\n\t%v", c)
		}
		return fmt.Errorf("the history of %s is not linearizable:%s", job, report.String())
	}
	return nil
}

func operations(history []Call) (ops []porcupine.Operation) {
	for i, c := range history {
		o := porcupine.Operation{ClientId: i, Input: step{from: parse(c.From), to: parse(c.To), look: c.To == ""},
			Call: int64(c.Began), Output: c.Outcome, Return: int64(c.Ended)}
		if c.Outcome == Unknown {
			o.Return = math.MaxInt64
		}
		// A name that its owner alone may hold can have been taken from it before it
		// looked whether it got it.
		overtaken := func(o Call) bool { return o.From == c.To && o.To != "" && o.Outcome != Lost && o.Began < c.Ended }
		if c.Outcome == Lost && slices.ContainsFunc(history, overtaken) {
			in := o.Input.(step)
			in.overtaken = true
			o.Input = in
		}
		ops = append(ops, o)
	}
	return ops
}

var jobPattern = regexp.MustCompile(`[0-9]{6}T[0-9]{6}-[0-9a-z]{6}`)

// job returns the job that the call is about.
func (c Call) job() string {
	for _, name := range []string{c.To, c.From} {
		if name != "" && !strings.HasPrefix(name, "inbox/") {
			return jobPattern.FindString(name)
		}
	}
	return ""
}

// A place is where a job's life has come to.
type place struct {
	phase     string // "inbox", "held", "queue", "hold", "done", "failed", "rejected"
	epoch     int
	owner     string // who holds it
	committed bool
}

var (
	activePattern  = regexp.MustCompile(`\.e([0-9]{4})\.a[0-9]+c[0-9]s?\.([^.]+)(\.commit)?\.yaml$`)
	waitingPattern = regexp.MustCompile(`\.e([0-9]{4})\.a[0-9]+c[0-9]s?\.yaml$`)
)

// parse reads a name. One that it does not know is a place that no job comes to.
func parse(name string) place {
	var p place
	switch dir := path.Dir(name); dir {
	case "spool/active":
		if m := activePattern.FindStringSubmatch(name); m != nil {
			epoch, _ := strconv.Atoi(m[1]) // the pattern wants digits
			p = place{phase: "held", epoch: epoch, owner: m[2], committed: m[3] != ""}
		}
	case "spool/queue", "spool/held":
		if m := waitingPattern.FindStringSubmatch(name); m != nil {
			epoch, _ := strconv.Atoi(m[1])
			p = place{phase: map[string]string{"spool/queue": "queue", "spool/held": "hold"}[dir], epoch: epoch}
		}
	default:
		p.phase, _, _ = strings.Cut(name, "/")
	}
	return p
}
