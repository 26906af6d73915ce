// Command uredit is the client of a spool: it submits requests, shows how jobs
// go and asks for their end. It reads and writes files only, needs no daemon on
// its own machine, and is static.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"uredit/daemon/spool"
)

const usage = `uredit edits videos by text, through a spool that uredit daemons watch.

Usage: uredit [--spool DIR] [-o table|json] COMMAND ...

  submit REQUEST.yaml [FLAGS]   drop a request; flags win over the file
  submit --input V --mask-prompt M --edit-prompt E [FLAGS]
                                the same without a file; --wait watches the job
                                to its end, uredit submit -h shows every flag
  watch JOB                     progress until the job is over
  list [--limit N]              what waits, what runs, what ended, newest first
  top [--once]                  hosts, what runs and how fast, what waits, refreshed
  show JOB                      everything that is known of a job
  logs [-f] JOB                 its log; -f follows it to the job's end
  cancel JOB                    end a job, or take its request back
  retry JOB                     run a failed job once more, as a new job
  priority JOB N                let a waiting job run sooner (9) or later (0)
  hold JOB                      keep a waiting job back
  release JOB                   let it run
  pause [HOST]                  one host, or all, begins no job (admins)
  drain [HOST]                  the same, and what runs there goes on elsewhere
  resume [HOST]                 take back pause and drain
  gc [--dry-run] [--days N]     remove the spool's records of jobs that ended more
                                than N (30) days ago, and what the cache was not
                                asked for since; never results (admins)
  validate FILE...              check request files; - reads standard input

JOB is a job_id, the spool's own token of a job, an output_dir, or the path of
a status.json. Relative paths are taken from the current directory.

The spool is --spool, else UREDIT_SPOOL, else the root of the configuration that
UREDIT_CONFIG names, or of /etc/uredit/uredit.yaml, else /var/spool/uredit.

Exit status: 0 done, 1 failed, 2 usage or invalid request, 5 no such job,
130 interrupted (the job goes on).
`

// systemConfig is where a package puts the daemon's configuration.
const systemConfig = "/etc/uredit/uredit.yaml"

// Exit statuses; scripts rely on them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 5
	exitInterrupted = 130
)

// stdio is what a command reads and writes, and where it stands.
type stdio struct {
	in       io.Reader
	out, err io.Writer
	dir      string              // the current directory, absolute
	getenv   func(string) string // the environment
	config   string              // the configuration of this machine's daemon, if there is one
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "uredit:", err)
		os.Exit(exitFailed)
	}
	code := run(ctx, os.Args[1:], stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr, dir: dir, getenv: os.Getenv, config: systemConfig})
	stop()
	os.Exit(code)
}

// run does one command line and returns the exit status. Errors are told here
// and nowhere else.
func run(ctx context.Context, args []string, std stdio) int {
	err := dispatch(ctx, args, std)
	code := exitStatus(err)
	switch {
	case err == nil, errors.Is(err, errTold):
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(std.out, usage)
	case code == exitInterrupted:
		fmt.Fprintln(std.err, "uredit: interrupted")
	default:
		fmt.Fprintln(std.err, "uredit:", printable(err.Error(), true))
	}
	return code
}

func dispatch(ctx context.Context, args []string, std stdio) error {
	c := &client{stdio: std, format: formatTable}
	rest, err := c.parse(c.flags(""), args, false)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return usageError("which command? uredit -h lists them")
	}
	name, rest := rest[0], rest[1:]
	switch name {
	case "submit":
		return c.submit(ctx, rest)
	case "watch":
		return c.watch(ctx, rest)
	case "list":
		return c.list(rest)
	case "top":
		return c.top(ctx, rest)
	case "show":
		return c.show(rest)
	case "logs":
		return c.logs(ctx, rest)
	case "cancel":
		return c.cancel(rest)
	case "retry":
		return c.retry(rest)
	case "priority":
		return c.priority(rest)
	case "hold":
		return c.ask(name, spool.MarkHold, "asked for it to be held back", rest)
	case "release":
		return c.ask(name, spool.MarkRelease, "asked for it to run", rest)
	case "pause":
		return c.rest(name, spool.MarkPause, rest)
	case "drain":
		return c.rest(name, spool.MarkDrain, rest)
	case "resume":
		return c.resume(rest)
	case "gc":
		return c.gc(rest)
	case "validate":
		return c.validate(rest)
	case "help":
		return flag.ErrHelp
	}
	return usageError("%q is no command: uredit -h lists them", name)
}

// A statusError is an error with an exit status of its own.
type statusError struct {
	code int
	err  error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

func usageError(format string, args ...any) error {
	return &statusError{exitUsage, fmt.Errorf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &statusError{exitNotFound, fmt.Errorf(format, args...)}
}

// errTold marks an outcome that the command's output has already told.
var errTold = errors.New("already told")

func exitStatus(err error) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if e, ok := errors.AsType[*statusError](err); ok {
		return e.code
	}
	if errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	return exitFailed
}
