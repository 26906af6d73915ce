package pipeline

import (
	"context"
	"time"
)

// Lane is what one step of a pass did: how long it worked, and how long it
// waited for the step before and for the step after. A step's lane is touched
// by its own goroutine only.
type Lane struct {
	Pass    int           `json:"pass"`
	Name    string        `json:"name"`
	Frames  int           `json:"frames"`
	Work    time.Duration `json:"work_ns"`
	WaitIn  time.Duration `json:"wait_in_ns"`
	WaitOut time.Duration `json:"wait_out_ns"`
	// Parts is the share of Work by what was done, where a step does several
	// things.
	Parts map[string]time.Duration `json:"parts_ns,omitempty"`
}

// part adds what passed since from to one part of the lane's work, and returns
// the time now.
func (l *Lane) part(name string, from time.Time) time.Time {
	now := time.Now()
	l.Parts[name] += now.Sub(from)
	return now
}

// turn is the right to work. When steps run side by side each has its own; in
// a serial run all share one, so that each step is measured alone.
type turn chan struct{}

func (t turn) take() {
	if t != nil {
		t <- struct{}{}
	}
}

func (t turn) give() {
	if t != nil {
		<-t
	}
}

// produce fills item after item until fill says there is no more, and hands each
// on. acquire waits for a free one: that a later step has to give it back is
// what bounds the memory of a pass.
func produce[O any](ctx context.Context, l *Lane, t turn, out chan<- O, acquire func(context.Context) (O, error), fill func(O) (more bool, err error)) error {
	defer close(out)
	for {
		start := time.Now()
		item, err := acquire(ctx)
		l.WaitOut += time.Since(start)
		if err != nil {
			return err
		}
		t.take()
		start = time.Now()
		more, err := fill(item)
		l.Work += time.Since(start)
		t.give()
		if err != nil || !more {
			return err
		}
		l.Frames++
		if err := handOver(ctx, l, nil, out, item); err != nil {
			return err
		}
	}
}

// each runs work on every item of in, in order, and hands the results on.
func each[I, O any](ctx context.Context, l *Lane, t turn, in <-chan I, out chan<- O, work func(I) (O, error)) error {
	defer close(out)
	return consume(ctx, l, t, in, func(item I) error {
		result, err := work(item)
		if err != nil {
			return err
		}
		return handOver(ctx, l, t, out, result)
	})
}

// spread runs work on every item of in, in order, and end after the last. Both
// hand on as many results as they have, by calling emit.
func spread[I, O any](ctx context.Context, l *Lane, t turn, in <-chan I, out chan<- O, work func(item I, emit func(O) error) error, end func(emit func(O) error) error) error {
	defer close(out)
	emit := func(result O) error { return handOver(ctx, l, t, out, result) }
	if err := consume(ctx, l, t, in, func(item I) error { return work(item, emit) }); err != nil {
		return err
	}
	t.take()
	defer t.give()
	return end(emit)
}

// consume runs work on every item of in, in order.
func consume[I any](ctx context.Context, l *Lane, t turn, in <-chan I, work func(I) error) error {
	for {
		waited := time.Now()
		var item I
		var more bool
		select {
		case item, more = <-in:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		l.WaitIn += time.Since(waited)
		if !more {
			// An empty channel after a failure upstream is no end of the video.
			return context.Cause(ctx)
		}
		t.take()
		start, before := time.Now(), l.WaitOut
		err := work(item)
		l.Work += time.Since(start) - (l.WaitOut - before)
		t.give()
		if err != nil {
			return err
		}
		l.Frames++
	}
}

// handOver sends a result from within a step's work: the wait is not work, and
// another step may work meanwhile.
func handOver[O any](ctx context.Context, l *Lane, t turn, out chan<- O, item O) error {
	start := time.Now()
	t.give()
	defer func() {
		t.take()
		l.WaitOut += time.Since(start)
	}()
	select {
	case out <- item:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// lane makes the record of one step.
func (r *run) lane(pass int, name string) *Lane {
	l := &Lane{Pass: pass, Name: name, Parts: map[string]time.Duration{}}
	r.result.Lanes = append(r.result.Lanes, l)
	return l
}

// turn returns what the steps of a pass share: nothing when they run side by
// side.
func (r *run) turn() turn {
	if !r.engine.Serial {
		return nil
	}
	return make(turn, 1)
}

// stock is a fixed number of things that go round between the steps of a pass.
type stock[T any] struct{ free chan T }

func newStock[T any](n int, make1 func() T) *stock[T] {
	s := &stock[T]{free: make(chan T, n)}
	for range n {
		s.free <- make1()
	}
	return s
}

// get waits for a free thing, which is as its last user left it.
func (s *stock[T]) get(ctx context.Context) (T, error) {
	select {
	case v := <-s.free:
		return v, nil
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// put gives a thing back.
func (s *stock[T]) put(v T) { s.free <- v }
