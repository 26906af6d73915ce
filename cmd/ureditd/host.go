package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"uredit/daemon/config"
	"uredit/daemon/metrics"
	"uredit/models"
	"uredit/pipeline/ffmpeg"
	"uredit/pipeline/onnx"
	"uredit/pipeline/onnx/nvml"
	"uredit/pipeline/opencv"
)

// host is what the engines of one process share: the programs, the runtime, the
// driver and the bundle.
type host struct {
	config   config.Config
	build    string // of this program
	tool     *ffmpeg.Tool
	runtime  *onnx.Runtime
	driver   *nvml.Library // nil where there is none
	places   []onnx.Place  // of the configured devices, in their order
	numbers  *metrics.Metrics
	bundle   *models.Bundle
	hashes   hashes   // of the bundle's files
	warnings []string // of the bundle
	leftOut  []string // what is to be known about the choice of devices
}

// newHost returns a host that opened nothing yet.
func newHost(cfg config.Config) *host { return &host{config: cfg, numbers: metrics.New()} }

// openHost finds everything that a job needs, and verifies the bundle.
func openHost(ctx context.Context, cfg config.Config) (*host, error) {
	h := newHost(cfg)
	var err error
	if h.build, err = build(); err != nil {
		return nil, err
	}
	for _, s := range h.steps() {
		if _, err := s.do(ctx); err != nil {
			h.close()
			return nil, err
		}
	}
	opencv.SetThreads(1)
	return h, nil
}

// A step opens or verifies one thing that jobs need, and says what it found.
type step struct {
	name string
	do   func(ctx context.Context) (found string, err error)
}

// steps opens the host, one thing after the other. A step whose predecessor
// failed may be done all the same: check wants to know everything.
func (h *host) steps() []step {
	return []step{
		{"ffmpeg", func(context.Context) (string, error) {
			var err error
			if h.tool, err = ffmpeg.Find(h.config.FFmpeg, h.config.FFprobe); err != nil {
				return "", err
			}
			return h.tool.Version(), nil
		}},
		{"onnxruntime", func(context.Context) (string, error) {
			var err error
			if h.runtime, err = onnx.Open(h.config.ORTLibrary); err != nil {
				return "", err
			}
			return h.runtime.Version() + ", " + h.runtime.Library(), nil
		}},
		{"cards", func(context.Context) (string, error) { return h.locate() }},
		{"bundle", func(ctx context.Context) (string, error) {
			bundle, warnings, err := openBundle(h.config)
			h.bundle, h.warnings = bundle, warnings
			if err != nil {
				return "", err
			}
			if err = h.bundle.Verify(ctx); err != nil {
				return "", fmt.Errorf("verify bundle %s: %w", h.bundle.Dir(), err)
			}
			sums, err := h.bundle.Hashes(ctx)
			if h.hashes = noted(h.bundle.Dir(), sums); err != nil {
				return "", err
			}
			return h.bundle.Dir(), nil
		}},
	}
}

// openBundle opens the configured bundle, unpacking the built-in one.
func openBundle(cfg config.Config) (*models.Bundle, []string, error) {
	dir := cfg.Bundle
	if dir == config.Builtin {
		var err error
		if dir, err = models.Builtin(filepath.Join(cfg.RuntimeDir, "models")); err != nil {
			return nil, nil, err
		}
	}
	return models.Open(dir)
}

// close frees what the host opened.
func (h *host) close() {
	if h.runtime != nil {
		_ = h.runtime.Close() // nothing is left that its error could spoil
	}
	h.driver.Close()
}

// versions names what made a result, for job.json and for who asks whether a
// result of then is one of now.
func (h *host) versions() map[string]string {
	return map[string]string{
		"uredit":      version,
		"build":       h.build,
		"go":          runtime.Version(),
		"ffmpeg":      h.tool.Version(),
		"onnxruntime": h.runtime.Version(),
		"opencv":      opencv.Version(),
	}
}

// threads is how many processor threads one of several engines may use.
func threads(cfg config.Config, share int) int {
	if cfg.Threads > 0 {
		return cfg.Threads
	}
	return max(1, processors/max(1, share))
}

// processors is how many processors this process may use at once.
var processors = runtime.GOMAXPROCS(0)

// manyGoroutines lets twice as many goroutines run Go code as there are
// processors. A step that comes back from a network or from OpenCV would else
// wait until another step's goroutine pauses, which takes up to 10 ms; the
// kernel shares processors more finely.
func manyGoroutines() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2 * processors)
	}
}
