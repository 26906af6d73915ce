package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"uredit/daemon/spool"
)

// TestTopDevices: top shows how the devices do, from what their daemon left in the
// spool.
func TestTopDevices(t *testing.T) {
	root := t.TempDir()
	s, err := spool.Open(root, spool.Options{HostDir: t.TempDir(), Host: "gpu1"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	top := func(format string) string {
		t.Helper()
		var out, stderr bytes.Buffer
		std := stdio{out: &out, err: &stderr, dir: root, getenv: func(string) string { return "" }}
		if code := run(t.Context(), []string{"--spool", root, "-o", format, "top", "--once"}, std); code != exitOK {
			t.Fatalf("exit status %d: %s", code, stderr.String())
		}
		return out.String()
	}
	if out := top("table"); !strings.Contains(out, "gpu1                 run") {
		t.Errorf("before it tells of its devices:\n%s", out)
	}
	devices := []spool.Device{
		{Name: "GPU-8f1c9a2e-0000-0000-0000-000000000000", UUID: "GPU-8f1c9a2e-0000-0000-0000-000000000000", Card: "Test Card",
			MemoryUsed: 18e9, MemoryTotal: 24e9, Celsius: new(61), JobID: "car", Stage: "editing", FPS: 3.25, Networks: new(0.87)},
		{Name: "cpu"},
	}
	if err := s.Tell(spool.Vitals{UpdatedAt: time.Now(), Devices: devices}); err != nil {
		t.Fatal(err)
	}
	out := top("table")
	for _, want := range []string{
		"gpu1                 GPU-8f1c9a2e-0000... car, editing                3.2     87 %  18.0/24.0 GB  61 C\n",
		"gpu1                 cpu                ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	var o overview
	if err := json.Unmarshal([]byte(top("json")), &o); err != nil || len(o.Hosts) != 1 || len(o.Hosts[0].Devices) != 2 || *o.Hosts[0].Devices[0].Celsius != 61 {
		t.Errorf("%v, %+v", err, o.Hosts)
	}
	// A file of a version to come is no reason to show nothing.
	if err := os.WriteFile(root+"/"+spool.HostsDir+"/"+spool.VitalsName(s.Instance()), []byte(`{"schema_version": 2}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := top("table"); !strings.Contains(out, "gpu1 ") || strings.Contains(out, "car") {
		t.Errorf("of a newer version:\n%s", out)
	}
}
