package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"uredit/daemon"
	"uredit/daemon/check"
	"uredit/daemon/config"
	"uredit/daemon/sdnotify"
)

const serveHelp = `[--config FILE]

Runs the daemon until SIGTERM or SIGINT, which let running jobs end within the
drain timeout; what does not end goes back into the queue. SIGHUP reads the
configuration again: what can be applied is, and the log and systemctl status
name what needs a restart. Exit status 78: the configuration has faults.`

// How long the steps of a start may take; systemd is told as they begin.
const (
	openTimeout   = 15 * time.Minute // hashing tens of gigabytes of models on a network mount
	deviceTimeout = 5 * time.Minute
	spoolTimeout  = 5 * time.Minute
	shareTimeout  = 30 * time.Second // a file server that is silent for longer is down
)

// configError is a configuration that cannot be used. No restart mends it.
type configError struct{ error }

func (e configError) Unwrap() error { return e.error }

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
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP) // from here on, so that an early one does not kill
	defer signal.Stop(hangup)
	manager, err := sdnotify.Open(os.Getenv, os.Getpid())
	if err != nil {
		return err
	}
	defer manager.Close()
	if err := supervised(ctx, c, manager, hangup, *configFile); err != nil {
		// What cannot be told to the manager is in its journal, by main.
		_ = manager.Status("ended: " + firstLine(err))
		return err
	}
	return nil
}

// supervised runs the daemon under a service manager.
func supervised(ctx context.Context, c console, manager *sdnotify.Manager, hangup <-chan os.Signal, configFile string) error {
	cfg, err := loadConfig(configFile)
	if err != nil {
		return configError{err}
	}
	var level slog.LevelVar
	log, closeLog, err := logger(cfg, c.err, &level)
	if err != nil {
		return err
	}
	defer closeLog()
	s := newService(manager, log, cfg.Root)
	s.starting("looking at the host", spoolTimeout)
	if err := ask(log, &cfg); err != nil {
		return err
	}
	s.starting("verifying the models", openTimeout)
	h, err := openHost(ctx, cfg)
	if err != nil {
		return err
	}
	defer h.close()
	for _, w := range append(h.leftOut, h.warnings...) {
		log.Warn(w)
	}
	s.starting("opening the devices", deviceTimeout)
	engines, err := h.engines()
	if err != nil {
		return err
	}
	s.starting("opening the spool", spoolTimeout)
	numbers := h.numbers
	numbers.Built(h.versions())
	o := daemon.Options{Config: cfg, Models: h.models(os.Getenv), Versions: h.versions(), Log: log, Meter: numbers,
		Observe: func(c daemon.Condition) { s.observe(c); numbers.Observe(c) }}
	for _, e := range engines {
		o.Engines = append(o.Engines, e)
	}
	d, err := daemon.New(o)
	if err != nil {
		return err
	}
	var aside sync.WaitGroup
	defer aside.Wait()
	watching, stop := context.WithCancel(context.WithoutCancel(ctx)) // to the end of the drain
	defer stop()
	if cfg.Metrics != "" {
		run, err := publish(watching, cfg.Metrics, endpoints(s, numbers), log)
		if err != nil {
			return errors.Join(err, d.Close())
		}
		aside.Go(run)
	}
	aside.Go(func() { s.watch(watching) })
	aside.Go(func() {
		for {
			select {
			case <-watching.Done():
				return
			case <-hangup:
				s.reload(configFile, &cfg, func(newer config.Config) {
					setLevel(&level, newer)
					d.Reload(newer)
				})
			}
		}
	})
	return errors.Join(d.Run(ctx), d.Close())
}

// ask asks about the host what check asks: errors keep the daemon from starting,
// warnings go to the log.
func ask(log *slog.Logger, cfg *config.Config) error {
	var r check.Report
	check.This().Check(&r, cfg, shareTimeout)
	for _, f := range r.Findings {
		if f.Level == check.Warning {
			log.Warn(f.Text, "check", f.Check, "hint", f.Hint)
		}
	}
	return r.Err()
}

// models says which models a request may name.
func (h *host) models(getenv func(string) string) daemon.Models {
	return daemon.Models{
		Aliases: h.config.ModelAliases,
		Roots:   append([]string{h.bundle.Dir()}, h.config.ModelRoots...),
	}.FromEnv(getenv)
}

// logger returns the daemon's log: the configured file, or the console. A file
// that cannot be written is an error now, not silence later. The level may be
// changed while it is used.
func logger(cfg config.Config, console io.Writer, level *slog.LevelVar) (log *slog.Logger, closeLog func(), err error) {
	setLevel(level, cfg)
	if cfg.Log.File == "" {
		if f, ok := console.(*os.File); ok && underJournal(f, os.Getenv("JOURNAL_STREAM")) {
			return slog.New(newJournal(console, level)), func() {}, nil
		}
		return slog.New(slog.NewTextHandler(console, &slog.HandlerOptions{Level: level})), func() {}, nil
	}
	file := &lumberjack.Logger{
		Filename: cfg.Log.File, MaxSize: cfg.Log.MaxSize, MaxBackups: cfg.Log.MaxBackups, MaxAge: cfg.Log.MaxAge,
	}
	if _, err := file.Write(nil); err != nil {
		return nil, nil, fmt.Errorf("log.file: %w", err)
	}
	closeLog = func() {
		if err := file.Close(); err != nil {
			fmt.Fprintf(console, "ureditd: close %s: %v\n", cfg.Log.File, err)
		}
	}
	return slog.New(slog.NewTextHandler(file, &slog.HandlerOptions{Level: level})), closeLog, nil
}

// setLevel takes the level of a configuration, which has checked it.
func setLevel(level *slog.LevelVar, cfg config.Config) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(cfg.Log.Level)); err == nil {
		level.Set(l)
	}
}
