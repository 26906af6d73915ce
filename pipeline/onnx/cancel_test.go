package onnx

import (
	"context"
	"errors"
	"testing"
	"time"

	"uredit/pipeline/tensor"
)

var errStopped = errors.New("the user had enough")

// startEndless runs minutes of work and returns its cancel and its result.
func startEndless(t *testing.T, m tensor.Model) (context.CancelCauseFunc, <-chan error) {
	t.Helper()
	const n = 256
	ctx, cancel := context.WithCancelCause(t.Context())
	in := tensors{intTensor("count", nil, 1<<40), floatTensor("x", []int64{n, n}, make([]float32, n*n)...)}
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx, in, tensors{{Name: "y"}}) }()
	return cancel, done
}

func TestCancel(t *testing.T) {
	m := load(t, cpu(t), endless().save(t, "loop.onnx"))
	for range 3 {
		cancel, done := startEndless(t, m)
		select {
		case err := <-done:
			t.Fatalf("the loop ended by itself: %v", err)
		case <-time.After(50 * time.Millisecond): // it is inside the graph
		}
		cancelled := time.Now()
		cancel(errStopped)
		if err := <-done; err != errStopped {
			t.Fatalf("got error %v, want the cause", err)
		}
		if took := time.Since(cancelled); took > time.Second {
			t.Errorf("ended %v after the cancel", took)
		}
		y := &tensor.Tensor{Name: "y"}
		in := tensors{intTensor("count", nil, 2), floatTensor("x", []int64{1, 1}, 3)}
		if err := m.Run(t.Context(), in, tensors{y}); err != nil || y.F32[0] != 81 {
			t.Fatalf("the session afterwards: %v, %v", y.F32, err)
		}
	}
}

func TestCancelledBefore(t *testing.T) {
	m := load(t, cpu(t), endless().save(t, "loop.onnx"))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errStopped)
	if err := m.Run(ctx, nil, nil); err != errStopped {
		t.Errorf("got error %v, want the cause", err)
	}
}

// TestCancelWaiting ends a run that waits for another one of the same model.
func TestCancelWaiting(t *testing.T) {
	m := load(t, cpu(t), endless().save(t, "loop.onnx"))
	stopFirst, first := startEndless(t, m)
	stopSecond, second := startEndless(t, m)
	stopSecond(errStopped)
	if err := <-second; err != errStopped {
		t.Errorf("got error %v, want the cause", err)
	}
	stopFirst(errStopped)
	if err := <-first; err != errStopped {
		t.Errorf("got error %v, want the cause", err)
	}
}

// TestDevicesApart runs two devices at once: what ends one leaves the other
// alone.
func TestDevicesApart(t *testing.T) {
	a, b := cpu(t), cpu(t)
	path := endless().save(t, "loop.onnx")
	cancel, done := startEndless(t, load(t, a, path))
	other := load(t, b, path)
	for range 3 {
		y := &tensor.Tensor{Name: "y"}
		in := tensors{intTensor("count", nil, 1), floatTensor("x", []int64{1, 1}, 3)}
		if err := other.Run(t.Context(), in, tensors{y}); err != nil || y.F32[0] != 9 {
			t.Fatalf("the second device: %v, %v", y.F32, err)
		}
	}
	select {
	case err := <-done:
		t.Errorf("the first device ended: %v", err)
	default:
	}
	cancel(errStopped)
	if err := <-done; err != errStopped {
		t.Errorf("got error %v, want the cause", err)
	}
}
