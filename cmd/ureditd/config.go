package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"uredit/daemon/config"
	"uredit/daemon/document"
)

const configHelp = `check [--config FILE]
       ureditd config print [--config FILE] [--origin]

check reads the configuration as serve does and names every fault, with file and
line. print shows the value of every key, as a file that may be used again; with
--origin, above each, where it came from. Exit status 78: it has faults.`

// configCommand looks at the configuration alone.
func configCommand(_ context.Context, c console, args []string) error {
	f := flags(c, "config", configHelp)
	configFile := f.String("config", "", "configuration `file`")
	origin := f.Bool("origin", false, "print: say where each value came from")
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		if err := parse(f, args); err != nil {
			return err
		}
		return usagef("config wants check or print")
	}
	if err := parse(f, args[1:]); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return usagef("config %s takes no arguments, got %q", args[0], f.Args())
	}
	path := configPath(*configFile)
	settings, err := config.Settings(path)
	if err != nil {
		return configError{err}
	}
	switch args[0] {
	case "check":
		if path == "" {
			path = "no file: the defaults"
		}
		_, err = fmt.Fprintf(c.out, "ok: %s\n", path)
	case "print":
		err = printSettings(c.out, settings, *origin)
	default:
		return usagef("config wants check or print, not %q", args[0])
	}
	return err
}

// printSettings writes a configuration as a file.
func printSettings(out io.Writer, settings []config.Setting, origin bool) error {
	var b bytes.Buffer
	group := ""
	for _, s := range settings {
		parent, name, nested := strings.Cut(s.Key, ".")
		indent := ""
		if !nested {
			parent, name = "", s.Key
		} else {
			indent = "  "
		}
		if parent != group {
			fmt.Fprintf(&b, "%s:\n", parent)
			group = parent
		}
		if origin {
			fmt.Fprintf(&b, "%s# %s\n", indent, s.Origin)
		}
		value := s.Value
		if d, ok := value.(time.Duration); ok {
			value = d.String()
		}
		text, err := document.Write([]document.Pair{{Key: name, Value: value}})
		if err != nil {
			return err
		}
		for line := range strings.Lines(strings.TrimSuffix(string(text), "...\n")) {
			b.WriteString(indent + line)
		}
	}
	_, err := out.Write(b.Bytes())
	return err
}
