package onnx

import (
	"fmt"
	"io/fs"
	"os"

	ort "github.com/yalue/onnxruntime_go"

	"uredit/pipeline/fault"
	"uredit/pipeline/tensor"
)

// session is one loaded graph. Runs from several goroutines wait for each
// other.
type session struct {
	device *Device
	path   string
	file   fs.FileInfo // what was loaded

	inputs, outputs         []tensor.Info
	inputIndex, outputIndex map[string]int

	// busy holds one element while a run or close is under way, and guards
	// what follows. A channel, so that waiting for it ends with a context.
	busy    chan struct{}
	ort     *ort.DynamicAdvancedSession // nil once closed
	control *ort.RunOptions
	in, out []slot

	// Of the run under way, by input or output.
	feeds     []ort.Value
	fetches   []ort.Value      // nil before the run: the library makes it
	asked     []*tensor.Tensor // nil where nobody asked
	results   []*tensor.Tensor // what fetches point at; nil where the library makes it
	transient []ort.Value      // scalars
}

// open loads the graph in a file.
func (d *Device) open(path string, file fs.FileInfo) (*session, error) {
	const hint = "the file is damaged or holds another kind of graph: copy or export the model again"
	invalid := func(err error) error {
		return fault.New(fault.ModelInvalid, hint, fmt.Errorf("load model %s: %w", path, err))
	}
	h, err := headerOf(path)
	if err != nil {
		return nil, invalid(err)
	}
	options, err := d.sessionOptions(d.threads(path))
	if err != nil {
		return nil, fault.New(fault.DeviceFault, "", fmt.Errorf("load model %s: %w", path, err))
	}
	defer options.Destroy()
	made, err := newSession(path, h, options)
	if err != nil {
		if f := deviceFault(err); f != nil {
			f.Err = fmt.Errorf("load model %s: %w", path, err)
			return nil, f
		}
		return nil, invalid(err)
	}
	control, err := ort.NewRunOptions()
	if err != nil {
		made.Destroy()
		return nil, invalid(err)
	}
	return &session{
		device: d, path: path, file: file,
		inputs: infos(h.inputs), outputs: infos(h.outputs),
		inputIndex: index(h.inputs), outputIndex: index(h.outputs),
		busy: make(chan struct{}, 1),
		ort:  made, control: control,
		in: slots(h.inputs), out: slots(h.outputs),
		feeds:   make([]ort.Value, len(h.inputs)),
		fetches: make([]ort.Value, len(h.outputs)),
		asked:   make([]*tensor.Tensor, len(h.outputs)),
		results: make([]*tensor.Tensor, len(h.outputs)),
	}, nil
}

func headerOf(path string) (header, error) {
	f, err := os.Open(path)
	if err != nil {
		return header{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return header{}, err
	}
	return readHeader(f, info.Size())
}

func infos(values []graphValue) []tensor.Info {
	list := make([]tensor.Info, len(values))
	for i, v := range values {
		list[i] = v.Info
	}
	return list
}

func names(values []graphValue) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = v.Name
	}
	return list
}

func index(values []graphValue) map[string]int {
	m := make(map[string]int, len(values))
	for i, v := range values {
		m[v.Name] = i
	}
	return m
}

// Inputs returns what Run must be given, in the graph's order.
func (s *session) Inputs() []tensor.Info { return s.inputs }

// Outputs returns what Run can be asked for, in the graph's order.
func (s *session) Outputs() []tensor.Info { return s.outputs }

// Close gives back what the graph holds; a run under way is waited for. The
// error is nil.
func (s *session) Close() error {
	s.busy <- struct{}{}
	defer func() { <-s.busy }()
	if s.ort == nil {
		return nil
	}
	s.device.forget(s)
	for i := range s.in {
		s.in[i].release()
	}
	for i := range s.out {
		s.out[i].release()
	}
	s.control.Destroy()
	s.ort.Destroy()
	s.ort = nil
	return nil
}
