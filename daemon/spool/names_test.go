package spool

import (
	"testing"
	"time"
)

const (
	someInstance = "gpu-1_0a1b2c3d_deadbeef_0mabcdefg_9xyz"
	someJob      = "260731T101530-a1b2c3"
)

func TestNames(t *testing.T) {
	active := someJob + ".e0002.a0c1s." + someInstance + ".yaml"
	a, err := ParseActive(active)
	if err != nil {
		t.Fatal(err)
	}
	if a.Job != someJob || a.Epoch != 2 || a.Crashes != 1 || !a.Suspect || !a.Alone() || a.Instance.Host != "gpu-1" {
		t.Errorf("ParseActive = %+v", a)
	}
	queue := "4-0mabcdefg-" + someJob + ".e0001.a12c0.yaml"
	q, err := ParseQueue(queue)
	if err != nil {
		t.Fatal(err)
	}
	if q.Rank != 4 || q.Attempts != 12 || q.Alone() || q.String() != queue {
		t.Errorf("ParseQueue = %+v", q)
	}
}

func TestBadNames(t *testing.T) {
	for _, name := range []string{
		"", "x.yaml", ".yaml",
		someJob + ".e0000.a0c0." + someInstance + ".yaml", // epochs begin at 1
		someJob + ".e1.a0c0." + someInstance + ".yaml",
		someJob + ".e0001.a01c0." + someInstance + ".yaml",
		someJob + ".e0001.a0c0." + someInstance + ".yml",
		someJob + ".e0001.a0c0.gpu-1.yaml",
		"261331T101530-a1b2c3.e0001.a0c0." + someInstance + ".yaml", // no such month
		someJob + ".e0001.a0c0." + someInstance + ".committed.yaml",
		"../" + someJob + ".e0001.a0c0." + someInstance + ".yaml",
	} {
		if n, err := ParseActive(name); err == nil {
			t.Errorf("ParseActive(%q) = %+v, want an error", name, n)
		}
	}
	for _, name := range []string{"", "4-0mabcdefg-.yaml", "10-0mabcdefg-" + someJob + ".e0001.a0c0.yaml", "4-mabcdefg-" + someJob + ".e0001.a0c0.yaml"} {
		if n, err := ParseQueue(name); err == nil {
			t.Errorf("ParseQueue(%q) = %+v, want an error", name, n)
		}
	}
}

func TestNewJob(t *testing.T) {
	at := time.Date(2026, 7, 31, 12, 15, 30, 0, time.FixedZone("CEST", 7200))
	j := NewJob(at)
	got, err := ClaimTime(j)
	if err != nil || !got.Equal(at) {
		t.Errorf("ClaimTime(%s) = %v, %v, want %v", j, got, err, at.UTC())
	}
}

func TestInstanceOfAnyHost(t *testing.T) {
	for _, host := range []string{"", "gpu-1.example.org", "köln_3", "a-very-long-host-name-that-somebody-chose"} {
		i := newInstance(host, "0a1b2c3d", "deadbeef", time.Now())
		if got, err := ParseInstance(i.String()); err != nil || got != i {
			t.Errorf("host %q: %v, %v", host, got, err)
		}
	}
}

// What parses is written back as it was: a name has one form.
func FuzzNames(f *testing.F) {
	f.Add(someJob + ".e0002.a0c1s." + someInstance + ".yaml")
	f.Add("4-0mabcdefg-" + someJob + ".e0001.a0c0.yaml")
	f.Add(someInstance)
	f.Add("260731T101530-a1b2c3.e0001.a00c0." + someInstance + ".yaml")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseActive(s); err == nil && n.String() != s {
			t.Errorf("active %q became %q", s, n)
		}
		if n, err := ParseQueue(s); err == nil && n.String() != s {
			t.Errorf("queue %q became %q", s, n)
		}
		if n, err := ParseInstance(s); err == nil && n.String() != s {
			t.Errorf("instance %q became %q", s, n)
		}
	})
}

func FuzzFormat(f *testing.F) {
	f.Add(Format{Version: 1, ID: "0123456789abcdef", UID: 999, GID: 999, Lease: DefaultLease}.Bytes())
	f.Add([]byte("uredit-spool 1\nid 0123456789abcdef\nuid 1\ngid 2\nlease 180\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParseFormat(data)
		if err != nil {
			return
		}
		if b, err := ParseFormat(a.Bytes()); err != nil || a != b {
			t.Errorf("%+v became %+v, %v", a, b, err)
		}
	})
}
