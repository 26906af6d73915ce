package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"uredit/daemon/config"
	"uredit/pipeline/fault"
	"uredit/pipeline/ffmpeg"
	"uredit/pipeline/onnx"
	"uredit/pipeline/opencv"
)

// errCheck ends check after it printed what is wrong.
var errCheck = errors.New("something that jobs need is missing")

// checker prints one line for each thing it looked at.
type checker struct {
	console
	failed bool
}

// check says whether everything that a job needs is here.
func check(ctx context.Context, c console, args []string) error {
	f := flags(c, "check", "[--config FILE]")
	configFile := f.String("config", "", "configuration `file`")
	if err := parse(f, args); err != nil {
		return err
	}
	k := &checker{console: c}
	cfg, err := loadConfig(*configFile)
	if k.line("configuration", cfg.Root, err); err != nil {
		return errCheck
	}
	for _, root := range cfg.Roots {
		k.line("root", root, writable(root))
	}
	tool, err := ffmpeg.Find(cfg.FFmpeg, cfg.FFprobe)
	if err == nil {
		k.line("ffmpeg", tool.Version(), nil)
	} else {
		k.line("ffmpeg", "", err)
	}
	k.line("opencv", opencv.Version(), nil)
	k.bundle(ctx, cfg)
	k.devices(cfg)
	if k.failed {
		return errCheck
	}
	return nil
}

// line prints the outcome of one check; what describes it when it went well.
func (k *checker) line(name, what string, err error) {
	if err == nil {
		fmt.Fprintf(k.out, "ok     %-14s %s\n", name, what)
		return
	}
	k.failed = true
	fmt.Fprintf(k.out, "error  %-14s %v\n", name, err)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Hint != "" {
		fmt.Fprintf(k.out, "       %-14s hint: %s\n", "", f.Hint)
	}
}

func (k *checker) bundle(ctx context.Context, cfg config.Config) {
	b, warnings, err := openBundle(cfg)
	if err == nil {
		err = b.Verify(ctx)
	}
	if err != nil {
		k.line("bundle", "", err)
		return
	}
	k.line("bundle", b.Dir(), nil)
	for _, w := range warnings {
		fmt.Fprintf(k.out, "warn   %-14s %s\n", "bundle", w)
	}
}

func (k *checker) devices(cfg config.Config) {
	r, err := onnx.Open(cfg.ORTLibrary)
	if err != nil {
		k.line("onnxruntime", "", err)
		return
	}
	defer r.Close()
	k.line("onnxruntime", r.Version()+" "+r.Library(), nil)
	for _, name := range cfg.Devices {
		d, err := r.Device(name, onnx.Options{})
		k.line("device", name, err)
		if err == nil {
			_ = d.Close() // it was opened to see that it opens
		}
	}
}

// writable tries to make and rename a file in a directory.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".uredit-check-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	renamed := filepath.Join(dir, filepath.Base(f.Name())+"-renamed")
	if err := errors.Join(f.Close(), os.Rename(f.Name(), renamed)); err != nil {
		return err
	}
	return os.Remove(renamed)
}
