// Command ureditd edits videos by text. As a daemon it works through a spool
// (serve); without one it does one job here and now (edit).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"uredit/daemon/check"
	"uredit/daemon/config"
	"uredit/daemon/job"
	"uredit/pipeline/fault"
	"uredit/pipeline/opencv"
)

const usage = `usage: ureditd COMMAND [flags]

  serve   [--config FILE]       run the daemon: claim requests from the inbox and edit
  edit    REQUEST.yaml          do one job here and now, without a spool
  edit    --input V --output O.mp4 --mask-prompt M --edit-prompt E [flags]
  config  check|print           the configuration alone: its faults, every value
  check   [--config FILE]       say whether everything that a job needs is here
  models  list|verify           what the bundle holds, and whether it is unharmed
  models  run sam3|pix2pix      one of the two networks alone
  bench                         where the time of an edit goes
  version                       versions of this program and of what it uses

ureditd COMMAND -h shows the flags. The configuration is --config, else
UREDIT_CONFIG, else /etc/uredit/uredit.yaml where that exists.
Exit status: 0 done, 1 failed, 2 wrong usage or an invalid request, 78 (serve
and config) a configuration with faults.
`

// version is set by the linker in packages.
var version = "dev"

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitWrong  = 3  // check found errors
	exitWarned = 4  // check found warnings only
	exitConfig = 78 // EX_CONFIG of sysexits.h: the unit does not start again after it
)

// console is what a command talks to.
type console struct {
	out io.Writer // results
	err io.Writer // everything else
}

// usageError is a mistake in how a command was called.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

var commands = map[string]func(context.Context, console, []string) error{
	"serve":   serve,
	"edit":    edit,
	"check":   checkCommand,
	"config":  configCommand,
	"models":  modelsCommand,
	"bench":   bench,
	"version": printVersion,
}

func main() {
	manyGoroutines()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks politely; the second one has its usual force.
	context.AfterFunc(ctx, stop)
	code := run(ctx, console{os.Stdout, os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

// run calls one command and turns its error into an exit status.
func run(ctx context.Context, c console, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(c.err, usage)
		return exitUsage
	}
	if args[0] == "-h" || args[0] == "--help" || args[0] == "help" {
		fmt.Fprint(c.out, usage)
		return exitDone
	}
	command, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(c.err, "ureditd: no command %q\n\n%s", args[0], usage)
		return exitUsage
	}
	err := command(ctx, c, args[1:])
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	explain(c.err, err)
	return status(err)
}

// status is the exit status of an error.
func status(err error) int {
	var wrong usageError
	var faults job.Errors
	var found errFound
	var misconfigured configError
	switch {
	case errors.As(err, &found):
		if found.level == check.Error {
			return exitWrong
		}
		return exitWarned
	case errors.As(err, &misconfigured):
		return exitConfig
	case errors.As(err, &wrong), errors.As(err, &faults):
		return exitUsage
	}
	if e, ok := errors.AsType[*job.Error](err); ok && slices.Contains(refusals, e.Code) {
		return exitUsage
	}
	return exitFailed
}

// refusals are the codes of requests that cannot be begun as they are.
var refusals = []string{
	job.CodeInvalidRequest, job.CodeTooLarge, job.CodePathOutside, job.CodeInputMissing,
	job.CodeOutputExists, job.CodeOutputIsInput, job.CodeOutputDirInUse,
}

// explain prints an error, and below it what the user can do.
func explain(w io.Writer, err error) {
	fmt.Fprintf(w, "ureditd: %v\n", err)
	hint := ""
	if f, ok := errors.AsType[*fault.Error](err); ok {
		hint = f.Hint
	}
	if hint != "" && !strings.Contains(err.Error(), hint) {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
}

// flags makes a command's flag set: parse returns its errors, and its help is
// printed where it is asked for.
func flags(c console, name, synopsis string) *flag.FlagSet {
	f := flag.NewFlagSet("ureditd "+name, flag.ContinueOnError)
	f.SetOutput(c.out)
	f.Usage = func() {
		fmt.Fprintf(c.out, "usage: ureditd %s %s\n", name, synopsis)
		f.PrintDefaults()
	}
	return f
}

// parse parses a command's arguments; a mistake in them is a usage error.
func parse(f *flag.FlagSet, args []string) error {
	out, help := f.Output(), f.Usage
	// What is wrong is told once, at the end, where pages of help do not bury it.
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	err := f.Parse(args)
	f.SetOutput(out)
	f.Usage = help
	switch {
	case errors.Is(err, flag.ErrHelp):
		help()
	case err != nil:
		return usageError{job.FlagError(f, err)}
	}
	return err
}

const systemConfig = "/etc/uredit/uredit.yaml"

// loadConfig reads the configuration that a command was given, or the one that
// is found, or the defaults.
func loadConfig(path string) (config.Config, error) { return config.Load(configPath(path)) }

// configPath returns the file that a command was given, or the one that is
// found, or "" for none.
func configPath(path string) string {
	if path == "" {
		path = os.Getenv("UREDIT_CONFIG")
	}
	if path == "" {
		if _, err := os.Stat(systemConfig); err == nil {
			path = systemConfig
		}
	}
	return path
}

func printVersion(_ context.Context, c console, _ []string) error {
	_, err := fmt.Fprintf(c.out, "ureditd %s, %s, OpenCV %s\n", version, runtime.Version(), opencv.Version())
	return err
}
