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
//
// Like every step it closes out when its work is complete, and only then: to the
// next step a closed channel is the end of the video. After a failure the
// context ends the others.
func produce[O any](ctx context.Context, l *Lane, t turn, out chan<- O, acquire func(context.Context) (O, error), fill func(O) (more bool, err error)) error {
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
		if err != nil {
			return err
		}
		if !more {
			close(out)
			return nil
		}
		l.Frames++
		if err := handOver(ctx, l, nil, out, item); err != nil {
			return err
		}
	}
}

// each runs work on every item of in, in order, and hands the results on.
func each[I, O any](ctx context.Context, l *Lane, t turn, in <-chan I, out chan<- O, work func(I) (O, error)) error {
	err := consume(ctx, l, t, in, func(item I) error {
		result, err := work(item)
		if err != nil {
			return err
		}
		return handOver(ctx, l, t, out, result)
	})
	if err != nil {
		return err
	}
	close(out)
	return nil
}

// spread runs work on every item of in, in order, and end after the last. Both
// hand on as many results as they have, by calling emit.
func spread[I, O any](ctx context.Context, l *Lane, t turn, in <-chan I, out chan<- O, work func(item I, emit func(O) error) error, end func(emit func(O) error) error) error {
	emit := func(result O) error { return handOver(ctx, l, t, out, result) }
	if err := consume(ctx, l, t, in, func(item I) error { return work(item, emit) }); err != nil {
		return err
	}
	t.take()
	defer t.give()
	if err := end(emit); err != nil {
		return err
	}
	close(out)
	return nil
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
			// The video's end, unless the edit was ended meanwhile.
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
