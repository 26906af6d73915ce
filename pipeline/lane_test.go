package pipeline

import (
	"context"
	"errors"
	"testing"
)

var errStep = errors.New("the step failed")

// steps are the kinds of steps that hand results on. Each is given three items
// and fails at one of them, or at its end for 3.
var steps = map[string]func(ctx context.Context, failAt int, in <-chan int, out chan<- int) error{
	"produce": func(ctx context.Context, failAt int, _ <-chan int, out chan<- int) error {
		n := 0
		return produce(ctx, newLane(), nil, out,
			func(context.Context) (int, error) { n++; return n - 1, nil },
			func(i int) (bool, error) { return i < 3, failing(i, failAt) })
	},
	"each": func(ctx context.Context, failAt int, in <-chan int, out chan<- int) error {
		return each(ctx, newLane(), nil, in, out, func(i int) (int, error) { return i, failing(i, failAt) })
	},
	"spread": func(ctx context.Context, failAt int, in <-chan int, out chan<- int) error {
		return spread(ctx, newLane(), nil, in, out, func(i int, emit func(int) error) error {
			return errors.Join(failing(i, failAt), emit(i))
		}, func(func(int) error) error { return failing(3, failAt) })
	},
}

func newLane() *Lane { return &Lane{} }

func failing(i, at int) error {
	if i == at {
		return errStep
	}
	return nil
}

// TestFailureIsNoEnd checks that the step after one that failed does not see the
// end of the video: not even before the pass' context has ended.
func TestFailureIsNoEnd(t *testing.T) {
	for name, step := range steps {
		for failAt := range 5 {
			if name == "each" && failAt == 3 {
				continue // it has no end of its own
			}
			in, out := make(chan int, 3), make(chan int, 4)
			for i := range 3 {
				in <- i
			}
			close(in)
			err := step(t.Context(), failAt, in, out)
			if want := failing(failAt, min(failAt, 3)); !errors.Is(err, want) {
				t.Errorf("%s, failure at %d: error is %v, want %v", name, failAt, err, want)
			}
			if closed := drained(out); closed != (err == nil) {
				t.Errorf("%s, failure at %d: the channel is closed: %t", name, failAt, closed)
			}
		}
	}
}

// drained empties c and reports whether it is closed.
func drained(c <-chan int) bool {
	for {
		select {
		case _, more := <-c:
			if !more {
				return true
			}
		default:
			return false
		}
	}
}
