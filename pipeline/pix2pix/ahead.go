package pix2pix

import "time"

// ahead draws noise on a goroutine of its own while a network runs: drawing takes
// several times as long as all else that the host does in a step. One draw is
// under way at a time, so a sequence stays one.
type ahead struct {
	work func()        // what the goroutine does; bound once, since a closure for each draw would be garbage
	done chan struct{} // of one place

	// The draw under way: where it goes, its number, whose it is.
	dst      []float32
	draw     int
	pictures []Picture
}

// newAhead returns an ahead whose goroutines do work.
func newAhead(work func()) ahead {
	return ahead{work: work, done: make(chan struct{}, 1)}
}

// drawAhead begins to fill dst with a draw's noise for each picture. Neither is
// touched until await.
func (s *Session) drawAhead(dst []float32, draw int, pictures []Picture) {
	s.ahead.dst, s.ahead.draw, s.ahead.pictures = dst, draw, pictures
	go s.ahead.work()
}

// drawNow is the work of the goroutine.
func (s *Session) drawNow() {
	a := &s.ahead
	for i, p := range a.pictures {
		s.noise[i].fill(s.of(a.dst, i), a.draw, s.area(p))
	}
	a.done <- struct{}{}
}

// await returns when the draw under way is complete, and counts the time that
// this takes.
func (s *Session) await() {
	begin := time.Now()
	<-s.ahead.done
	s.ahead.dst, s.ahead.pictures = nil, nil
	s.waited += time.Since(begin)
}
