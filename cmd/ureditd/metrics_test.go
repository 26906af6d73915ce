package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"uredit/daemon"
	"uredit/daemon/metrics"
)

func TestEndpoints(t *testing.T) {
	s := newSupervisor(t).service("")
	h := endpoints(s, metrics.New())
	ask := func(path string) string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return http.StatusText(w.Code) + ": " + w.Body.String()
	}
	turned := func(ago time.Duration) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.turned = time.Now().Add(-ago)
	}
	expect := func(when, path, want string) {
		t.Helper()
		if got := ask(path); !strings.HasPrefix(got, want) {
			t.Errorf("%s, %s answers %q, want %q", when, path, got, want)
		}
	}
	expect("before the start", "/livez", "OK: ok\n")
	expect("before the start", "/readyz", "Service Unavailable: starting\n")
	s.observe(daemon.Condition{Devices: 1})
	expect("while it serves", "/livez", "OK: ok\n")
	expect("while it serves", "/readyz", "OK: ok\n")
	expect("while it serves", "/metrics", "OK: # HELP uredit_build_info")
	turned(time.Minute)
	expect("while the loop stands", "/livez", "Service Unavailable: the loop has stood still for 1m0s\n")
	expect("while the loop stands", "/readyz", "Service Unavailable: the loop has stood still for 1m0s\n")
	hang := make(chan struct{})
	defer close(hang)
	s.share = func() error { <-hang; return nil }
	expect("while the share hangs", "/livez", "OK: ok\n")
	expect("while the share hangs", "/readyz", "Service Unavailable")
	turned(0)
	s.observe(daemon.Condition{Devices: 1, Draining: true})
	expect("while it drains", "/readyz", "Service Unavailable: stopping\n")
}

func TestPublish(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := taken.Addr().String()
	if _, err := publish(t.Context(), address, http.NotFoundHandler(), log); err == nil || !strings.Contains(err.Error(), "PrivateNetwork=no") {
		t.Errorf("a taken address: %v", err)
	}
	taken.Close()
	ctx, stop := context.WithCancel(t.Context())
	run, err := publish(ctx, address, http.NotFoundHandler(), log)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { run(); close(done) }()
	resp, err := http.Get("http://" + address + "/")
	if err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("got %v, %v", resp, err)
	}
	if err == nil {
		resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	<-done
}
