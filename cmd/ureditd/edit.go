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
	"syscall"

	"uredit/daemon"
	"uredit/daemon/job"
)

const editHelp = `REQUEST.yaml [flags]
       ureditd edit --input V --output O.mp4 --mask-prompt M --edit-prompt E [flags]
       ureditd edit --input V --output-dir D --mask-prompt M --edit-prompt E [flags]

Does one job here and now, without a spool. A request file is done as the daemon
does it, in its output_dir; flags win over it. With --output, O and its sibling with
_mask in the name are written, over files of those names, and nothing else; the log
and job.json stay in the runtime directory.`

// edit does one job here and now.
func edit(ctx context.Context, c console, args []string) error {
	e := newEditFlags(c)
	file, err := e.parse(args)
	if err != nil {
		return err
	}
	cfg, err := loadConfig(*e.config)
	if err != nil {
		return err
	}
	task, err := e.task(cfg, file)
	if err != nil {
		return err
	}
	if task.lock != nil {
		defer task.lock.Close()
	}
	h, err := openHost(ctx, cfg)
	if err != nil {
		return err
	}
	defer h.close()
	engine, err := h.engine(h.places[0], 1)
	if err != nil {
		return err
	}
	log, closeLog, err := logger(cfg, c.err, new(slog.LevelVar))
	if err != nil {
		return err
	}
	defer closeLog()
	for _, w := range append(h.leftOut, h.warnings...) {
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
	} else {
		err = task.place(err)
	}
	if task.output != "" {
		fmt.Fprintf(c.err, "log: %s\n", filepath.Join(task.request.OutputDir, task.request.LogName()))
	}
	return err
}

// task is the request of one call, and where its results are to go.
type task struct {
	draft    job.Draft
	request  job.Request
	warnings []string
	output   string   // absolute; "" where the results stay in output_dir
	lock     *os.File // of the call's own directory, with output
}

// place gives an error about a key the line or the flag that is to blame.
func (t *task) place(err error) error {
	if e, ok := errors.AsType[*job.Error](err); ok {
		return t.draft.Place(e)
	}
	return err
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

// readRequest reads a request file, one byte more than it may have at most.
func readRequest(name string) ([]byte, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, usagef("read request: %w", err)
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, job.MaxRequestBytes+1))
	if errors.Is(err, syscall.EISDIR) {
		return nil, usagef("%s is a directory: name the request file in it", name)
	}
	if err != nil {
		return nil, usagef("read request: %w", err)
	}
	return data, nil
}
