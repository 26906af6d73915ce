package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"uredit/daemon/config"
	"uredit/models"
	"uredit/pipeline"
	"uredit/pipeline/ffmpeg"
	"uredit/pipeline/frame"
	"uredit/pipeline/onnx"
	"uredit/pipeline/opencv"
)

// host is what the engines of one process share: the programs, the runtime and
// the bundle.
type host struct {
	config   config.Config
	build    string // of this program
	tool     *ffmpeg.Tool
	runtime  *onnx.Runtime
	bundle   *models.Bundle
	hashes   hashes // of the bundle's files
	warnings []string
}

// openHost finds everything that a job needs, and verifies the bundle.
func openHost(ctx context.Context, cfg config.Config) (*host, error) {
	h := &host{config: cfg}
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
		{"bundle", func(ctx context.Context) (string, error) {
			var err error
			if h.bundle, h.warnings, err = openBundle(h.config); err != nil {
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

// engine is a pipeline on one device. It implements daemon.Engine.
type engine struct {
	*pipeline.Engine
	name string
	kind string
	host *host
}

// device opens a device; share is how many devices share the processor.
func (h *host) device(name string, share int) (*onnx.Device, error) {
	return h.runtime.Device(name, onnx.Options{
		Threads:    threads(h.config, share),
		SmallAlone: h.config.Threads == 0, // not against the administrator's word

		EngineCache: filepath.Join(h.config.RuntimeDir, "tensorrt"),
	})
}

// engine opens a device and makes the pipeline on it.
func (h *host) engine(device string, share int) (*engine, error) {
	d, err := h.device(device, share)
	if err != nil {
		return nil, err
	}
	return &engine{
		Engine: &pipeline.Engine{
			Video:          ffmpeg.Video[pipeline.Decoder, pipeline.Encoder]{Tool: h.tool},
			NewOps:         func() frame.Ops { return opencv.New() },
			Load:           d.Load,
			SegmenterModel: h.bundle.SAM3,
			EditorModel:    h.bundle.Pix2Pix,

			Fits: d.Fits, Warm: d.Warm(), Batch: d.Batch(),
		},
		name: device,
		kind: d.Kind(),
		host: h,
	}, nil
}

// engines opens the configured devices.
func (h *host) engines() ([]*engine, error) {
	var list []*engine
	for _, device := range h.config.Devices {
		e, err := h.engine(device, len(h.config.Devices))
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// Device implements daemon.Engine.
func (e *engine) Device() string { return e.name }

// Provider implements daemon.Engine.
func (e *engine) Provider() string { return e.kind }

// Models implements daemon.Engine. A folder that the request named itself has
// no manifest here; it is known by its path.
func (e *engine) Models(spec pipeline.Spec) map[string]string {
	used := map[string]string{}
	for part, folder := range map[string]string{"sam3": spec.SegmenterModel, "pix2pix": spec.EditorModel} {
		if folder != "" {
			used[part] = folder
			continue
		}
		e.host.hashes.below(part+"/", used)
	}
	return used
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
