package spool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseHeartbeat(t *testing.T) {
	root := t.TempDir()
	s, err := Open(root, Options{HostDir: t.TempDir(), Host: "gpu1"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Round("drain"); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, HostsDir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("heartbeats %q, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(files[0])
	i, b, err := ParseHeartbeat(name, data)
	if err != nil || i != s.Instance() || b.State != "drain" || b.Seq != 2 || time.Since(b.Wall).Abs() > time.Minute {
		t.Errorf("read %+v %+v, %v", i, b, err)
	}
	torn := append([]byte(nil), data...)
	torn[10]++
	for _, c := range []struct {
		name string
		data []byte
	}{{name, torn}, {name, data[:100]}, {name, nil}, {"x" + beatSuffix, data}, {"x", data}} {
		if _, _, err := ParseHeartbeat(c.name, c.data); err == nil {
			t.Errorf("%s with %d bytes was read", c.name, len(c.data))
		}
	}
}

// What a host remarks is read back, however long it is and whatever is in it.
func TestRemark(t *testing.T) {
	root := t.TempDir()
	s, err := Open(root, Options{HostDir: t.TempDir(), Host: "gpu1", Remote: func(string) bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	name := s.Instance().String() + beatSuffix
	for _, tt := range []struct{ text, want string }{
		{"root /data is not mounted", "root /data is not mounted"},
		{"a \"quoted\" crc=1\n lock=flock", "a \"quoted\" crc=1\n lock=flock"},
		{strings.Repeat("ü", 300), strings.Repeat("ü", 24) + "..."},
		{strings.Repeat("x", 300), strings.Repeat("x", 145) + "..."},
		{"", ""},
	} {
		s.Remark(tt.text)
		if _, err := s.Round("run"); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(root, HostsDir, name))
		if err != nil || len(data) != heartbeatBytes {
			t.Fatalf("a heartbeat of %d bytes, %v", len(data), err)
		}
		if _, b, err := ParseHeartbeat(name, data); err != nil || b.Remark != tt.want || !b.Locked || b.State != "run" {
			t.Errorf("%q is read as %+v, %v", tt.text, b, err)
		}
	}
}
