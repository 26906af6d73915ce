package spool

import (
	"os"
	"path/filepath"
	"testing"
)

// A host that lost its id, or changed its name, takes at once what processes of
// this boot held on a local disk, when their heartbeats were locked and are no
// longer: never what lives, ran under another kernel, or announced no lock.
func TestRecoverByLock(t *testing.T) {
	here, away := func(string) bool { return false }, func(string) bool { return true }
	nothing := func(*testing.T, *Spool) {}
	die := func(_ *testing.T, s *Spool) { s.beat.lose() } // as the kernel closes what a dead process had open
	for _, tt := range []struct {
		name          string
		first, second func(string) bool // Remote
		end           func(*testing.T, *Spool)
		taken         bool
	}{
		{"dead", here, here, die, true},
		{"alive", here, here, nothing, false},
		{"alive, its heartbeat was opened again", here, here, func(_ *testing.T, s *Spool) { s.beat.forget() }, false},
		{"alive, its heartbeat was removed", here, here, func(t *testing.T, s *Spool) {
			if err := s.root.Remove(s.beat.name); err != nil {
				t.Fatal(err)
			}
			s.beat.lose()
			if err := s.beat.write(s.root, "run"); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"dead before the last boot", here, here, func(t *testing.T, s *Spool) {
			i := s.instance
			i.BootID = "00000000"
			for from, to := range map[string]string{
				beatFile(s.instance):     beatFile(i),
				heldBy(t, s, s.instance): heldBy(t, s, i),
			} {
				if err := s.root.Rename(from, to); err != nil {
					t.Fatal(err)
				}
			}
			die(t, s)
		}, false},
		{"on a share", away, away, die, false},
		{"it announced no lock", away, here, die, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "spool")
			open := func(host string, remote func(string) bool) *Spool {
				s, err := Open(root, Options{HostDir: t.TempDir(), Host: host, Remote: remote})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { s.Close() })
				return s
			}
			first := open("old", tt.first)
			claimed(t, first, "x.yaml", "a request")
			tt.end(t, first)
			second := open("new", tt.second)
			r, err := second.Recover()
			if err != nil {
				t.Fatal(err)
			}
			if taken := len(r.Claims) == 1; taken != tt.taken || len(r.Unknown) == 1 == tt.taken {
				t.Errorf("taken %d, left alone %d; want it taken: %t", len(r.Claims), len(r.Unknown), tt.taken)
			}
			if _, err := os.Stat(filepath.Join(root, beatFile(first.instance))); tt.taken && err == nil {
				t.Error("the heartbeat of the dead is still there")
			}
		})
	}
}

// heldBy returns the file of the one job that is held, as if i held it.
func heldBy(t *testing.T, s *Spool, i Instance) string {
	t.Helper()
	names, err := s.active()
	if err != nil || len(names) != 1 {
		t.Fatalf("held are %v, %v", names, err)
	}
	names[0].Instance = i
	return filepath.Join(ActiveDir, names[0].String())
}
