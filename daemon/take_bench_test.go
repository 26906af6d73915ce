package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"uredit/daemon/config"
	"uredit/daemon/spool"
)

// BenchmarkTake is one device taking jobs out of a queue: choosing the next one,
// reading its request, looking at its input and its disk, and one durable
// rename. The queue is filled up again outside of the measured time; what it
// costs to list it once is measured apart.
func BenchmarkTake(b *testing.B) {
	for _, length := range []int{100, 10000} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			s := site{dir: b.TempDir()}
			d := s.idle(b)
			left := 0
			for b.Loop() {
				if left == 0 {
					b.StopTimer()
					s.fill(b, length)
					if _, _, err := d.source.look(); err != nil {
						b.Fatal(err)
					}
					left = length
					b.StartTimer()
				}
				if _, _, ok, err := d.source.Take(b.Context(), true); !ok || err != nil {
					b.Fatalf("took nothing: %v", err)
				}
				left--
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "claims/s")
		})
	}
}

// BenchmarkList is one listing of the queue, as each look makes it and each take
// after another host's.
func BenchmarkList(b *testing.B) {
	for _, length := range []int{100, 10000} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			s := site{dir: b.TempDir()}
			d := s.idle(b)
			s.fill(b, length)
			for b.Loop() {
				if n, _, err := d.source.look(); n != length || err != nil {
					b.Fatalf("%d jobs, %v", n, err)
				}
			}
		})
	}
}

// idle returns a daemon that does not run.
func (s site) idle(tb testing.TB, change ...func(*config.Config)) *Daemon {
	tb.Helper()
	s.make(tb)
	c := s.config()
	for _, f := range change {
		f(&c)
	}
	d, err := New(Options{Config: c, Engines: []Engine{&scripted{device: "cpu"}}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { d.Close() })
	d.source.age = 0
	return d
}

// fill puts n accepted jobs into the queue, as if another process did.
func (s site) fill(tb testing.TB, n int) {
	tb.Helper()
	if err := os.MkdirAll(s.out("out"), 0o775); err != nil {
		tb.Fatal(err)
	}
	for range n {
		s.enqueue(tb, 4)
	}
}

// enqueue puts one accepted job into the queue, whose results go to "out".
func (s site) enqueue(tb testing.TB, rank int) (j string) {
	tb.Helper()
	now := time.Now().Truncate(time.Millisecond)
	q := spool.QueueName{JobName: spool.JobName{Job: spool.NewJob(now), Epoch: 1}, Rank: rank, Enqueued: now}
	for _, name := range []string{s.path("spool", spool.RequestsDir, q.Job+".yaml"), s.path("spool", spool.QueueDir, q.String())} {
		if err := os.WriteFile(name, []byte(s.request("j", "out", "blue")), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return q.Job
}
