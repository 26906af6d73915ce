package daemon

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// How much the chaos test does. By default it is short.
var (
	chaosJobs    = flag.Int("chaos.jobs", 16, "jobs of the chaos test, at least")
	chaosFaults  = flag.Int("chaos.faults", 12, "kills and pauses of the chaos test, at least")
	chaosMutants = flag.Bool("chaos.mutants", false, "run the daemons with a mistake too")
	// Long against a heartbeat's delay on a busy machine, short against the pauses.
	chaosLease  = flag.Duration("chaos.lease", 3*time.Second, "lease of the chaos test's spool")
	chaosSeed   = flag.Uint64("chaos.seed", 0, "seed of the chaos test; 0 takes a new one")
	chaosMounts = flag.String("chaos.mounts", "", "mount points of one share, separated by commas: the hosts use them in turn")
	chaosReader = flag.String("chaos.reader", "", "where a user's machine mounts the share")
	chaosServer = flag.String("chaos.server", "", "where the share is seen as its server sees it")
)

// chaos is several hosts on one spool, and the one who disturbs them.
type chaos struct {
	t      *testing.T
	site   site // as the hosts see it
	seen   site // as the checker sees it
	mounts []string
	rng    *rand.Rand
	mutant string
	step   time.Duration // the longest between two looks
	hosts  []*chaosHost
	check  *checker
	reader *reader
	jobs   int // dropped
	faults int
	kills  int
}

// ground is where a chaos takes place.
type ground struct {
	dir    string        // the site, as the hosts see it
	mounts []string      // of one share: the hosts mount them over dir, in turn
	server string        // where the share's server has the site; dir without mounts
	reader string        // where a user's machine mounts the site; dir without mounts
	step   time.Duration // the longest between two looks
}

// flaggedGround is the one that the flags name, a local directory without them.
func flaggedGround(t *testing.T) ground {
	g := ground{dir: t.TempDir(), step: 250 * time.Millisecond}
	if *chaosMounts != "" {
		g.mounts, g.server, g.reader = strings.Split(*chaosMounts, ","), *chaosServer, *chaosReader
		g.step *= 8 // a look stops everybody, and takes longer there
	}
	return g
}

// newChaos starts four hosts.
func newChaos(t *testing.T, mutant string, g ground) *chaos {
	t.Helper()
	c := prepareChaos(t, mutant, g)
	c.reader = startReader(site{dir: cmp.Or(g.reader, g.dir)}, g.step/5)
	t.Cleanup(c.reader.stop)
	for i := range 4 {
		dir := t.TempDir()
		h := &chaosHost{name: fmt.Sprintf("host %d", i), dir: dir, log: filepath.Join(dir, "log")}
		if len(c.mounts) > 0 {
			h.mount = c.mounts[i%len(c.mounts)]
		}
		c.hosts = append(c.hosts, h)
		c.start(h)
	}
	eventually(t, "a spool", func() bool {
		_, err := os.Stat(c.seen.path("spool", spool.HostsDir))
		return err == nil
	})
	return c
}

// prepareChaos makes a spool without hosts.
func prepareChaos(t *testing.T, mutant string, g ground) *chaos {
	t.Helper()
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-chaos.seed=%d", seed)
	c := &chaos{t: t, mutant: mutant, step: g.step, mounts: g.mounts, rng: rand.New(rand.NewPCG(seed, 0))}
	c.site = site{dir: g.dir}
	c.seen = c.site
	if g.server != "" {
		c.seen = site{dir: g.server}
	}
	for _, dir := range []string{c.seen.path("data"), c.seen.path("spool", "inbox")} {
		if err := os.MkdirAll(dir, 0o775); err != nil {
			t.Fatal(err)
		}
	}
	c.seen.make(t)
	format := fmt.Sprintf("uredit-spool 1\nid 0123456789abcdef\nuid %d\ngid %d\nlease %v\n", os.Geteuid(), os.Getegid(), *chaosLease)
	if err := os.WriteFile(c.seen.path("spool", "FORMAT"), []byte(format), 0o644); err != nil {
		t.Fatal(err)
	}
	c.check = newChecker(c.seen, *chaosLease, c.undisturbed)
	t.Cleanup(c.end)
	return c
}

// revive brings back who was away for long enough, or everybody.
func (c *chaos) revive(all bool) {
	for _, h := range c.hosts {
		if !all && time.Now().Before(h.until) {
			continue
		}
		if h.stood {
			h.stood, h.calm = false, time.Now()
			h.signal(syscall.SIGCONT)
		}
		if h.cmd == nil {
			c.start(h)
		}
	}
}

// undisturbed reports whether a host has run without a break for so long that
// nobody may think it dead.
func (c *chaos) undisturbed(hostID string) bool {
	for _, h := range c.hosts {
		files, err := filepath.Glob(filepath.Join(h.dir, "state", "*", "*"))
		if err != nil {
			c.t.Fatal(err)
		}
		for _, f := range files {
			if data, err := os.ReadFile(f); err == nil && strings.HasPrefix(string(data), hostID) {
				return h.cmd != nil && !h.stood && time.Since(h.calm) > *chaosLease
			}
		}
	}
	return false
}

// disturb kills a host, or makes one stand still. One always goes on.
func (c *chaos) disturb() {
	up := 0
	for _, h := range c.hosts {
		if h.cmd != nil && !h.stood {
			up++
		}
	}
	h := c.hosts[c.rng.IntN(len(c.hosts))]
	if up < 2 || h.cmd == nil || h.stood {
		return
	}
	c.faults++
	if c.rng.IntN(2) == 0 {
		c.kills++
		c.kill(h)
		// A host that is back soon takes its own jobs; one that is not loses them.
		h.until = time.Now().Add(c.between(0, *chaosLease*3/2))
		return
	}
	h.stood = true
	h.signal(syscall.SIGSTOP)
	h.until = time.Now().Add(c.between(0, *chaosLease*2))
}

func (c *chaos) between(from, to time.Duration) time.Duration {
	return from + time.Duration(c.rng.Int64N(int64(to-from)))
}

// drop submits the next job.
func (c *chaos) drop() {
	id := fmt.Sprintf("job_%04d", c.jobs)
	c.jobs++
	edit := "take " + c.between(10*time.Millisecond, 600*time.Millisecond).Round(time.Millisecond).String() + " " + id
	if c.jobs%3 == 0 { // one that others ask for as well: the cache may answer it
		edit = "take 200ms again"
	}
	c.check.expect(id, edit)
	if c.reader != nil {
		c.reader.follow(id)
	}
	text := c.site.request(id, id, edit)
	c.seen.drop(c.t, id+".yaml", text)
}

// freeze stops all hosts, looks at what they made, and lets them go on.
func (c *chaos) freeze(last bool) {
	c.t.Helper()
	for _, h := range c.hosts {
		h.signal(syscall.SIGSTOP)
	}
	for _, h := range c.hosts {
		if h.cmd != nil {
			wantStopped(c.t, h.cmd.Process.Pid)
		}
	}
	c.check.look(last)
	for _, h := range c.hosts {
		if !h.stood {
			h.signal(syscall.SIGCONT)
		}
	}
}

// run disturbs the hosts while they do the jobs, at least as many as are said of
// both, then lets them end.
func (c *chaos) run(jobs, faults int) {
	c.t.Helper()
	told := 0
	for c.jobs < jobs || c.faults < faults {
		for (c.jobs < jobs || c.faults < faults) && c.check.waiting() < 12 {
			c.drop()
		}
		c.revive(false)
		if c.faults < faults {
			c.disturb()
		}
		<-time.After(c.between(5*time.Millisecond, c.step))
		if c.freeze(false); c.check.failed() {
			return
		}
		if c.faults%20 == 0 && c.faults > told {
			told = c.faults
			c.t.Logf("%d faults, %d of %d jobs are over", c.faults, len(c.check.terminal), c.jobs)
		}
	}
	c.finish()
}

// finish disturbs nobody any more, and wants all jobs to end and nothing to be
// left of them.
func (c *chaos) finish() {
	c.t.Helper()
	c.revive(true)
	deadline := time.Now().Add(time.Minute + 2**chaosLease)
	for c.check.waiting() > 0 && !c.check.failed() && time.Now().Before(deadline) {
		<-time.After(100 * time.Millisecond)
		c.freeze(false)
	}
	c.tidyUp()
	c.freeze(true)
}

// TestChaos: whatever happens to four hosts, no job is lost, published twice,
// torn or stuck.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("kills and pauses take time")
	}
	c := newChaos(t, "", flaggedGround(t))
	c.run(*chaosJobs, *chaosFaults)
	c.verdict()
	c.compareCalls()
}

// answered counts the jobs that got the result of another.
func (c *chaos) answered() (n int) {
	for i := range c.jobs {
		data, err := os.ReadFile(filepath.Join(c.seen.out(fmt.Sprintf("job_%04d", i)), job.RecordName))
		if err != nil {
			continue // the checker has said what there is to say
		}
		if r, err := job.ParseRecord(data); err == nil && r.FromCache != nil {
			n++
		}
	}
	return n
}

// verdict fails the test for what the checker found, and sums the run up.
func (c *chaos) verdict() {
	t := c.t
	t.Helper()
	for _, v := range c.check.violations {
		t.Error(v)
	}
	if c.reader != nil {
		c.reader.stop()
		c.reader.compare(c.check.terminal)
		for _, f := range c.reader.faults {
			t.Error(f)
		}
		t.Logf("a reader polled status.json %d times", c.reader.reads)
	}
	finished, aside := c.check.outcomes()
	t.Logf("%d jobs, %d kills, %d pauses: %d finished, %d of them from the cache, %d set aside; %d looks, highest epoch %d",
		c.jobs, c.kills, c.faults-c.kills, finished, c.answered(), aside, c.check.looks, c.check.highest)
	if aside*3 > c.kills {
		t.Errorf("%d jobs are set aside, each needs three of %d kills", aside, c.kills)
	}
}
