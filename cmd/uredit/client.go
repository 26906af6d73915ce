package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"uredit/daemon/cache"
	"uredit/daemon/document"
	"uredit/daemon/job"
	"uredit/daemon/spool"
)

const defaultSpool = "/var/spool/uredit"

// Output formats, the values of -o.
const (
	formatTable = "table"
	formatJSON  = "json"
)

// client is one command line at work.
type client struct {
	stdio
	spoolDir string // --spool; "" when not given
	format   string
}

// flags returns a flag set with the flags that every command takes.
func (c *client) flags(name string) *flag.FlagSet {
	set := flag.NewFlagSet(strings.TrimSpace("uredit "+name), flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&c.spoolDir, "spool", c.spoolDir, "`directory` of the spool")
	set.StringVar(&c.format, "o", c.format, "`format` of the output: table or json")
	return set
}

// parse reads flags and returns the other arguments. Anywhere says whether
// flags may also follow arguments.
func (c *client) parse(set *flag.FlagSet, args []string, anywhere bool) (rest []string, err error) {
	for {
		if err := set.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, &statusError{exitUsage, job.FlagError(set, err)}
		}
		left := set.Args()
		ended := len(left) < len(args) && args[len(args)-len(left)-1] == "--"
		if !anywhere || ended || len(left) == 0 {
			rest = append(rest, left...)
			break
		}
		rest, args = append(rest, left[0]), left[1:]
	}
	if c.format != formatTable && c.format != formatJSON {
		return nil, usageError("-o %s: write table or json", c.format)
	}
	return rest, nil
}

// view opens the spool that the user means for reading.
func (c *client) view() (view, error) {
	root, err := c.root()
	if err != nil {
		return view{}, err
	}
	info, err := os.Stat(filepath.Join(root, spool.InboxDir))
	if err != nil || !info.IsDir() {
		return view{}, usageError("%s is no spool (no inbox in it): pass --spool or set UREDIT_SPOOL, or start a daemon there", root)
	}
	return view{root: root}, nil
}

func (c *client) root() (string, error) {
	root, _, err := c.places()
	return root, err
}

// places returns the directories of the spool and of the cache.
func (c *client) places() (root, cacheDir string, err error) {
	for _, root := range []string{c.spoolDir, c.getenv("UREDIT_SPOOL")} {
		if root != "" {
			return c.absolute(root), filepath.Join(c.absolute(root), cache.DirName), nil
		}
	}
	config, source := c.getenv("UREDIT_CONFIG"), "UREDIT_CONFIG"
	if config == "" {
		config, source = c.config, "the daemon's configuration"
		if config == "" || !exists(config) {
			return defaultSpool, filepath.Join(defaultSpool, cache.DirName), nil
		}
	}
	data, err := os.ReadFile(c.absolute(config))
	if err != nil {
		return "", "", usageError("read %s: %w", source, err)
	}
	values, fault := document.Parse(config, data, 1<<20)
	if fault != nil {
		return "", "", usageError("read %s: %w", source, fault)
	}
	root = defaultSpool
	values.String("root", &root)
	root = c.absolute(root)
	cacheDir = filepath.Join(root, cache.DirName)
	values.Mapping("cache").String("dir", &cacheDir)
	return root, c.absolute(cacheDir), nil
}

// absolute takes a path from where the user stands.
func (c *client) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(c.dir, path)
}

// json writes v as one indented document.
func (c *client) json(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// line writes one line of text in which nothing can steer a terminal.
func (c *client) line(format string, args ...any) error {
	_, err := fmt.Fprintln(c.out, printable(fmt.Sprintf(format, args...), true))
	return err
}

// missing reports whether err says that there is no such file, or none that
// could be beneath a file.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
