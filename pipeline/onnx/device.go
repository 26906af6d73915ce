package onnx

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"uredit/pipeline/fault"
	"uredit/pipeline/onnx/nvml"
)

// Options say how a device runs its graphs. The zero value is the library's
// own choice of threads, without spinning.
type Options struct {
	Threads     int    // processor threads inside one operation; 0 for one per core
	SmallAlone  bool   // a graph whose folder holds less than smallFolder takes one thread
	Spin        bool   // idle threads spin instead of sleeping: faster, and loud for neighbours
	MemoryLimit int64  // bytes of one graph's arena on a CUDA device; 0 for no limit
	ArenaDouble bool   // a CUDA arena that is too small grows to twice its size, not by what is asked for
	EngineCache string // folder in which TensorRT keeps what it built; "" for none

	Name    string                    // what the device is called; "" for its spec
	Card    func() (nvml.Card, error) // what the driver says of its card now; nil where it does not
	Sharers int                       // devices on the same card, this one among them
	// Ran is told of each run of a graph that succeeded: the graph's name, such as
	// "pix2pix/unet", and how long it took. It is to return at once; nil for nobody.
	Ran func(graph string, took time.Duration)
}

// Device is a processor that graphs run on. Its methods may be called from
// several goroutines.
type Device struct {
	runtime *Runtime
	name    string
	cuda    int  // device_id; -1 for the CPU
	trt     bool // TensorRT before CUDA
	options Options

	loading chan struct{} // holds one element while a graph is loaded, or at the end

	mu       sync.Mutex // guards what follows
	closed   bool
	sessions map[string]*session // by absolute path
}

// probeGraph is the smallest graph there is, y = Identity(x): running it shows
// that a device is there before a job depends on it.
//
//go:embed probe.onnx
var probeGraph []byte

// Device opens "cpu", "cuda" (the first card), "cuda:N" (card N in the order of
// the PCI bus), or "tensorrt" and "tensorrt:N", where TensorRT takes what it knows
// of a graph and CUDA the rest. A card that was asked for and cannot be used is an
// error with code fault.DeviceFault; neither the CPU nor CUDA takes its place.
func (r *Runtime) Device(spec string, o Options) (*Device, error) {
	card, trt, err := parseDevice(spec)
	if err != nil {
		return nil, err
	}
	if card >= 0 {
		// CUDA's own order is by speed. It reads the variable once, at its
		// first use, which is below.
		if err := os.Setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID"); err != nil {
			return nil, fmt.Errorf("device %s: %w", spec, err)
		}
	}
	d := &Device{runtime: r, name: cmp.Or(o.Name, spec), cuda: card, trt: trt, options: o, loading: make(chan struct{}, 1), sessions: make(map[string]*session)}
	if err := d.probe(); err != nil {
		hint := "the ONNX Runtime library in use does not work on this machine"
		switch {
		case trt:
			hint = "check that the TensorRT libraries belong to " + r.library + ", or use cuda for it"
		case card >= 0:
			hint = "check `nvidia-smi` and that " + r.library + " is a CUDA build with its CUDA and cuDNN libraries, or use device cpu"
		}
		return nil, fault.New(fault.DeviceFault, hint, fmt.Errorf("device %s: %w", d.name, err))
	}
	r.add(d)
	return d, nil
}

// parseDevice returns the card that spec names, -1 for the CPU, and whether
// TensorRT is to be used.
func parseDevice(spec string) (card int, trt bool, err error) {
	if spec == "cpu" {
		return -1, false, nil
	}
	kind, number, numbered := strings.Cut(spec, ":")
	if kind == "cuda" || kind == "tensorrt" {
		if !numbered {
			return 0, kind == "tensorrt", nil
		}
		n, err := strconv.ParseUint(number, 10, 8)
		if err == nil {
			return int(n), kind == "tensorrt", nil
		}
	}
	return 0, false, fault.New(fault.DeviceFault, "a device is cpu, cuda, cuda:N, tensorrt or tensorrt:N",
		fmt.Errorf("device %q: unknown name", spec))
}

// Name returns what the device is called: Options.Name, or its spec.
func (d *Device) Name() string { return d.name }

func (d *Device) probe() error {
	options, err := d.sessionOptions(1)
	if err != nil {
		return err
	}
	defer options.Destroy()
	s, err := ort.NewDynamicAdvancedSessionWithONNXData(probeGraph, []string{"x"}, []string{"y"}, options)
	if err != nil {
		return err
	}
	defer s.Destroy()
	in, err := ort.NewTensor(ort.NewShape(1), []float32{1})
	if err != nil {
		return err
	}
	defer in.Destroy()
	out, err := ort.NewEmptyTensor[float32](ort.NewShape(1))
	if err != nil {
		return err
	}
	defer out.Destroy()
	if err := s.Run([]ort.Value{in}, []ort.Value{out}); err != nil {
		return err
	}
	if y := out.GetData()[0]; y != 1 {
		return fmt.Errorf("the identity of 1 came out as %v", y)
	}
	return nil
}

// smallFolder is the size, in bytes, of models whose operations are too short to
// be split: the threads wait for each other as long as they work, and the rest
// of the pipeline could have used the processor.
const smallFolder = 32 << 20

// threads returns how many threads the graph in a file takes. Its data may lie
// in other files, so its folder is what is measured.
func (d *Device) threads(path string) int {
	if !d.options.SmallAlone {
		return d.options.Threads
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return d.options.Threads // opening the graph says what is wrong
	}
	size := int64(0)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
	}
	if size < smallFolder {
		return 1
	}
	return d.options.Threads
}

// sessionOptions returns fresh options for one graph; the caller destroys them.
func (d *Device) sessionOptions(threads int) (_ *ort.SessionOptions, err error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			o.Destroy()
		}
	}()
	spin := "0"
	if d.options.Spin {
		spin = "1"
	}
	if err := errors.Join(
		o.SetIntraOpNumThreads(threads),
		o.SetInterOpNumThreads(1), // graphs run in order; this pool would only wait
		o.AddSessionConfigEntry("session.intra_op.allow_spinning", spin),
	); err != nil {
		return nil, err
	}
	if d.cuda < 0 {
		return o, nil
	}
	if d.trt {
		if err := d.appendTensorRT(o); err != nil {
			return nil, err
		}
	}
	cuda, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return nil, err
	}
	defer cuda.Destroy()
	if err := cuda.Update(d.cudaSettings()); err != nil {
		return nil, err
	}
	if err := o.AppendExecutionProviderCUDA(cuda); err != nil {
		return nil, err
	}
	return o, nil
}

// appendTensorRT makes TensorRT the first provider.
func (d *Device) appendTensorRT(o *ort.SessionOptions) error {
	trt, err := ort.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer trt.Destroy()
	if err := trt.Update(d.tensorRTSettings()); err != nil {
		return err
	}
	return o.AppendExecutionProviderTensorRT(trt)
}

func (d *Device) tensorRTSettings() map[string]string {
	settings := map[string]string{"device_id": strconv.Itoa(d.cuda)}
	if d.options.EngineCache != "" {
		// Building takes minutes for each graph and range of shapes.
		settings["trt_engine_cache_enable"] = "1"
		settings["trt_engine_cache_path"] = d.options.EngineCache
		settings["trt_timing_cache_enable"] = "1"
		settings["trt_timing_cache_path"] = d.options.EngineCache
	}
	return settings
}

func (d *Device) cudaSettings() map[string]string {
	settings := map[string]string{
		"device_id": strconv.Itoa(d.cuda),
		// Doubling the arena may hold twice what the largest crop needs.
		"arena_extend_strategy": "kSameAsRequested",
		// The exhaustive search would time every algorithm again for each
		// new shape of the crop.
		"cudnn_conv_algo_search":       "HEURISTIC",
		"cudnn_conv_use_max_workspace": "1",
		"do_copy_in_default_stream":    "1",
	}
	if d.options.ArenaDouble {
		settings["arena_extend_strategy"] = "kNextPowerOfTwo"
	}
	if d.options.MemoryLimit > 0 {
		settings["gpu_mem_limit"] = strconv.FormatInt(d.options.MemoryLimit, 10)
	}
	return settings
}
