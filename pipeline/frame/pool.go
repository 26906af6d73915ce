package frame

import "context"

// Pool hands out a fixed number of frames of one size. It bounds the memory of
// a video: a stage that wants another frame waits until a later one gives one
// back.
type Pool struct {
	free chan *Frame
}

// NewPool makes n frames of w by h samples.
func NewPool(n, w, h int) *Pool {
	p := &Pool{free: make(chan *Frame, n)}
	for range n {
		p.free <- New(w, h)
	}
	return p
}

// Get waits for a free frame. Its pixels are whatever its last user left.
func (p *Pool) Get(ctx context.Context) (*Frame, error) {
	select {
	case f := <-p.free:
		return f, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Put gives a frame back. The caller must not touch it afterwards.
func (p *Pool) Put(f *Frame) { p.free <- f }
