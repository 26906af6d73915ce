package onnx

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"uredit/pipeline/fault"
)

// environment guards the binding's one environment: the library allows a single
// one in a process, and the binding keeps it in a variable of its own.
var environment sync.Mutex

// Runtime is the loaded library. It is made once in a process.
type Runtime struct {
	library string
	version string

	mu      sync.Mutex
	devices map[*Device]struct{}
}

// Open loads ONNX Runtime. The library is the file named by the argument, else
// by UREDIT_ORT_LIBRARY, else the first that loads of those beside the
// executable and in the usual places. A second Open before Close is an error.
func Open(library string) (*Runtime, error) {
	environment.Lock()
	defer environment.Unlock()
	if ort.IsInitialized() {
		return nil, errors.New("open ONNX Runtime: it is already open in this process")
	}
	const hint = "run `make deps`, or name libonnxruntime.so 1.24 or newer: ort_library in the configuration, or " + libraryVariable
	var tried []error
	paths := libraryPaths(library)
	for _, path := range paths {
		if len(paths) > 1 && !mayLoad(path) {
			continue
		}
		ort.SetSharedLibraryPath(path)
		// What fails is returned; the library's own lines on stderr would
		// say it a second time, and a cancel is no failure.
		err := ort.InitializeEnvironment(ort.WithLogLevelFatal())
		if err == nil {
			return &Runtime{
				library: path,
				version: ort.GetVersion(),
				devices: make(map[*Device]struct{}),
			}, nil
		}
		tried = append(tried, fmt.Errorf("%s: %w", path, err))
	}
	if len(tried) == len(bareNames()) { // nothing but the linker's own search was worth a try
		return nil, fault.New(fault.DeviceFault, hint, fmt.Errorf("open ONNX Runtime: there is no %s beside the program, in %s or where the linker looks",
			libraryName, strings.Join(libraryFolders(), ", ")))
	}
	return nil, fault.New(fault.DeviceFault, hint,
		fmt.Errorf("open ONNX Runtime: %w", errors.Join(tried...)))
}

// Library returns the path that the library was loaded from.
func (r *Runtime) Library() string { return r.library }

// Version returns the library's own version, such as "1.24.1".
func (r *Runtime) Version() string { return r.version }

// Close closes the devices that are still open and unloads the library. Runs
// under way are waited for.
func (r *Runtime) Close() error {
	r.mu.Lock()
	open := make([]*Device, 0, len(r.devices))
	for d := range r.devices {
		open = append(open, d)
	}
	r.mu.Unlock()

	var errs []error
	for _, d := range open {
		errs = append(errs, d.Close())
	}
	environment.Lock()
	defer environment.Unlock()
	if err := ort.DestroyEnvironment(); err != nil {
		errs = append(errs, fmt.Errorf("close ONNX Runtime: %w", err))
	}
	return errors.Join(errs...)
}

func (r *Runtime) add(d *Device) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.devices[d] = struct{}{}
}

func (r *Runtime) remove(d *Device) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.devices, d)
}
