package onnx

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uredit/pipeline/fault"
)

func TestParseDevice(t *testing.T) {
	for spec, want := range map[string]int{"cpu": -1, "cuda": 0, "cuda:0": 0, "cuda:7": 7, "tensorrt": 0, "tensorrt:3": 3} {
		got, trt, err := parseDevice(spec)
		if err != nil || got != want || trt != strings.HasPrefix(spec, "tensorrt") {
			t.Errorf("%q: %d, TensorRT %t, %v; want %d", spec, got, trt, err, want)
		}
	}
	for _, spec := range []string{"", "CPU", "gpu", "cuda:", "cuda:-1", "cuda:+1", "cuda:x", "cuda:999", "cpu:0", "tensorrt:"} {
		if _, _, err := parseDevice(spec); err == nil || fault.Of(err).Hint == "" {
			t.Errorf("%q: error %v, want one with a hint", spec, err)
		}
	}
}

// TestNoSilentCPU asks for a card that no machine has.
func TestNoSilentCPU(t *testing.T) {
	for _, spec := range []string{"cuda:99", "tensorrt:99"} {
		_, err := shared.Device(spec, Options{})
		if err == nil {
			t.Fatalf("%s was opened", spec)
		}
		if f := fault.Of(err); f.Code != fault.DeviceFault || f.Hint == "" {
			t.Errorf("%s: code %q, hint %q", spec, f.Code, f.Hint)
		}
	}
	if order := os.Getenv("CUDA_DEVICE_ORDER"); order != "PCI_BUS_ID" {
		t.Errorf("CUDA_DEVICE_ORDER=%q", order)
	}
}

func TestCUDASettings(t *testing.T) {
	d := &Device{cuda: 2, options: Options{MemoryLimit: 1 << 30}}
	want := map[string]string{
		"device_id":                    "2",
		"arena_extend_strategy":        "kSameAsRequested",
		"cudnn_conv_algo_search":       "HEURISTIC",
		"cudnn_conv_use_max_workspace": "1",
		"do_copy_in_default_stream":    "1",
		"gpu_mem_limit":                "1073741824",
	}
	if got := d.cudaSettings(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	d.options.ArenaDouble = true
	if got := d.cudaSettings()["arena_extend_strategy"]; got != "kNextPowerOfTwo" {
		t.Errorf("an arena that doubles: %s", got)
	}
}

func TestTensorRTSettings(t *testing.T) {
	d := &Device{cuda: 1, options: Options{EngineCache: "/var/cache/x"}}
	want := map[string]string{
		"device_id":               "1",
		"trt_engine_cache_enable": "1", "trt_engine_cache_path": "/var/cache/x",
		"trt_timing_cache_enable": "1", "trt_timing_cache_path": "/var/cache/x",
	}
	if got := d.tensorRTSettings(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOpenTwice(t *testing.T) {
	if _, err := Open(shared.Library()); err == nil {
		t.Error("a second runtime was opened")
	}
	if v := shared.Version(); !strings.HasPrefix(v, "1.") {
		t.Errorf("version %q", v)
	}
}

func TestLibraryPaths(t *testing.T) {
	t.Setenv(libraryVariable, "/from/env.so")
	if got := libraryPaths("/given.so"); !slices.Equal(got, []string{"/given.so"}) {
		t.Errorf("with an argument: %v", got)
	}
	if got := libraryPaths(""); !slices.Equal(got, []string{"/from/env.so"}) {
		t.Errorf("with the variable: %v", got)
	}
	t.Setenv(libraryVariable, "")
	got := libraryPaths("")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(exe)
	for _, want := range []string{
		filepath.Join(dir, libraryName),
		filepath.Join(dir, "../build/onnxruntime", libraryName),
		filepath.Join(dir, "../lib/uredit", libraryName),
		"/usr/local/lib/" + libraryName, libraryName,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among %v", want, got)
		}
	}
}

// TestDeviceFault holds the texts that the library uses for faults of a card, and
// the code of each.
func TestDeviceFault(t *testing.T) {
	for text, want := range map[string]string{
		"CUDA failure 700: an illegal memory access was encountered ; GPU=0":        fault.DeviceFault,
		"CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED":                         fault.DeviceFault,
		"CUDA failure 2: out of memory ; GPU=0":                                     fault.DeviceMemory,
		"Failed to allocate memory for requested buffer of size 1048576":            fault.DeviceMemory,
		"Non-zero status code returned while running Add node. Incompatible shapes": "",
	} {
		got := ""
		if f := deviceFault(textError(text)); f != nil {
			got = f.Code
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

type textError string

func (e textError) Error() string { return string(e) }
