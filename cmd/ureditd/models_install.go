package main

import (
	"context"
	"fmt"
	"path/filepath"

	"uredit/models/fetch"
	"uredit/models/starter"
)

const installHelp = `install starter [flags] [DIR]`

// installModels fetches and makes a bundle that does not ship with the program.
func installModels(ctx context.Context, c console, args []string) error {
	f := flags(c, "models", installHelp)
	var clients fetch.Clients
	configFile := f.String("config", "", "configuration `file`, whose state_dir holds the bundle without DIR")
	f.StringVar(&clients.Python, "python", "python3", "Python `program` whose pip fetches packages")
	f.StringVar(&clients.NPM, "npm", "npm", "npm `program`")
	if len(args) == 0 || args[0] != "starter" {
		return usagef("usage: ureditd models %s", installHelp)
	}
	if err := parse(f, args[1:]); err != nil {
		return err
	}
	if f.NArg() > 1 {
		return usagef("models install starter: %q: one folder at most", f.Args())
	}
	dir := f.Arg(0)
	if dir == "" {
		cfg, err := loadConfig(*configFile)
		if err != nil {
			return err
		}
		dir = filepath.Join(cfg.StateDir, "models", "starter")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	switch done, err := starter.Installed(ctx, dir); {
	case err != nil:
		return err
	case done:
		fmt.Fprintln(c.err, "the starter bundle is there and intact: nothing to do")
	default:
		fmt.Fprintln(c.err, "fetching three packages, 63 MB together")
		if err := starter.Install(ctx, dir, clients); err != nil {
			return err
		}
	}
	// For scripts: the folder alone.
	_, err = fmt.Fprintln(c.out, dir)
	return err
}
