package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"uredit/daemon/spool"
)

// A power cut at a random moment under four hosts whose spool, results and own
// state lie on one disk: make powercut.

// powerCuts cuts the power now and then while the hosts work, then lets them end.
func (c *chaos) powerCuts(d *loopDisk, cuts int) {
	c.t.Helper()
	for n := range cuts {
		for c.check.waiting() < 12 && c.rng.IntN(4) > 0 {
			c.drop()
		}
		// What users drop is none of the daemons' business: it is durable. While they
		// run nothing else is, but what they sync themselves.
		d.sync(c.t)
		c.boot(n)
		c.revive(true)
		off := time.Now().Add(c.between(0, 2*time.Second))
		for time.Now().Before(off) && !c.check.failed() {
			<-time.After(c.between(5*time.Millisecond, c.step))
			c.freeze(false)
		}
		if c.rng.IntN(2) == 0 { // in the middle of what they do, not between two system calls
			<-time.After(c.between(0, 50*time.Millisecond))
		} else {
			c.freeze(false)
		}
		d.cut(c.t)
		for _, h := range c.hosts {
			c.kill(h)
		}
		d.restore(c.t)
		c.check.afterCut()
		if c.check.look(false); c.check.failed() {
			return
		}
	}
	c.boot(cuts)
	c.finish()
}

// boot gives the hosts' kernels a new boot id.
func (c *chaos) boot(n int) {
	c.t.Helper()
	for i, h := range c.hosts {
		id := fmt.Sprintf("%08x-0000-4000-8000-%012x\n", n+1, i)
		if err := os.WriteFile(h.boot, []byte(id), 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
}

// newPowerChaos is four hosts on a disk; none runs yet.
func newPowerChaos(t *testing.T, kind, mutant string) (*chaos, *loopDisk) {
	t.Helper()
	d := newDisk(t, kind)
	c := prepareChaos(t, mutant, ground{dir: d.dir, step: 250 * time.Millisecond})
	for i := range 4 {
		h := &chaosHost{name: fmt.Sprintf("host %d", i), dir: d.path("host" + fmt.Sprint(i)), log: filepath.Join(t.TempDir(), "log")}
		h.boot = filepath.Join(t.TempDir(), "boot_id")
		c.hosts = append(c.hosts, h)
	}
	return c, d
}

// afterCut forgets what a cut may undo: what was not durable yet. It then wants
// every file that users see to be whole.
func (c *checker) afterCut() {
	for id := range c.terminal {
		if !c.durable[id] {
			delete(c.terminal, id)
			delete(c.frozen, id)
		}
	}
	clear(c.attempts)
	clear(c.epochs)
	clear(c.owners)
	c.holders = nil
	for id, edit := range c.edits {
		c.whole(id, edit)
	}
}

// whole wants each public file of a job to be complete, if it is there. Those that
// grow may end in anything until the next attempt takes them over.
func (c *checker) whole(id, edit string) {
	for name, is := range map[string]func(text string) bool{
		"status.json":        isJSON,
		"job.json":           isJSON,
		id + "_output.mp4":   func(text string) bool { return text == "edited: "+edit },
		id + "_mask.mp4":     func(text string) bool { return text == "the masks" },
		spool.OwnerFile:      func(text string) bool { return strings.HasSuffix(text, "\n") },
		"../.uredit-root":    func(text string) bool { return text != "" },
		"../../spool/FORMAT": func(text string) bool { return strings.HasPrefix(text, "uredit-spool 1\n") },
	} {
		data, err := os.ReadFile(filepath.Join(c.site.out(id), name))
		if err == nil && !is(string(data)) {
			c.violate("after the power cut %s of %s is %.80q", name, id, data)
		}
	}
}

// TestPowerCut: whenever the power goes, no job is lost, published twice, torn or
// stuck, and no terminal record that was there is undone.
func TestPowerCut(t *testing.T) {
	for _, kind := range diskKinds(t) {
		t.Run(kind, func(t *testing.T) {
			c, d := newPowerChaos(t, kind, "")
			c.powerCuts(d, *powerCuts)
			t.Logf("%s: %d power cuts", kind, d.cuts)
			c.verdict()
		})
	}
}

// TestPowerCutCatches: on these disks, who does not sync loses something.
func TestPowerCutCatches(t *testing.T) {
	if !*chaosMutants {
		t.Skip("takes minutes: -chaos.mutants")
	}
	for _, kind := range diskKinds(t) {
		for mutant := range syncMutants {
			t.Run(kind+"/"+strings.ReplaceAll(mutant, " ", "_"), func(t *testing.T) {
				c, d := newPowerChaos(t, kind, mutant)
				c.powerCuts(d, *powerCuts)
				if !c.check.failed() {
					t.Errorf("%d power cuts, and nobody noticed", d.cuts)
					return
				}
				t.Logf("caught after %d power cuts: %s", d.cuts, c.check.violations[0])
			})
		}
	}
}
