package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"uredit/daemon/metrics"
)

// loopLimit is how long the loop may stand still before the daemon is not ready:
// it comes round every few seconds, however idle it is.
const loopLimit = 30 * time.Second

// live says why a restart would help, or nil.
func (s *service) live() error {
	s.mu.Lock()
	still, ready, hangs := time.Since(s.turned), s.ready, s.asked != nil
	s.mu.Unlock()
	if !ready || still < loopLimit || hangs || !s.answers(time.Second) {
		return nil // it starts, it works, or it is the share that holds it up
	}
	return fmt.Errorf("the loop has stood still for %v", still.Round(time.Second))
}

// serving says why no job begins now, or nil.
func (s *service) serving() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	still := time.Since(s.turned)
	switch {
	case !s.ready:
		return errors.New("starting")
	case s.stops:
		return errors.New("stopping")
	case still >= loopLimit:
		return fmt.Errorf("the loop has stood still for %v", still.Round(time.Second))
	}
	return nil
}

// endpoints answers /metrics, /livez and /readyz.
func endpoints(s *service, m *metrics.Metrics) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_ = m.Write(w) // an error is of the connection: nobody is there to hear it
	})
	probe := func(ask func() error) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			answer := "ok"
			if err := ask(); err != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
				answer = err.Error()
			}
			_, _ = io.WriteString(w, answer+"\n") // as above
		}
	}
	mux.HandleFunc("GET /livez", probe(s.live))
	mux.HandleFunc("GET /readyz", probe(s.serving))
	return mux
}

// publish serves the endpoints at an address until ctx ends. An address that
// cannot be listened at is an error now.
func publish(ctx context.Context, address string, h http.Handler, log *slog.Logger) (run func(), err error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w (under systemd it takes a drop-in: PrivateNetwork=no, "+
			"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6, IPAddressAllow=)", err)
	}
	server := &http.Server{
		Handler: h, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10,
	}
	log.Info("metrics", "address", l.Addr().String())
	return func() {
		stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // nobody's scrape is worth a wait
		defer stop()
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics", "err", err)
		}
	}, nil
}
