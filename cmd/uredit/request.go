package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"uredit/daemon/job"
)

// submission is what a submit command line asks for.
type submission struct {
	request  job.Request
	warnings []string
	wait     bool
}

// submitFlags are the flags of submit: those of every command, and one for
// each key of a request.
type submitFlags struct {
	set     *flag.FlagSet
	wait    *bool
	request *job.Flags
}

func (c *client) submitFlags() submitFlags {
	set := c.flags("submit")
	return submitFlags{
		set:     set,
		wait:    set.Bool("wait", false, "watch the job to its end"),
		request: job.NewFlags(set),
	}
}

const submitUsage = `usage: uredit submit REQUEST.yaml [flags]
       uredit submit --input V --mask-prompt M --edit-prompt E [flags]

Drops a request into the inbox. Flags win over the file; - reads it from standard
input. Without a file, --job-id is made from the input's name, and --output-dir is
ID below UR_EDIT_OUTPUT_DIR, else below outputs in the current directory.

`

// submitHelp shows every flag of submit.
func (c *client) submitHelp() error {
	if _, err := io.WriteString(c.out, submitUsage); err != nil {
		return err
	}
	f := c.submitFlags()
	f.set.SetOutput(c.out)
	f.set.PrintDefaults()
	return nil
}

// parseSubmit reads the command line and the request file that it may name.
// Every fault of the request is reported at once, in the daemon's words.
func (c *client) parseSubmit(args []string) (s submission, err error) {
	f := c.submitFlags()
	files, err := c.parse(f.set, args, true)
	if err != nil {
		return s, err
	}
	draft := job.Draft{Dir: c.dir, Flags: f.request, Complete: c.complete, Check: checkPaths}
	switch {
	case len(files) > 1:
		return s, usageError("submit takes one request file, not %d: %s", len(files), strings.Join(files, " "))
	case len(files) == 1:
		draft.File, draft.Complete = files[0], c.completePaths
		if draft.Data, err = c.readInput(files[0]); err != nil {
			return s, err
		}
	case len(f.request.Names()) == 0:
		return s, usageError("submit takes a request file, or --input, --mask-prompt and --edit-prompt: uredit submit -h lists the flags")
	}
	s.wait = *f.wait
	if s.request, s.warnings, err = draft.Parse(); err != nil {
		return s, &statusError{exitUsage, err}
	}
	return s, nil
}

// readInput reads a request file that a user names; "-" is standard input.
func (c *client) readInput(name string) (data []byte, err error) {
	if name == "-" {
		data, err = io.ReadAll(io.LimitReader(c.in, job.MaxRequestBytes+1))
	} else {
		data, err = readRequest(c.absolute(name))
	}
	if errors.Is(err, syscall.EISDIR) {
		return nil, usageError("%s is a directory: name the request file in it", name)
	}
	if err != nil {
		return nil, usageError("read request: %w", err)
	}
	return data, nil
}

// complete fills in what a user who writes no file may leave to the client.
func (c *client) complete(r *job.Request) {
	if r.JobID == "" {
		r.JobID = newJobID(r.InputVideoPath, time.Now())
	}
	if r.OutputDir == "" {
		base := cmp.Or(c.getenv("UR_EDIT_OUTPUT_DIR"), "outputs")
		r.OutputDir = c.absolute(filepath.Join(base, r.JobID))
	}
	c.completePaths(r)
}

// completePaths makes the path of a model that is here absolute. What is not
// here may be an alias, or lie on the daemon's host.
func (c *client) completePaths(r *job.Request) {
	for _, path := range []*string{&r.Extra.ModelPath, &r.Extra.SAMPath} {
		if *path != "" && exists(c.absolute(*path)) {
			*path = c.absolute(*path)
		}
	}
}

// newJobID makes a job_id of the input's name, the time and two random letters.
func newJobID(input string, now time.Time) string {
	name := strings.TrimSuffix(filepath.Base(input), filepath.Ext(input))
	if name = clipBytes(name, 60); job.CheckID(name) != nil {
		name = "job"
	}
	return fmt.Sprintf("%s-%s-%s", name, now.UTC().Format("060102T150405"), strings.ToLower(rand.Text()[:4]))
}

// clipBytes cuts s to at most n bytes, between two runes.
func clipBytes(s string, n int) string {
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// checkPaths says early what the daemon would say later. A file that this
// machine cannot see is a fault, since both see the same mount.
func checkPaths(r *job.Request) *job.Error {
	if e := checkInput(r); e != nil {
		return e
	}
	// The nearest part of output_dir that is there decides.
	for dir := r.OutputDir; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return &job.Error{Code: job.CodeUnwritable, Key: "output_dir",
				Message: fmt.Sprintf("%s is not a directory", dir), Hint: "name another directory"}
		}
		if err == nil || !missing(err) || dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func checkInput(r *job.Request) *job.Error {
	info, err := os.Stat(r.InputVideoPath)
	switch {
	case missing(err):
		return &job.Error{Code: job.CodeInputMissing, Key: "input_video_path",
			Message: fmt.Sprintf("there is no %s on this machine", r.InputVideoPath),
			Hint:    "both this machine and the daemon's see a video on the shared mount"}
	case err != nil:
		return nil // the daemon may be able to read what this user cannot
	case info.IsDir():
		return &job.Error{Code: job.CodeInputUnreadable, Key: "input_video_path",
			Message: fmt.Sprintf("%s is a directory", r.InputVideoPath), Hint: "name the video file in it"}
	case !info.Mode().IsRegular():
		return &job.Error{Code: job.CodeInputUnreadable, Key: "input_video_path",
			Message: fmt.Sprintf("%s is no file", r.InputVideoPath), Hint: "name a video file"}
	}
	return nil
}
