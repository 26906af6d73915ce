package pipeline

import (
	"context"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
)

// pass is one way through the video: steps that run side by side, and what they
// read from and write to.
type pass struct {
	number int
	run    *run
	group  *errgroup.Group
	cancel context.CancelFunc
	turn   turn // nil when the steps run side by side
	opened []io.Closer
}

// pass begins a pass. The context is the one of its steps: it ends with the
// first failure and, at the latest, with close.
func (r *run) pass(ctx context.Context, number int) (*pass, context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	p := &pass{number: number, run: r, group: group, cancel: cancel}
	if r.engine.Serial {
		p.turn = make(turn, 1)
	}
	return p, ctx
}

// lane makes the record of one step.
func (p *pass) lane(name string) *Lane {
	l := &Lane{Pass: p.number, Name: name, Parts: map[string]time.Duration{}}
	p.run.result.Lanes = append(p.run.result.Lanes, l)
	return l
}

// closes makes close close what a step uses.
func (p *pass) closes(c io.Closer) { p.opened = append(p.opened, c) }

// close ends what the pass left running and waits for it. Where the pass was
// complete all of it has ended; where it failed the failure is already known, so
// that errors here say nothing.
func (p *pass) close() {
	p.cancel()
	_ = p.group.Wait()
	for _, c := range p.opened {
		_ = c.Close()
	}
}

// stock is a fixed number of things that go round between the steps of a pass.
type stock[T any] struct{ free chan T }

func newStock[T any](n int, create func() T) *stock[T] {
	s := &stock[T]{free: make(chan T, n)}
	for range n {
		s.free <- create()
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
