package daemon

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"uredit/daemon/cache"
	"uredit/daemon/config"
	"uredit/daemon/dispatch"
	"uredit/daemon/job"
	"uredit/daemon/roots"
	"uredit/daemon/spool"
	"uredit/daemon/watch"
)

// Options are what a daemon is made of.
type Options struct {
	Config   config.Config
	Engines  []Engine          // one for each device
	Models   Models            // which model a request may name
	Versions map[string]string // of uredit and its libraries, for job.json
	Log      *slog.Logger
	// Observe, where there is one, is called by Run when the daemon serves and
	// from then on each time its loop came round, at least every few seconds.
	// A loop that stands still does not call it. It is to return at once.
	Observe func(Condition)
	// Remote reports whether other kernels may use the file system of a path;
	// nil for watch.Remote.
	Remote func(path string) bool
	// Meter counts what the daemon does; nil for nobody.
	Meter Meter
}

// A Daemon serves one spool on one host.
type Daemon struct {
	cfg        config.Config
	models     Models
	versions   map[string]string
	log        *slog.Logger
	note       *notebook
	spool      *spool.Spool
	cache      *cache.Store // nil where there is none
	roots      *roots.Set
	intake     spool.Intake
	watcher    *watch.Watcher
	source     *source
	dispatcher *dispatch.Dispatcher[*work]
	ready      []spool.Entry // of the inbox, to be claimed
	scanned    time.Time     // when ready was found
	lookFor    time.Duration // lookFor
	monitor    *monitor
	claims     []*spool.Claim // claimed, not yet decided about
	stopping   chan struct{}  // closed when nothing more is taken
	pause      time.Duration  // before a step is tried again, the first time
	roomEvery  time.Duration  // roomEvery
	observe    func(Condition)
	breaker    breaker
	cancelling map[string]bool // markers whose job is ending
	obeyed     string          // the marker that a look stopped at; "" when it came to the end
	pausing    pausing         // what markers ask of this host
	meter      Meter
	condition  Condition // as far as it is known since the last look
	reload     chan config.Config
	ended      chan struct{}         // closed when Run returned
	taken      []*spool.Claim        // taken from dead instances, not yet settled
	rounds     chan []spool.Instance // what each round of heartbeats found dead
	// at is called at the points where a crash test ends the process.
	at func(point string)
	// inMemory is that of this package; tests may lie in memory.
	inMemory func(dir string) bool
	// clear is clearAttempts, and mine is stillMine: tests show what happens without.
	clear func(out *roots.Dir, j string, below int) error
	mine  func(c *spool.Claim) error
}

// New opens the spool and the roots and makes a worker for each engine.
func New(o Options) (*Daemon, error) {
	cfg := o.Config
	remote := o.Remote
	if remote == nil {
		remote = watch.Remote
	}
	sp, err := spool.Open(cfg.Root, spool.Options{HostDir: hostDir(cfg), Remote: remote, Trace: traced(o.Log)})
	if err != nil {
		return nil, err
	}
	var reserved []string
	for _, dir := range []string{spool.InboxDir, spool.ControlDir, spool.RejectedDir, spool.FailedDir, spool.DoneDir, "spool"} {
		reserved = append(reserved, filepath.Join(cfg.Root, dir))
	}
	set, err := roots.Open(cfg.Roots, reserved...)
	if err != nil {
		return nil, errors.Join(err, sp.Close())
	}
	store := openCache(cfg.Cache, o.Log)
	if store != nil {
		set.Reserve(cfg.Cache.Dir)
	}
	d := &Daemon{
		cfg: cfg, models: o.Models, versions: o.Versions, log: o.Log, note: newNotebook(o.Log),
		spool: sp, cache: store, roots: set,
		intake:   spool.Intake{Settle: cfg.Settle, Complete: job.Complete, Valid: validRequest, Limit: job.MaxRequestBytes},
		stopping: make(chan struct{}), pause: time.Second, lookFor: lookFor, roomEvery: roomEvery,
		observe: o.Observe, meter: o.Meter, condition: Condition{Devices: len(o.Engines)},
		reload: make(chan config.Config), ended: make(chan struct{}),
		rounds: make(chan []spool.Instance, 1),
		at:     func(string) {}, inMemory: inMemory,
		clear: clearAttempts, cancelling: map[string]bool{},
	}
	d.mine = d.stillMine
	if d.meter == nil {
		d.meter = nobody{}
	}
	watched := []string{filepath.Join(cfg.Root, spool.InboxDir), filepath.Join(cfg.Root, spool.ControlDir)}
	d.watcher = watch.New(watched, cfg.PollInterval, o.Log)
	d.source = newSource(sp, set, d.note)
	d.source.reachable = d.reachable
	d.monitor = &monitor{every: vitalsEvery}
	var runners []dispatch.Runner[*work]
	for _, e := range o.Engines {
		r := &runner{daemon: d, engine: e}
		d.monitor.runners = append(d.monitor.runners, r)
		runners = append(runners, r)
	}
	d.dispatcher = dispatch.New(d.source, runners, cfg.DrainTimeout)
	if err := d.expectRoots(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Close gives the spool and the cache back, after Run.
func (d *Daemon) Close() error {
	err := d.spool.Close()
	if d.cache != nil {
		err = errors.Join(err, d.cache.Close())
	}
	return err
}

// Run serves until ctx ends, and then drains: nothing more is claimed, running
// jobs finish within the drain timeout or go back into the queue. It returns
// nil after a drain, an error when the process should be started anew.
func (d *Daemon) Run(ctx context.Context) error {
	defer close(d.ended)
	serving, stop := context.WithCancel(ctx)
	context.AfterFunc(serving, func() { close(d.stopping) })
	if err := d.recover(); err != nil {
		stop()
		return err
	}
	beating, done := context.WithCancel(context.WithoutCancel(ctx))
	var aside sync.WaitGroup
	defer aside.Wait()
	defer done()
	defer d.giveBack()
	defer stop()
	aside.Go(func() { d.watcher.Run(serving) })
	aside.Go(func() { d.beat(beating, serving) })
	aside.Go(func() { d.guard(beating) })
	aside.Go(func() {
		d.monitor.watch(beating, d.meter, func(v spool.Vitals) error {
			err := d.spool.Tell(v)
			d.note.trouble("the devices' state", err)
			return err
		})
	})
	dispatched := make(chan error, 1)
	aside.Go(func() { dispatched <- d.dispatcher.Run(serving) })
	d.log.Info("serving", "spool", d.cfg.Root, "instance", d.spool.Instance().String())

	next := time.NewTimer(0)
	defer next.Stop()
	turn := time.NewTicker(turnEvery)
	defer turn.Stop()
	for {
		select {
		case <-serving.Done():
			return d.drain(dispatched)
		case err := <-dispatched:
			return err
		case c := <-d.reload:
			d.apply(c)
			continue
		case <-turn.C:
			d.turned(false)
			continue
		case dead := <-d.rounds:
			d.attend(dead)
			continue
		case <-d.watcher.C():
		case <-next.C:
		}
		again, err := d.look()
		if err != nil {
			stop()
			return errors.Join(err, <-dispatched)
		}
		d.turned(false)
		next.Reset(again)
	}
}

// look is one round: obey markers, claim what is ready, decide about what was
// claimed, offer the queue to the devices. It returns when to look again.
func (d *Daemon) look() (again time.Duration, err error) {
	again = d.watcher.Poll()
	paused, more := d.obey()
	if more {
		again = lookAgain
	}
	d.condition.Paused = paused
	if d.note.trouble("this host", d.breaker.open(time.Now())) {
		paused = true
		again = min(again, breakerRest/10)
	}
	d.source.pause(paused)
	d.decide()
	if paused {
		d.ready = nil
	} else {
		soon, err := d.claim()
		if errors.Is(err, spool.ErrReplaced) {
			return 0, err
		}
		d.note.trouble("inbox", err)
		if soon > 0 {
			again = min(again, soon)
		}
	}
	d.settle()
	d.tellWaits()
	if queued, since, err := d.source.look(); !d.note.trouble("queue", err) {
		d.condition.Queued, d.condition.Oldest = queued, since
	}
	d.dispatcher.Wake()
	return d.source.again(again), nil
}
