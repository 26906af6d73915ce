package onnx

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"uredit/pipeline/fault"
	"uredit/pipeline/tensor"
)

// Run implements tensor.Model. A ctx that ends stops the graph at its next
// node; Run waits for that and returns context.Cause(ctx).
func (s *session) Run(ctx context.Context, in, out []*tensor.Tensor) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s.ort == nil {
		return fmt.Errorf("run model %s: it was closed, or its file was replaced", s.path)
	}
	var pins runtime.Pinner
	defer pins.Unpin()
	defer s.forget()
	if err := s.feed(in, &pins); err != nil {
		return s.mismatch(err)
	}
	if err := s.prepare(out, &pins); err != nil {
		return s.mismatch(err)
	}
	began := time.Now()
	ended, err := s.execute(ctx)
	switch {
	case err == nil:
		if s.device.options.Ran != nil {
			s.device.options.Ran(graphName(s.path), time.Since(began))
		}
		return s.collect()
	case ended:
		return context.Cause(ctx)
	}
	err = fmt.Errorf("run model %s: %w", s.path, err)
	if f := deviceFault(err); f != nil {
		return f
	}
	return fault.New(fault.ModelInvalid, "the graph does not take what it was given: export the model again", err)
}

// graphName names the graph of a file: "pix2pix/unet" for pix2pix/unet/model.onnx,
// "sam3/detector" for sam3/detector.onnx.
func graphName(file string) string {
	name := strings.TrimSuffix(file, filepath.Ext(file))
	name = strings.TrimSuffix(name, "/model")
	return filepath.Join(filepath.Base(filepath.Dir(name)), filepath.Base(name))
}

// execute runs the graph and reports whether ctx ended meanwhile.
func (s *session) execute(ctx context.Context) (ended bool, err error) {
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		s.control.Terminate()
	})
	err = s.ort.RunWithOptions(s.feeds, s.fetches, s.control)
	if stop() {
		return false, err
	}
	// The flag is the session's: it must have been set before it is cleared
	// for the next run.
	<-told
	s.control.UnsetTerminate()
	return true, err
}

// feed fills s.feeds.
func (s *session) feed(in []*tensor.Tensor, pins *runtime.Pinner) error {
	for _, t := range in {
		i, ok := s.inputIndex[t.Name]
		if !ok || s.feeds[i] != nil {
			return fmt.Errorf("inputs %s given, the graph takes %s", given(in), describe(s.inputs))
		}
		v, err := s.value(&s.in[i], t, pins, true)
		if err != nil {
			return fmt.Errorf("input %q: %w", t.Name, err)
		}
		s.feeds[i] = v
	}
	if len(in) != len(s.in) {
		return fmt.Errorf("inputs %s given, the graph takes %s", given(in), describe(s.inputs))
	}
	return nil
}

// prepare fills s.asked, s.results and s.fetches.
func (s *session) prepare(out []*tensor.Tensor, pins *runtime.Pinner) error {
	for _, t := range out {
		i, ok := s.outputIndex[t.Name]
		if !ok || s.asked[i] != nil {
			return fmt.Errorf("outputs %s asked for, the graph has %s", given(out), describe(s.outputs))
		}
		s.asked[i] = t
	}
	for i := range s.out {
		slot := &s.out[i]
		t, err := s.target(slot, s.asked[i])
		if err != nil {
			return fmt.Errorf("output %q: %w", slot.Name, err)
		}
		if t == nil {
			continue
		}
		v, err := s.value(slot, t, pins, false)
		if err != nil {
			return fmt.Errorf("output %q: %w", slot.Name, err)
		}
		s.results[i], s.fetches[i] = t, v
	}
	return nil
}

// value returns the library's tensor for t, after checking that it is one that
// the graph takes.
func (s *session) value(slot *slot, t *tensor.Tensor, pins *runtime.Pinner, input bool) (ort.Value, error) {
	if err := slot.check(t); err != nil {
		return nil, err
	}
	if len(t.Shape) > 0 {
		return slot.bind(t, pins, input)
	}
	v, err := slot.scalar(t)
	if err == nil {
		s.transient = append(s.transient, v)
	}
	return v, err
}

// target returns where an output goes: the caller's own memory, else memory of
// the session where the library could not make it or nobody asked, else nil.
func (s *session) target(slot *slot, asked *tensor.Tensor) (*tensor.Tensor, error) {
	if asked != nil && (asked.F32 != nil || asked.I64 != nil || asked.Bool != nil) {
		return asked, nil
	}
	shape := s.resolve(slot)
	if shape == nil && asked != nil && len(asked.Shape) > 0 {
		shape = asked.Shape
	}
	switch scalar := shape != nil && len(shape) == 0; {
	case slot.Type == tensor.Float16 && shape == nil:
		return nil, errors.New("the size of a float16 output is not known before the run: pass a buffer or a shape")
	case slot.Type == tensor.Float16, scalar, asked == nil && slot.fixed():
	default:
		return nil, nil
	}
	if asked == nil {
		return slot.unasked.allot(slot.Type, shape), nil
	}
	return new(room).allot(slot.Type, shape), nil
}

// resolve returns the shape of an output as far as it is known before the run:
// fixed sizes, and open ones that an input has under the same name. It is nil
// when one is missing.
func (s *session) resolve(out *slot) []int64 {
	if out.Shape == nil {
		return nil
	}
	shape := make([]int64, len(out.Shape))
	for i, d := range out.Shape {
		if d < 0 {
			d = s.size(out.symbols[i])
		}
		if d < 0 {
			return nil
		}
		shape[i] = d
	}
	return shape
}

// size returns the size that an input of this run gives to a named dimension,
// or -1.
func (s *session) size(symbol string) int64 {
	if symbol == "" {
		return -1
	}
	for i := range s.in {
		for j, name := range s.in[i].symbols {
			if name == symbol {
				return s.feeds[i].GetShape()[j]
			}
		}
	}
	return -1
}

// collect hands the outputs to who asked for them.
func (s *session) collect() error {
	for i, t := range s.asked {
		if t == nil {
			continue
		}
		slot, r := &s.out[i], s.results[i]
		if r == nil {
			if err := adopt(t, s.fetches[i]); err != nil {
				return fmt.Errorf("run model %s: output %q: %w", s.path, slot.Name, err)
			}
			continue
		}
		slot.widen(r, s.fetches[i])
		t.Shape, t.F32, t.I64, t.Bool = r.Shape, r.F32, r.I64, r.Bool
	}
	return nil
}

// forget destroys what belongs to one run.
func (s *session) forget() {
	for i, v := range s.fetches {
		if v != nil && s.results[i] == nil {
			v.Destroy()
		}
	}
	for _, v := range s.transient {
		v.Destroy()
	}
	clear(s.transient)
	s.transient = s.transient[:0]
	clear(s.feeds)
	clear(s.fetches)
	clear(s.asked)
	clear(s.results)
}

func (s *session) mismatch(err error) error {
	return fault.New(fault.ModelInvalid, "the graph is not what its place in the model folder says: export the model again",
		fmt.Errorf("run model %s: %w", s.path, err))
}

func given(tensors []*tensor.Tensor) string {
	list := make([]string, len(tensors))
	for i, t := range tensors {
		list[i] = fmt.Sprint(t.Name, t.Shape)
	}
	return strings.Join(list, ", ")
}

func describe(infos []tensor.Info) string {
	list := make([]string, len(infos))
	for i, info := range infos {
		list[i] = fmt.Sprint(info.Name, info.Shape)
	}
	return strings.Join(list, ", ")
}

// deviceFault returns err as a fault of the device when the library says so,
// else nil. There are no codes to go by, only the text. A lack of memory spoils
// nothing: the next run may succeed. Any other failure of a card does.
func deviceFault(err error) *fault.Error {
	for _, kind := range []struct {
		code, hint string
		marks      []string
	}{
		{fault.DeviceMemory, "there is too little free memory on the device: use a smaller edit_size or end other work on it",
			[]string{"Failed to allocate memory", "out of memory", "bad_alloc"}},
		{fault.DeviceFault, "the card or its driver failed; this process must be started again",
			[]string{"CUDA failure", "CUDNN failure", "CUBLAS failure", "CUDA error", "CUFFT failure"}},
	} {
		for _, mark := range kind.marks {
			if strings.Contains(err.Error(), mark) {
				f := fault.New(kind.code, kind.hint, err)
				f.Retryable = true
				return f
			}
		}
	}
	return nil
}
