package onnx

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"uredit/pipeline/fault"
	"uredit/pipeline/onnx/nvml"
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

// TestGPUMemory asks the driver for the first card's memory.
func TestGPUMemory(t *testing.T) {
	d := gpu(t, "cuda:0")
	driver, err := nvml.Open("")
	if err != nil {
		t.Skip(err)
	}
	defer driver.Close()
	cards, err := driver.Cards()
	if err != nil {
		t.Fatal(err)
	}
	shown := visible(cards, os.Getenv(visibleVariable), os.Getenv(visibleVariable) != "")
	if len(shown) == 0 || shown[0].Divided {
		t.Skip("the driver does not show what CUDA does")
	}
	d.options.Card = func() (nvml.Card, error) { return driver.Card(shown[0].UUID) }
	c, known := d.card()
	if !known {
		t.Fatal("the card is not known")
	}
	t.Logf("%v, %s: %s are free, %d degrees, %d frames at once", c, driver.Version(), size(c.Free), c.Celsius, d.Batch())
	if c.Free <= 0 || c.Free > c.Total {
		t.Errorf("%d of %d bytes are free", c.Free, c.Total)
	}
	if err := d.Fits(1 << 20); err != nil {
		t.Errorf("a megabyte: %v", err)
	}
	if err := d.Fits(c.Total); fault.Of(err).Code != fault.DeviceMemory || !strings.Contains(err.Error(), c.Name) {
		t.Errorf("as much as the card has: %v", err)
	}
}
