package main

import (
	"testing"
	"time"

	"uredit/daemon"
	"uredit/daemon/config"
)

// TestVitals: an engine knows its card, and how long networks ran on it.
func TestVitals(t *testing.T) {
	s := newCheckSite(t)
	s.cards()
	h := newHost(config.Config{Devices: []string{"GPU-aaaa", "cpu"}, NVMLLibrary: s.lines["nvml_library"]})
	defer h.close()
	if _, err := h.locate(); err != nil {
		t.Fatal(err)
	}
	h.numbers.Ran("GPU-aaaa", "pix2pix/unet", 3*time.Second)
	h.numbers.Ran("cpu", "pix2pix/unet", time.Second)
	var card daemon.Vital = &engine{place: h.places[0], host: h}
	v := card.Vitals()
	if v.Celsius == nil || *v.Celsius != 41 {
		t.Errorf("the card's temperature is %v", v.Celsius)
	}
	v.Celsius = nil
	if want := (daemon.Vitals{UUID: "GPU-aaaa1111-0000-0000-0000-000000000000", Card: "Test Card 24GB",
		MemoryUsed: 18e9, MemoryTotal: 24e9, Networks: 3 * time.Second}); v != want {
		t.Errorf("the card: %+v, want %+v", v, want)
	}
	cpu := &engine{place: h.places[1], host: h}
	if v, want := cpu.Vitals(), (daemon.Vitals{Networks: time.Second}); v != want {
		t.Errorf("the CPU: %+v, want %+v", v, want)
	}
}
