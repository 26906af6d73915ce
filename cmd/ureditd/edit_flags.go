package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"

	"uredit/daemon"
	"uredit/daemon/config"
	"uredit/daemon/job"
)

// editFlags are the flags of edit: one for each key of a request, by the names
// that the Python scripts gave them.
type editFlags struct {
	set     *flag.FlagSet
	config  *string
	output  *string
	request *job.Flags
}

func newEditFlags(c console) editFlags {
	set := flags(c, "edit", editHelp)
	return editFlags{
		set:     set,
		config:  set.String("config", "", "configuration `file`"),
		output:  set.String("output", "", "`file` to write, .mp4 (.png with --mode single_frame)"),
		request: job.NewFlags(set),
	}
}

// parse reads the flags, which may stand before and after a request file, and
// returns that file's name, "" for none.
func (e editFlags) parse(args []string) (file string, err error) {
	var files []string
	for {
		if err := parse(e.set, args); err != nil {
			return "", err
		}
		if args = e.set.Args(); len(args) == 0 {
			break
		}
		files, args = append(files, args[0]), args[1:]
	}
	if len(files) > 1 {
		return "", usagef("edit takes one request file, not %d: %s", len(files), strings.Join(files, " "))
	}
	return strings.Join(files, ""), nil
}

// task returns what the flags and the request file, "" for none, ask for.
func (e editFlags) task(cfg config.Config, file string) (task, error) {
	if err := e.check(file); err != nil {
		return task{}, err
	}
	here, err := os.Getwd()
	if err != nil {
		return task{}, err
	}
	draft := job.Draft{File: file, Dir: here, Flags: e.request, Check: daemon.CheckInput}
	if file != "" {
		if draft.Data, err = readRequest(file); err != nil {
			return task{}, err
		}
	}
	draft.Complete = func(r *job.Request) { e.complete(r, here, file) }
	t := task{draft: draft}
	if t.request, t.warnings, err = draft.Parse(); err != nil || *e.output == "" {
		return t, err
	}
	return t, e.toFile(&t, cfg, here)
}

// check refuses flags that do not go together, and tells at once which are
// missing where there is no file.
func (e editFlags) check(file string) error {
	elsewhere := e.request.Has("job_id") || e.request.Has("output_dir")
	switch {
	case *e.output != "" && file != "":
		return usagef("--output does not go with a request file: its results lie in output_dir, which --output-dir changes")
	case *e.output != "" && elsewhere:
		return usagef("--output names the result itself: leave out --job-id and --output-dir")
	case file != "":
		return nil
	}
	var missing []string
	for _, need := range []struct {
		flag  string
		given bool
	}{
		{"--input", e.request.Has("input_video_path")}, {"--output", *e.output != "" || elsewhere},
		{"--mask-prompt", e.request.Has("mask_prompt")}, {"--edit-prompt", e.request.Has("edit_prompt")},
	} {
		if !need.given {
			missing = append(missing, need.flag)
		}
	}
	if len(missing) > 0 {
		return usagef("edit needs a request file, or %s", strings.Join(missing, ", "))
	}
	return nil
}

// complete fills in what only a file has to say. Where --output names the
// result, the directory and the name are judged with the rest and replaced later.
func (e editFlags) complete(r *job.Request, here, file string) {
	for _, path := range []*string{&r.Extra.ModelPath, &r.Extra.SAMPath} {
		if *path == "" || filepath.IsAbs(*path) {
			continue
		}
		if _, err := os.Stat(*path); err == nil { // else it is an alias
			*path = filepath.Join(here, *path)
		}
	}
	switch {
	case file != "":
	case *e.output != "":
		r.JobID, r.OutputDir = "edit", here
	case r.JobID == "":
		r.JobID = strings.TrimSuffix(filepath.Base(r.InputVideoPath), filepath.Ext(r.InputVideoPath))
		if job.CheckID(r.JobID) != nil {
			r.JobID = "edit"
		}
	}
}

// toFile gives a task that --output names the result of a directory of its own
// for everything else.
func (e editFlags) toFile(t *task, cfg config.Config, here string) error {
	t.output = *e.output
	if !filepath.IsAbs(t.output) {
		t.output = filepath.Join(here, t.output)
	}
	want := ".mp4"
	if t.request.Mode == job.SingleFrame {
		want = ".png"
	}
	if ext := strings.ToLower(filepath.Ext(t.output)); ext != want {
		return usagef("--output %s must end in %s with --mode %s", *e.output, want, t.request.Mode)
	}
	if err := distinct(t.request.InputVideoPath, t.output, maskSibling(t.output)); err != nil {
		return err
	}
	dir, lock, err := runDir(cfg)
	if err != nil {
		return err
	}
	t.lock = lock
	t.request.OutputDir, t.request.JobID = dir, filepath.Base(dir)
	return nil
}

// distinct refuses outputs that are the input or no file, and a directory that
// is not there, before anything is computed.
func distinct(input string, outputs ...string) error {
	in, err := os.Stat(input)
	if err != nil {
		return usageError{err}
	}
	for _, name := range outputs {
		if dir, err := os.Stat(filepath.Dir(name)); err != nil {
			return usagef("%s does not exist: make the directory first", filepath.Dir(name))
		} else if !dir.IsDir() {
			return usagef("%s is not a directory", filepath.Dir(name))
		}
		out, err := os.Stat(name)
		switch {
		case err != nil: // to be made
		case out.IsDir():
			return usagef("the output %s is a directory: name the file in it", name)
		case os.SameFile(in, out):
			return usagef("the output %s is the input", name)
		}
	}
	return nil
}
