package daemon

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uredit/daemon/roots"
	"uredit/daemon/spool"
)

// mutants are daemons with a mistake that the protocol exists to prevent. Chaos
// must catch each.
var mutants = map[string]string{
	"no fence":  "who takes a job over leaves the old attempt's directory in place",
	"no swap":   "who takes a job over copies its name and removes the old one",
	"no lease":  "other instances are taken for dead at once",
	"no record": "a job's success is recorded before its results are published",
}

// mutate makes the mistake until the returned function is called.
func mutate(ctx context.Context, d *Daemon, mutant string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	close(done)
	stop = func() { cancel(); <-done }
	switch mutant {
	case "no fence":
		d.clear = func(*roots.Dir, string, int) error { return nil }
		d.mine = func(*spool.Claim) error { return nil }
	case "no swap", "no lease":
		done = make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				if mutant == "no swap" {
					copyNames(d)
				} else {
					others(ctx, d)
				}
				select {
				case <-ctx.Done():
				case <-time.After(300 * time.Millisecond):
				}
			}
		}()
	case "no record":
		d.at = func(point string) {
			if point == "committed" {
				recordEarly(d)
				<-time.After(100 * time.Millisecond) // so that somebody may look, or kill
			}
		}
	}
	return stop
}

// others tells the daemon that every other instance is dead.
func others(ctx context.Context, d *Daemon) {
	var dead []spool.Instance
	for _, n := range activeNames(d) {
		if n.Instance != d.spool.Instance() {
			dead = append(dead, n.Instance)
		}
	}
	select {
	case d.rounds <- dead:
	case <-ctx.Done():
	}
}

func activeNames(d *Daemon) (names []spool.ActiveName) {
	entries, _ := os.ReadDir(filepath.Join(d.cfg.Root, spool.ActiveDir))
	for _, e := range entries {
		if n, err := spool.ParseActive(e.Name()); err == nil {
			names = append(names, n)
		}
	}
	return names
}

// copyNames takes what any other instance holds whose heartbeat stands still,
// as a program does that knows no rename.
func copyNames(d *Daemon) {
	for _, n := range activeNames(d) {
		beat := filepath.Join(d.cfg.Root, spool.HostsDir, n.Instance.String()+".hb")
		info, err := os.Stat(beat)
		if n.Instance == d.spool.Instance() || err == nil && time.Since(info.ModTime()) < d.spool.Lease() {
			continue
		}
		old := filepath.Join(d.cfg.Root, spool.ActiveDir, n.String())
		data, err := os.ReadFile(old)
		if err != nil {
			continue
		}
		n.Epoch, n.Instance = n.Epoch+1, d.spool.Instance()
		_ = os.WriteFile(filepath.Join(d.cfg.Root, spool.ActiveDir, n.String()), data, 0o644)
		time.AfterFunc(200*time.Millisecond, func() { _ = os.Remove(old) })
	}
}

// recordEarly moves what this daemon committed to done.
func recordEarly(d *Daemon) {
	for _, n := range activeNames(d) {
		if n.Committed && n.Instance == d.spool.Instance() {
			dir := filepath.Join(d.cfg.Root, spool.DoneDir, "2026-01-01")
			_ = os.MkdirAll(dir, 0o755)
			_ = os.Rename(filepath.Join(d.cfg.Root, spool.ActiveDir, n.String()), filepath.Join(dir, n.Job+".yaml"))
		}
	}
}

// TestChaosCatches: a chaos that finds no mistake proves nothing.
func TestChaosCatches(t *testing.T) {
	if !*chaosMutants {
		t.Skip("takes minutes: -chaos.mutants")
	}
	for name, what := range mutants {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			c := newChaos(t, name, flaggedGround(t))
			c.run(100, 60)
			if !c.check.failed() {
				t.Errorf("nobody noticed that %s", what)
				return
			}
			t.Logf("caught after %d faults: %s", c.faults, c.check.violations[0])
		})
	}
}
