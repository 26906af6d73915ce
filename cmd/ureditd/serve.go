package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"gopkg.in/natefinch/lumberjack.v2"

	"uredit/daemon"
	"uredit/daemon/config"
)

const serveHelp = `[--config FILE]

Runs the daemon until SIGTERM or SIGINT, which let running jobs end within the
drain timeout; what does not end goes back into the queue.`

// serve runs the daemon.
func serve(ctx context.Context, c console, args []string) error {
	f := flags(c, "serve", serveHelp)
	configFile := f.String("config", "", "configuration `file`")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return usagef("serve takes no arguments, got %q", f.Args())
	}
	cfg, err := loadConfig(*configFile)
	if err != nil {
		return err
	}
	log, closeLog, err := logger(cfg, c.err)
	if err != nil {
		return err
	}
	defer closeLog()
	h, err := openHost(ctx, cfg)
	if err != nil {
		return err
	}
	defer h.close()
	for _, w := range h.warnings {
		log.Warn(w)
	}
	engines, err := h.engines()
	if err != nil {
		return err
	}
	o := daemon.Options{Config: cfg, Models: h.models(os.Getenv), Versions: h.versions(), Log: log}
	for _, e := range engines {
		o.Engines = append(o.Engines, e)
	}
	d, err := daemon.New(o)
	if err != nil {
		return err
	}
	return errors.Join(d.Run(ctx), d.Close())
}

// models says which models a request may name.
func (h *host) models(getenv func(string) string) daemon.Models {
	return daemon.Models{
		Aliases: h.config.ModelAliases,
		Roots:   append([]string{h.bundle.Dir()}, h.config.ModelRoots...),
	}.FromEnv(getenv)
}

// logger returns the daemon's log: the configured file, or the console. A file
// that cannot be written is an error now, not silence later.
func logger(cfg config.Config, console io.Writer) (log *slog.Logger, closeLog func(), err error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Log.Level)); err != nil {
		return nil, nil, fmt.Errorf("log.level: %w", err)
	}
	out, closeLog := console, func() {}
	if cfg.Log.File != "" {
		file := &lumberjack.Logger{
			Filename: cfg.Log.File, MaxSize: cfg.Log.MaxSize, MaxBackups: cfg.Log.MaxBackups, MaxAge: cfg.Log.MaxAge,
		}
		if _, err := file.Write(nil); err != nil {
			return nil, nil, fmt.Errorf("log.file: %w", err)
		}
		out = file
		closeLog = func() {
			if err := file.Close(); err != nil {
				fmt.Fprintf(console, "ureditd: close %s: %v\n", cfg.Log.File, err)
			}
		}
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level})), closeLog, nil
}
