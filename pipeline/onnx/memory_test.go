package onnx

import (
	"strings"
	"testing"

	"uredit/pipeline/fault"
	"uredit/pipeline/onnx/nvml"
)

func TestFits(t *testing.T) {
	c := nvml.Card{Name: "Test Card", Free: 6e9, Total: 24e9}
	for _, bytes := range []int64{0, 1e6, 3e9} {
		if err := FitsOn(c, "cuda:1", bytes); err != nil {
			t.Errorf("%d bytes: %v", bytes, err)
		}
	}
	err := FitsOn(c, "cuda:1", 5e9)
	if err == nil {
		t.Fatal("5 GB of weights fit into 6 GB")
	}
	for _, s := range []string{"cuda:1", "Test Card", "8.1 GB", "5.0 GB", "6.0 GB of 24.0 GB"} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
	if f := fault.Of(err); f.Code != fault.DeviceMemory || !f.Retryable || f.Hint == "" {
		t.Errorf("fault %+v", f)
	}
	if err := cpu(t).Fits(1 << 60); err != nil {
		t.Errorf("the CPU: %v", err)
	}
}

func TestKind(t *testing.T) {
	if got := cpu(t).Kind(); got != "cpu" {
		t.Errorf("the CPU is of the kind %q", got)
	}
	// No such card is needed to tell one provider from the other.
	for want, d := range map[string]*Device{"cuda": {cuda: 99}, "tensorrt": {cuda: 99, trt: true}} {
		if got := d.Kind(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestBatchByMemory(t *testing.T) {
	for free, want := range map[int64]int{2e9: 1, 16e9: 1, 21e9: 2, 24e9: 2, 25e9: 3, 32e9: 4, 79e9: 4} {
		if got := batch(free); got != want {
			t.Errorf("%d bytes: %d, want %d", free, got, want)
		}
	}
	shared := &Device{options: Options{Card: func() (nvml.Card, error) { return nvml.Card{Free: 75e9}, nil }}}
	for sharers, want := range map[int]int{0: 4, 1: 4, 3: 3, 9: 1} {
		if shared.options.Sharers = sharers; shared.Batch() != want {
			t.Errorf("one of %d devices on a card edits %d frames at once, want %d", sharers, shared.Batch(), want)
		}
	}
	if n := cpu(t).Batch(); n != 1 {
		t.Errorf("the CPU edits %d frames at once", n)
	}
}
