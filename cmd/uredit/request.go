package main

import (
	"cmp"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"uredit/daemon/job"
)

// bind adds the flags that write into a request, named as those of ureditd edit.
func bind(set *flag.FlagSet, r *job.Request) {
	set.StringVar(&r.JobID, "job-id", r.JobID, "")
	set.StringVar(&r.InputVideoPath, "input", r.InputVideoPath, "")
	set.StringVar(&r.OutputDir, "output-dir", r.OutputDir, "")
	set.StringVar(&r.MaskPrompt, "mask-prompt", r.MaskPrompt, "")
	set.StringVar(&r.EditPrompt, "edit-prompt", r.EditPrompt, "")
	set.StringVar((*string)(&r.Mode), "mode", string(r.Mode), "")
	set.IntVar(&r.MaxFrames, "max-frames", r.MaxFrames, "")
	set.IntVar(&r.FrameIndex, "frame-index", r.FrameIndex, "")
	set.IntVar(&r.NumInferenceSteps, "steps", r.NumInferenceSteps, "")
	set.Float64Var(&r.GuidanceScale, "guidance-scale", r.GuidanceScale, "")
	set.Float64Var(&r.ImageGuidanceScale, "image-guidance-scale", r.ImageGuidanceScale, "")
	set.IntVar(&r.ErodeKernel, "erode-kernel", r.ErodeKernel, "")
	set.Uint64Var(&r.Seed, "seed", r.Seed, "")
	set.BoolFunc("no-smoothing", "", func(v string) error {
		off, err := strconv.ParseBool(cmp.Or(v, "true")) // a flag that is set again has no text of its own
		r.ApplySmoothing = !off
		return err
	})
	set.IntVar(&r.SmoothingWindow, "smoothing-window", r.SmoothingWindow, "")
	set.Float64Var(&r.SmoothingAlpha, "smoothing-alpha", r.SmoothingAlpha, "")
	set.StringVar(&r.Extra.ModelPath, "model-path", r.Extra.ModelPath, "")
	set.StringVar(&r.Extra.SAMPath, "sam-path", r.Extra.SAMPath, "")
	set.IntVar(&r.Priority, "priority", r.Priority, "")
	set.BoolVar(&r.Overwrite, "overwrite", r.Overwrite, "")
}

// submission is what a submit command line asks for.
type submission struct {
	request  job.Request
	warnings []string
	wait     bool
}

// parseSubmit reads the command line and the request file that it may name.
// Every fault of the request is reported at once, in the daemon's words.
func (c *client) parseSubmit(args []string) (submission, error) {
	s, given := submission{}, job.Default()
	set := c.flags("submit")
	set.BoolVar(&s.wait, "wait", false, "")
	bind(set, &given)
	files, err := c.parse(set, args, true)
	if err != nil {
		return s, err
	}
	switch len(files) {
	case 0:
		s.request = given
	case 1:
		if err := c.parseFile(&s, files[0], set); err != nil {
			return s, err
		}
	default:
		return s, usageError("submit takes one request file, not %d", len(files))
	}
	c.complete(&s.request)
	if err := s.request.Validate(); err != nil {
		return s, &statusError{exitUsage, err}
	}
	return s, nil
}

// parseFile reads a request file and puts the values of the flags that are set
// over it.
func (c *client) parseFile(s *submission, name string, set *flag.FlagSet) (err error) {
	data, err := c.readInput(name)
	if err != nil {
		return err
	}
	if s.request, s.warnings, err = job.ParseAt(c.dir, name, data); err != nil {
		return &statusError{exitUsage, err}
	}
	over := flag.NewFlagSet("", flag.ContinueOnError)
	bind(over, &s.request)
	set.Visit(func(f *flag.Flag) {
		if over.Lookup(f.Name) != nil && err == nil {
			err = over.Set(f.Name, f.Value.String())
		}
	})
	return err
}

// readInput reads a request file that a user names; "-" is standard input.
func (c *client) readInput(name string) (data []byte, err error) {
	if name == "-" {
		data, err = io.ReadAll(io.LimitReader(c.in, job.MaxRequestBytes+1))
	} else {
		data, err = readRequest(c.absolute(name))
	}
	if err != nil {
		return nil, usageError("read request: %w", err)
	}
	return data, nil
}

// complete fills in what a user may leave to the client.
func (c *client) complete(r *job.Request) {
	if r.JobID == "" {
		r.JobID = newJobID(r.InputVideoPath, time.Now())
	}
	if r.OutputDir == "" {
		base := c.getenv("UR_EDIT_OUTPUT_DIR")
		if base == "" {
			base = "outputs"
		}
		r.OutputDir = filepath.Join(base, r.JobID)
	}
	r.OutputDir = c.absolute(r.OutputDir)
	for _, path := range []*string{&r.InputVideoPath, &r.Extra.ModelPath, &r.Extra.SAMPath} {
		if *path != "" && (path == &r.InputVideoPath || exists(c.absolute(*path))) {
			*path = c.absolute(*path) // a model may also be an alias, which is no path here
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

// checkInput says early what the daemon would say later. A file that this
// machine cannot see is a fault, since both see the same mount.
func checkInput(r job.Request) error {
	info, err := os.Stat(r.InputVideoPath)
	switch {
	case missing(err):
		return &job.Error{Code: job.CodeInputMissing, Key: "input_video_path",
			Message: fmt.Sprintf("there is no %s", r.InputVideoPath), Hint: "give the path as the daemon's hosts see it"}
	case err != nil:
		return nil // the daemon may be able to read what this user cannot
	case info.IsDir():
		return &job.Error{Code: job.CodeInputUnreadable, Key: "input_video_path",
			Message: fmt.Sprintf("%s is a directory", r.InputVideoPath), Hint: "name the video file in it"}
	}
	return nil
}
