package onnx

import (
	"errors"
	"strings"
	"testing"
	"time"

	"uredit/pipeline/fault"
	"uredit/pipeline/tensor"
)

// gpu opens the first card for the length of a test.
func gpu(t *testing.T, spec string) *Device {
	t.Helper()
	d, err := shared.Device(spec, Options{})
	if err != nil {
		t.Skipf("no CUDA device: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestGPURuns runs a graph on the card, with and without TensorRT.
func TestGPURuns(t *testing.T) {
	for _, spec := range []string{"cuda:0", "tensorrt:0"} {
		t.Run(spec, func(t *testing.T) {
			m := load(t, gpu(t, spec), endless().save(t, "loop.onnx"))
			y := &tensor.Tensor{Name: "y"}
			in := tensors{intTensor("count", nil, 2), floatTensor("x", []int64{1, 1}, 3)}
			if err := m.Run(t.Context(), in, tensors{y}); err != nil || y.F32[0] != 81 {
				t.Errorf("3 squared twice is %v, %v", y.F32, err)
			}
		})
	}
}

// TestGPUCancel ends minutes of work on the card.
func TestGPUCancel(t *testing.T) {
	m := load(t, gpu(t, "cuda:0"), endless().save(t, "loop.onnx"))
	cancel, done := startEndless(t, m)
	select {
	case err := <-done:
		t.Fatalf("the loop ended by itself: %v", err)
	case <-time.After(time.Second):
	}
	cancelled := time.Now()
	cancel(errStopped)
	if err := <-done; !errors.Is(err, errStopped) {
		t.Errorf("got error %v, want the cause", err)
	}
	if took := time.Since(cancelled); took > 5*time.Second {
		t.Errorf("ended %v after the cancel", took)
	}
}

// TestGPUMemory asks the driver for the card's memory.
func TestGPUMemory(t *testing.T) {
	d := gpu(t, "cuda:0")
	c, known := d.card()
	if !known {
		t.Skip("the driver does not say how much memory is free: a part of a card")
	}
	t.Logf("%s: %s of %s are free, %d frames at once", c.name, size(c.free), size(c.total), d.Batch())
	if c.free <= 0 || c.free > c.total {
		t.Errorf("%d of %d bytes are free", c.free, c.total)
	}
	if err := d.Fits(1 << 20); err != nil {
		t.Errorf("a megabyte: %v", err)
	}
	if err := d.Fits(c.total); fault.Of(err).Code != fault.DeviceMemory || !strings.Contains(err.Error(), c.name) {
		t.Errorf("as much as the card has: %v", err)
	}
}
