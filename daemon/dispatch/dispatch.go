// Package dispatch gives jobs to devices: one goroutine for each device, one
// job at a time on each. It knows neither what a job is nor where it comes
// from.
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// ErrDrained is the cause that ends a running job when the daemon stops: the
// job did nothing wrong and is to be tried again.
var ErrDrained = errors.New("the daemon stops")

// A Runner runs jobs on one device.
type Runner[J any] interface {
	// Device names the device: "cpu", "cuda:0".
	Device() string
	// Run runs a job to its end and records it. It returns when nothing of
	// the job is left running, also when ctx ends it; context.Cause(ctx) says
	// why. An error is one that concerns more than the job.
	Run(ctx context.Context, job J) error
	// Broken records a job whose Run panicked.
	Broken(job J, p *PanicError) error
}

// A Source hands out jobs.
type Source[J any] interface {
	// Take returns the next job, or false when there is none now. Idle says
	// that no other job runs; a source holds a job back that must run alone
	// until then, and alone says that the job it returned is one. Take is
	// called by one goroutine at a time.
	Take(ctx context.Context, idle bool) (job J, alone, ok bool, err error)
}

// A PanicError is a panic of a Runner.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// A Dispatcher runs the jobs of a source on devices.
type Dispatcher[J any] struct {
	source  Source[J]
	runners []Runner[J]

	mu      sync.Mutex // held while a job is taken, so that alone means alone
	grace   time.Duration
	running map[*task[J]]struct{}
	alone   bool // a job that must run alone is running
	wake    []chan struct{}
}

type task[J any] struct {
	job    J
	cancel context.CancelCauseFunc
}

// New returns a Dispatcher. When it stops, running jobs have grace to finish.
func New[J any](source Source[J], runners []Runner[J], grace time.Duration) *Dispatcher[J] {
	d := &Dispatcher[J]{source: source, runners: runners, grace: grace, running: map[*task[J]]struct{}{}}
	for range runners {
		d.wake = append(d.wake, make(chan struct{}, 1))
	}
	return d
}

// Wake says that the source may have jobs.
func (d *Dispatcher[J]) Wake() {
	for _, c := range d.wake {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Cancel ends the running jobs that match, with a cause, and returns how many.
func (d *Dispatcher[J]) Cancel(match func(J) bool, cause error) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for t := range d.running {
		if match(t.job) {
			t.cancel(cause)
			n++
		}
	}
	return n
}

// Jobs returns the running jobs, in no order. One that is being taken at this
// moment is among them.
func (d *Dispatcher[J]) Jobs() []J {
	d.mu.Lock()
	defer d.mu.Unlock()
	jobs := make([]J, 0, len(d.running))
	for t := range d.running {
		jobs = append(jobs, t.job)
	}
	return jobs
}

// Running returns the number of running jobs.
func (d *Dispatcher[J]) Running() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.running)
}

// SetGrace changes how long running jobs have to finish when it stops. A stop
// that has begun keeps its own.
func (d *Dispatcher[J]) SetGrace(grace time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.grace = grace
}

// Run takes and runs jobs until ctx ends or an error concerns more than a job.
// Then nothing more is taken; what still runs after the grace is cancelled with
// ErrDrained. Run returns when every job has returned.
func (d *Dispatcher[J]) Run(ctx context.Context) error {
	taking, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	running, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	var workers sync.WaitGroup
	errs := make([]error, len(d.runners))
	for i, r := range d.runners {
		workers.Go(func() {
			if errs[i] = d.work(taking, running, r, d.wake[i]); errs[i] != nil {
				errs[i] = fmt.Errorf("device %s: %w", r.Device(), errs[i])
				stop(errs[i])
			}
		})
	}
	d.Wake()
	done := make(chan struct{})
	go func() {
		workers.Wait()
		close(done)
	}()
	select {
	case <-done:
		return errors.Join(errs...)
	case <-taking.Done():
	}
	d.mu.Lock()
	grace := time.NewTimer(d.grace)
	d.mu.Unlock()
	defer grace.Stop()
	select {
	case <-done:
	case <-grace.C:
		cancel(ErrDrained)
		<-done
	}
	return errors.Join(errs...)
}

func (d *Dispatcher[J]) work(taking, running context.Context, r Runner[J], wake <-chan struct{}) error {
	for {
		select {
		case <-taking.Done():
			return nil
		case <-wake:
		}
		for taking.Err() == nil {
			ctx, t, err := d.take(taking, running)
			if err != nil {
				return err
			}
			if t == nil {
				break
			}
			err = run(ctx, r, t.job)
			d.finished(t)
			if err != nil {
				return err
			}
		}
	}
}

// take asks the source for a job; a nil task says that there is none now.
func (d *Dispatcher[J]) take(taking, running context.Context) (context.Context, *task[J], error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.alone {
		return nil, nil, nil
	}
	job, alone, ok, err := d.source.Take(taking, len(d.running) == 0)
	if err != nil || !ok {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancelCause(running)
	t := &task[J]{job: job, cancel: cancel}
	d.running[t] = struct{}{}
	d.alone = alone
	return ctx, t, nil
}

func (d *Dispatcher[J]) finished(t *task[J]) {
	t.cancel(nil)
	d.mu.Lock()
	delete(d.running, t)
	d.alone = false // it was alone if it was this job
	d.mu.Unlock()
	d.Wake() // a job may have waited for an idle moment
}

// run keeps a panic on one device from the others.
func run[J any](ctx context.Context, r Runner[J], job J) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = r.Broken(job, &PanicError{Value: v, Stack: debug.Stack()})
		}
	}()
	return r.Run(ctx, job)
}
