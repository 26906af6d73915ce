package spool

import (
	"os"
	"path/filepath"
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
