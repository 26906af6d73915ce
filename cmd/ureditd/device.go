package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"uredit/daemon"
	"uredit/daemon/config"
	"uredit/pipeline"
	"uredit/pipeline/ffmpeg"
	"uredit/pipeline/frame"
	"uredit/pipeline/onnx"
	"uredit/pipeline/onnx/nvml"
	"uredit/pipeline/opencv"
)

// locate finds the configured devices, and says what the driver shows.
func (h *host) locate() (found string, err error) {
	var cards []nvml.Card
	var absent error
	if h.driver, absent = nvml.Open(h.config.NVMLLibrary); absent == nil {
		cards, absent = h.driver.Cards()
	}
	places, warnings, err := onnx.Locate(h.config.Devices, cards, absent)
	if err != nil {
		return "", err
	}
	h.places, h.leftOut = places, warnings
	switch {
	case errors.Is(absent, nvml.ErrNone):
		return "no NVIDIA driver, and no device needs one", nil
	case absent != nil:
		return absent.Error(), nil
	}
	var names []string
	for _, p := range places {
		names = append(names, p.Name)
	}
	return fmt.Sprintf("%s, %d cards; devices: %s", h.driver.Version(), len(cards), strings.Join(names, ", ")), nil
}

// card returns how to ask the driver for a place's card, nil where it does not know.
func (h *host) card(p onnx.Place) func() (nvml.Card, error) {
	if p.UUID == "" {
		return nil
	}
	return func() (nvml.Card, error) { return h.driver.Card(p.UUID) }
}

// device opens a device; share is how many devices share the processor.
func (h *host) device(p onnx.Place, share int) (*onnx.Device, error) {
	sharers := 0
	for _, other := range h.places {
		if other.UUID == p.UUID {
			sharers++
		}
	}
	return h.runtime.Device(p.Spec, onnx.Options{
		Threads:    threads(h.config, share),
		SmallAlone: h.config.Threads == 0, // not against the administrator's word

		MemoryLimit: int64(h.config.GPUMemLimit) << 20,
		ArenaDouble: h.config.GPUArena == config.ArenaDouble,
		EngineCache: filepath.Join(h.config.RuntimeDir, "tensorrt"),

		Name: p.Name, Card: h.card(p), Sharers: sharers,
		Ran: func(graph string, took time.Duration) { h.numbers.Ran(p.Name, graph, took) },
	})
}

// engine is a pipeline on one device. It implements daemon.Engine.
type engine struct {
	*pipeline.Engine
	place onnx.Place
	kind  string
	host  *host
}

// engine opens a device and makes the pipeline on it.
func (h *host) engine(p onnx.Place, share int) (*engine, error) {
	d, err := h.device(p, share)
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
		place: p,
		kind:  d.Kind(),
		host:  h,
	}, nil
}

// engines opens the configured devices.
func (h *host) engines() ([]*engine, error) {
	var list []*engine
	for _, p := range h.places {
		e, err := h.engine(p, len(h.places))
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// Device implements daemon.Engine.
func (e *engine) Device() string { return e.place.Name }

// Provider implements daemon.Engine.
func (e *engine) Provider() string { return e.kind }

// Vitals implements daemon.Vital.
func (e *engine) Vitals() daemon.Vitals {
	v := daemon.Vitals{UUID: e.place.UUID, Networks: e.host.numbers.Networks(e.place.Name)}
	ask := e.host.card(e.place)
	if ask == nil {
		return v
	}
	c, err := ask()
	if err != nil {
		return v // the device says what is wrong when it is used
	}
	v.Card, v.MemoryUsed, v.MemoryTotal = c.Name, c.Used, c.Total
	if c.Celsius >= 0 {
		v.Celsius = &c.Celsius
	}
	return v
}

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
