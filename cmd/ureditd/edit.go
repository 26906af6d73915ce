package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"uredit/daemon"
	"uredit/daemon/config"
	"uredit/daemon/job"
)

const editHelp = `REQUEST.yaml [--config FILE]
       ureditd edit --input V --output O.mp4 --mask-prompt M --edit-prompt E [flags]

Does one job here and now, without a spool. A request file is done as the daemon
does it, in its output_dir. With flags, O and its sibling with _mask in the name
are written, and nothing else; the log and job.json stay in the runtime directory.`

// edit does one job here and now.
func edit(ctx context.Context, c console, args []string) error {
	e := newEditFlags(c)
	// A request file may stand before its flags.
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		e.file, args = args[0], args[1:]
	}
	if err := parse(e.set, args); err != nil {
		return err
	}
	if e.file == "" && e.set.NArg() == 1 {
		e.file = e.set.Arg(0)
	} else if e.set.NArg() > 0 {
		return usagef("edit does not know what to do with %q", e.set.Args())
	}
	cfg, err := loadConfig(*e.config)
	if err != nil {
		return err
	}
	task, err := e.task(cfg)
	if err != nil {
		return err
	}
	h, err := openHost(ctx, cfg)
	if err != nil {
		return err
	}
	defer h.close()
	engine, err := h.engine(cfg.Devices[0], 1)
	if err != nil {
		return err
	}
	log, closeLog, err := logger(cfg, c.err, new(slog.LevelVar))
	if err != nil {
		return err
	}
	defer closeLog()
	for _, w := range h.warnings {
		log.Warn(w)
	}
	warnings, err := daemon.Once{
		Request: task.request, Warnings: task.warnings, Engine: engine,
		Models: h.models(os.Getenv), Versions: h.versions(), Log: log,
	}.Run(ctx)
	for _, w := range warnings {
		fmt.Fprintln(c.err, "warning:", w.Message)
	}
	if err == nil {
		err = task.deliver(c.out)
	}
	if task.output != "" {
		fmt.Fprintf(c.err, "log: %s\n", filepath.Join(task.request.OutputDir, task.request.LogName()))
	}
	return err
}

// task is the request of one call, and where its results are to go.
type task struct {
	request  job.Request
	warnings []string
	output   string // "" for a request file, whose results stay in its output_dir
}

// deliver moves the results to the names that the flags gave, and prints where
// they are.
func (t *task) deliver(out io.Writer) error {
	dir := t.request.OutputDir
	from := []string{filepath.Join(dir, t.request.OutputName()), filepath.Join(dir, t.request.MaskName())}
	to := from
	if t.output != "" {
		to = []string{t.output, maskSibling(t.output)}
	}
	for i := range from {
		if to[i] != from[i] {
			if err := moveWhole(to[i], from[i]); err != nil {
				return err
			}
		}
		fmt.Fprintln(out, to[i])
	}
	return nil
}

// maskSibling is the name of the mask beside an output.
func maskSibling(output string) string {
	ext := filepath.Ext(output)
	return strings.TrimSuffix(output, ext) + "_mask" + ext
}

// moveWhole gives a file another name, also on another file system; it appears
// there whole or not at all.
func moveWhole(to, from string) error {
	if os.Rename(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := writeWhole(to, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	}); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return os.Remove(from)
}

// readRequest reads a request file; relative paths in it start where the user
// stands.
func readRequest(name string) (task, error) {
	in, err := os.Open(name)
	if err != nil {
		return task{}, usageError{err}
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, job.MaxRequestBytes+1))
	if err != nil {
		return task{}, err
	}
	here, err := os.Getwd()
	if err != nil {
		return task{}, err
	}
	r, warnings, err := job.ParseAt(here, name, data)
	return task{request: r, warnings: warnings}, err
}

// runDir makes a directory of one call's own below the runtime directory.
func runDir(cfg config.Config) (string, error) {
	parent := filepath.Join(cfg.RuntimeDir, "edit")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", errors.Join(err, errors.New("set runtime_dir to a directory that you may write in"))
	}
	return os.MkdirTemp(parent, "")
}
