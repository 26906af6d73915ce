package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// script is a source of jobs with a life of their own.
type script struct {
	mu    sync.Mutex
	queue []*scripted
}

type scripted struct {
	name   string
	takes  time.Duration // virtual time; 0 returns at once
	alone  bool
	panics bool
	err    error
}

func (s *script) Take(_ context.Context, idle bool) (*scripted, bool, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 || (s.queue[0].alone && !idle) {
		return nil, false, false, nil
	}
	j := s.queue[0]
	s.queue = s.queue[1:]
	return j, j.alone, true, nil
}

// diary notes what the runners did, and when.
type diary struct {
	mu    sync.Mutex
	start time.Time
	lines []string
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf("%v ", time.Since(d.start))+fmt.Sprintf(format, args...))
}

type device struct {
	name string
	d    *diary
}

func (r device) Device() string { return r.name }

func (r device) Run(ctx context.Context, j *scripted) error {
	r.d.note("begin %s", j.name)
	if j.panics {
		panic("bad weights")
	}
	select {
	case <-time.After(j.takes):
		r.d.note("end %s", j.name)
	case <-ctx.Done():
		r.d.note("%s ended: %v", j.name, context.Cause(ctx))
	}
	return j.err
}

func (r device) Broken(j *scripted, p *PanicError) error {
	r.d.note("broken %s: %v", j.name, p)
	return nil
}

func devices(n int, d *diary) []Runner[*scripted] {
	var rs []Runner[*scripted]
	for i := range n {
		rs = append(rs, device{fmt.Sprintf("cpu%d", i), d})
	}
	return rs
}

func TestDispatch(t *testing.T) {
	tests := []struct {
		name    string
		devices int
		grace   time.Duration
		stop    time.Duration // when the daemon stops
		queue   []*scripted
		want    []string // sorted
	}{
		{
			name: "two devices run two jobs at once", devices: 2, stop: time.Hour,
			queue: []*scripted{{name: "a", takes: 10 * time.Second}, {name: "b", takes: 10 * time.Second}, {name: "c", takes: 5 * time.Second}},
			want:  []string{"0s begin a", "0s begin b", "10s begin c", "10s end a", "10s end b", "15s end c"},
		},
		{
			name: "a panic leaves the neighbour and the device alone", devices: 2, stop: time.Hour,
			queue: []*scripted{{name: "bad", panics: true}, {name: "good", takes: 9 * time.Second}, {name: "next", takes: time.Second}},
			want:  []string{"0s begin bad", "0s begin good", "0s begin next", "0s broken bad: panic: bad weights", "1s end next", "9s end good"},
		},
		{
			name: "a suspect waits for the others and runs alone", devices: 2, stop: time.Hour,
			queue: []*scripted{{name: "a", takes: 3 * time.Second}, {name: "suspect", takes: 3 * time.Second, alone: true},
				{name: "b", takes: time.Second}, {name: "c", takes: time.Second}},
			want: []string{"0s begin a", "3s begin suspect", "3s end a", "6s begin b", "6s begin c", "6s end suspect", "7s end b", "7s end c"},
		},
		{
			name: "stopping takes nothing new and lets a short job finish", devices: 1, stop: 5 * time.Second, grace: 10 * time.Second,
			queue: []*scripted{{name: "a", takes: 8 * time.Second}, {name: "b"}},
			want:  []string{"0s begin a", "8s end a"},
		},
		{
			name: "stopping ends a long job after the grace", devices: 2, stop: 5 * time.Second, grace: 10 * time.Second,
			queue: []*scripted{{name: "a", takes: time.Hour}},
			want:  []string{"0s begin a", "15s a ended: the daemon stops"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.stop)
				defer cancel()
				d := &diary{start: time.Now()}
				if err := New(&script{queue: tt.queue}, devices(tt.devices, d), tt.grace).Run(ctx); err != nil {
					t.Errorf("Run = %v", err)
				}
				slices.Sort(d.lines)
				slices.Sort(tt.want)
				if !slices.Equal(d.lines, tt.want) {
					t.Errorf("got\n%q\nwant\n%q", d.lines, tt.want)
				}
			})
		})
	}
}

// A fault that concerns the whole process stops the taking everywhere, and the
// neighbour's job is drained.
func TestFaultOfADeviceStopsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fault := errors.New("device lost")
		d := &diary{start: time.Now()}
		s := &script{queue: []*scripted{{name: "bad", takes: time.Second, err: fault}, {name: "long", takes: time.Hour}, {name: "never"}}}
		err := New(s, devices(2, d), 2*time.Second).Run(t.Context())
		if !errors.Is(err, fault) {
			t.Errorf("Run = %v, want %v", err, fault)
		}
		want := []string{"0s begin bad", "0s begin long", "1s end bad", "3s long ended: the daemon stops"}
		slices.Sort(d.lines)
		if !slices.Equal(d.lines, want) {
			t.Errorf("got %q, want %q", d.lines, want)
		}
	})
}

func TestCancelEndsOneJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		d := &diary{start: time.Now()}
		s := &script{queue: []*scripted{{name: "a", takes: 10 * time.Second}, {name: "b", takes: 10 * time.Second}}}
		disp := New(s, devices(2, d), time.Minute)
		done := make(chan error, 1)
		go func() { done <- disp.Run(ctx) }()
		<-time.After(4 * time.Second) // of virtual time
		n := disp.Cancel(func(j *scripted) bool { return j.name == "b" }, errors.New("cancelled by ann"))
		if n != 1 || disp.Running() != 2 {
			t.Errorf("Cancel = %d with %d running", n, disp.Running())
		}
		<-time.After(20 * time.Second) // of virtual time
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []string{"0s begin a", "0s begin b", "10s end a", "4s b ended: cancelled by ann"}
		slices.Sort(d.lines)
		if !slices.Equal(d.lines, want) {
			t.Errorf("got %q, want %q", d.lines, want)
		}
	})
}
