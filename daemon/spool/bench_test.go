package spool

import (
	"fmt"
	"os"
	"path"
	"testing"
	"time"
)

// BenchmarkTake is one device taking jobs from queues of several lengths: a
// listing of the queue and one durable rename, the same job going back outside of
// the measured time.
func BenchmarkTake(b *testing.B) {
	for _, waiting := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(waiting), func(b *testing.B) {
			s, err := Open(path.Join(b.TempDir(), "spool"), Options{HostDir: b.TempDir(), Host: "gpu-1"})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for i := range waiting {
				q := QueueName{JobName: JobName{Job: NewJob(at), Epoch: 1}, Rank: 5, Enqueued: at.Add(time.Duration(i) * time.Millisecond)}
				if err := os.WriteFile(path.Join(s.path, QueueDir, q.String()), []byte("x"), 0o644); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				queue, err := s.Queue()
				if err != nil {
					b.Fatal(err)
				}
				c, err := s.Take(queue[0])
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				back := path.Join(s.path, QueueDir, queue[0].String())
				if err := os.Rename(path.Join(s.path, c.file()), back); err != nil {
					b.Fatal(err)
				}
				clear(s.held)
				b.StartTimer()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "claims/s")
		})
	}
}
