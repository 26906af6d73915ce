package spool

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// death leaves names of dead instances in active, their heartbeats, and an
// accepted request for those that were accepted.
func death(t *testing.T, s *Spool, accepted bool, names ...string) {
	t.Helper()
	for _, n := range names {
		a, err := ParseActive(n)
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(filepath.Join(s.path, ActiveDir, n), nil, 0o644)
		os.WriteFile(filepath.Join(s.path, beatFile(a.Instance)), nil, 0o644)
		os.WriteFile(filepath.Join(s.path, vitalsFile(a.Instance)), nil, 0o644)
		if accepted {
			os.WriteFile(filepath.Join(s.path, requestFile(a.Job)), nil, 0o644)
		}
	}
}

func TestRecover(t *testing.T) {
	const j1, j2 = "260101T000000-aaaaaa", "260101T000001-bbbbbb"
	tests := []struct {
		name     string
		accepted bool
		dead     []string // HOST and BOOT stand for this host's
		want     string   // "claims crashed queued unknown", each name's counters
	}{
		{"nothing", true, nil, ""},
		{"it ran alone: its crash", true, []string{j1 + ".e0002.a0c0.h_HOST_BOOT_000000001_aaaa.yaml"}, "jobs:e0003.a0c1"},
		{"two at once: suspects", true, []string{
			j1 + ".e0002.a0c0.h_HOST_BOOT_000000001_aaaa.yaml",
			j2 + ".e0005.a0c1.h_HOST_BOOT_000000001_aaaa.yaml"}, "jobs:e0003.a0c0s jobs:e0006.a0c1s"},
		{"a suspect that dies alone is guilty", true, []string{j1 + ".e0002.a0c0s.h_HOST_BOOT_000000001_aaaa.yaml"}, "jobs:e0003.a0c1"},
		{"after a reboot nobody is", true, []string{j1 + ".e0002.a0c2.h_HOST_00000000_000000001_aaaa.yaml"}, "jobs:e0003.a0c2"},
		{"the third death is the last", true, []string{j1 + ".e0009.a0c2.h_HOST_BOOT_000000001_aaaa.yaml"}, "crashed:e0010.a0c3"},
		{"not yet accepted: examined again", false, []string{j1 + ".e0001.a0c0.h_HOST_BOOT_000000001_aaaa.yaml"}, "claims:e0002.a0c1"},
		{"three deaths in the examination", false, []string{j1 + ".e0003.a0c2.h_HOST_BOOT_000000001_aaaa.yaml"}, "crashed:e0004.a0c3"},
		{"another host's", true, []string{j1 + ".e0002.a0c0.h_zzzzzzzz_BOOT_000000001_aaaa.yaml"}, "unknown:e0002.a0c0"},
		{"two dead processes, one job each", true, []string{
			j1 + ".e0002.a0c0.h_HOST_BOOT_000000001_aaaa.yaml",
			j2 + ".e0002.a0c0.h_HOST_BOOT_000000002_bbbb.yaml"}, "jobs:e0003.a0c1 jobs:e0003.a0c1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSpool(t)
			me := strings.NewReplacer("HOST", s.instance.HostID, "BOOT", s.instance.BootID)
			for _, n := range tt.dead {
				death(t, s, tt.accepted, me.Replace(n))
			}
			r, err := s.Recover()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			counters := func(what string, n JobName) {
				_, c, _ := strings.Cut(n.String(), ".")
				got = append(got, what+":"+c)
			}
			for _, c := range r.Claims {
				counters("claims", c.JobName)
			}
			for _, c := range r.Crashed {
				counters("crashed", c.JobName)
			}
			for _, q := range r.Jobs {
				counters("jobs", q.JobName)
			}
			for _, n := range r.Unknown {
				counters("unknown", n.JobName)
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got %q, want %q", s, tt.want)
			}
			again, err := s.Recover()
			if err != nil || len(again.Claims)+len(again.Crashed)+len(again.Jobs) > 0 {
				t.Errorf("a second Recover found %+v, %v", again, err)
			}
		})
	}
}

// A daemon that closed the spool did not crash, whatever it left in active.
func TestRecoverBlamesNobodyForACleanEnd(t *testing.T) {
	root, host := filepath.Join(t.TempDir(), "spool"), t.TempDir()
	first := open(t, root, host)
	c := claimed(t, first, "a.yaml", "r")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := open(t, root, host).Recover()
	if err != nil || len(r.Claims) != 1 || r.Claims[0].Job != c.Job || r.Claims[0].Alone() {
		t.Errorf("recovered %+v, %v", r, err)
	}
}

func TestReturn(t *testing.T) {
	s := newSpool(t)
	c := claimed(t, s, "a.yaml", "r")
	if err := s.Return(c); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, s, InboxDir+"/a.yaml")

	c = claimed(t, s, "a.yaml", "r")
	drop(t, s, "a.yaml", "another")
	if err := s.Return(c); err != nil {
		t.Fatal(err)
	}
	if entries, err := s.Scan(); err != nil || len(entries) != 2 {
		t.Errorf("the inbox holds %v, %v", entries, err)
	}

	c = claimed(t, s, "b.yaml", "r")
	c.Suspect = true
	if err := s.Return(c); err != nil {
		t.Fatal(err)
	}
	if live, err := s.Live(c.Job); err != nil || !live {
		t.Errorf("a suspect was given back: %t, %v", live, err)
	}
}

func TestRecoverLeavesWhatItDoesNotKnow(t *testing.T) {
	s := newSpool(t)
	for _, n := range []string{"README", "260101T000000-aaaaaa.e0002.a0c0.h.yaml", ".nfs0001", ".tmp-zzzzzzzz-12345678"} {
		os.WriteFile(filepath.Join(s.path, ActiveDir, n), nil, 0o644)
	}
	mine := ActiveDir + "/.tmp-" + s.instance.HostID + "-12345678"
	os.WriteFile(filepath.Join(s.path, mine), nil, 0o644)
	if _, err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, s, ActiveDir+"/README", ActiveDir+"/260101T000000-aaaaaa.e0002.a0c0.h.yaml",
		ActiveDir+"/.nfs0001", ActiveDir+"/.tmp-zzzzzzzz-12345678")
}

func TestReservations(t *testing.T) {
	s := newSpool(t)
	first := claimed(t, s, "a.yaml", "r")
	second := claimed(t, s, "b.yaml", "r")
	out, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	reserve := map[string]func(job string) error{
		"job_id":     func(job string) error { return s.ReserveID("test_001", job) },
		"output_dir": func(job string) error { return s.ReserveOutput(out, job) },
	}
	release := map[string]func(job string) error{
		"job_id":     func(job string) error { return s.ReleaseID("test_001", job) },
		"output_dir": func(job string) error { return s.ReleaseOutput(out, job) },
	}
	for what := range reserve {
		t.Run(what, func(t *testing.T) {
			for range 2 { // the second time after a crash
				if err := reserve[what](first.Job); err != nil {
					t.Fatal(err)
				}
			}
			inUse, ok := errors.AsType[*InUseError](reserve[what](second.Job))
			if !ok || inUse.Job != first.Job {
				t.Fatalf("the newcomer's error is %v", inUse)
			}
			if err := release[what](second.Job); err != nil {
				t.Fatal(err)
			}
			if err := reserve[what](second.Job); err == nil {
				t.Fatal("a job released what another holds")
			}
			if err := release[what](first.Job); err != nil {
				t.Fatal(err)
			}
			if err := reserve[what]("260101T000000-zzzzzz"); err != nil { // a job that is nowhere
				t.Fatal(err)
			}
			if err := reserve[what](second.Job); err != nil {
				t.Errorf("what a dead job left is not taken over: %v", err)
			}
			if err := release[what](second.Job); err != nil {
				t.Fatal(err)
			}
		})
	}
	if _, err := out.Lstat(WorkDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the empty work directory is still there: %v", err)
	}
	os.Mkdir(filepath.Join(out.Name(), WorkDir), 0o755)
	os.WriteFile(filepath.Join(out.Name(), OwnerFile), []byte("260101T000000-aaaaaa another-spool-id\n"), 0o644)
	if used, ok := errors.AsType[*InUseError](s.ReserveOutput(out, first.Job)); !ok || used.Spool != "another-spool-id" {
		t.Errorf("what a job of another spool holds: %v", used)
	}
	os.WriteFile(filepath.Join(out.Name(), OwnerFile), []byte("mine\n"), 0o644)
	if err := s.ReserveOutput(out, first.Job); !errors.Is(err, ErrNotReservation) {
		t.Errorf("a file that is no reservation: %v", err)
	}
}

// TestReleaseTidiesUp: whoever releases an output directory removes what a process
// of any host left of the job's reservation when it died, and nothing of another
// job's.
func TestReleaseTidiesUp(t *testing.T) {
	s := newSpool(t)
	const mine, other = "260101T000000-aaaaaa", "260101T000000-bbbbbb"
	out, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := s.ReserveOutput(out, mine); err != nil {
		t.Fatal(err)
	}
	left := map[string]string{
		".tmp-otherhst-11111111": mine + " " + s.format.ID + "\n", // moved aside, not removed
		".tmp-otherhst-22222222": "",                              // not written yet
	}
	for name, text := range left {
		if err := out.WriteFile(WorkDir+"/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept := WorkDir + "/.tmp-otherhst-33333333"
	if err := out.WriteFile(kept, []byte(other+" "+s.format.ID+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.ReleaseOutput(out, mine); err != nil {
		t.Fatal(err)
	}
	for name := range left {
		if _, err := out.Lstat(WorkDir + "/" + name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
	if _, err := out.Lstat(kept); err != nil {
		t.Errorf("what another job was making is gone: %v", err)
	}
}
