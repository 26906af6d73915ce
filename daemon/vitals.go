package daemon

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/report"
	"uredit/daemon/spool"
)

// Vitals is how a device does, where its engine knows.
type Vitals struct {
	UUID, Card              string        // of the card: its UUID, and what it is sold as
	MemoryUsed, MemoryTotal int64         // bytes of the card; total 0 where they are not known
	Celsius                 *int          // its temperature
	Networks                time.Duration // how long networks ran on the device since the start
}

// A Vital is an Engine that knows how its device does.
type Vital interface {
	Vitals() Vitals
}

// vitalsEvery is how often the devices are asked how they do.
const vitalsEvery = 5 * time.Second

// monitor asks the devices how they do.
type monitor struct {
	runners []*runner
	every   time.Duration
}

// watch asks until ctx ends. meter hears each answer; tell, which may hang as long
// as the share does, those that are another than what it took before.
func (m *monitor) watch(ctx context.Context, meter Meter, tell func(spool.Vitals) error) {
	tick := time.NewTicker(m.every)
	defer tick.Stop()
	var before []time.Duration // of networks, by device
	var told []spool.Device
	asked := time.Now()
	for {
		devices, networks := m.ask(before, time.Since(asked))
		before, asked = networks, time.Now()
		meter.DevicesAsked(devices)
		if !reflect.DeepEqual(devices, told) {
			if tell(spool.Vitals{UpdatedAt: time.Now().UTC().Truncate(time.Second), Devices: devices}) == nil {
				told = devices
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ask asks each device. before is how long networks had run on each a while ago,
// nil the first time.
func (m *monitor) ask(before []time.Duration, ago time.Duration) ([]spool.Device, []time.Duration) {
	devices := make([]spool.Device, len(m.runners))
	networks := make([]time.Duration, len(m.runners))
	for i, r := range m.runners {
		d := spool.Device{Name: r.Device()}
		if e, ok := r.engine.(Vital); ok {
			v := e.Vitals()
			d.UUID, d.Card, d.MemoryUsed, d.MemoryTotal, d.Celsius = v.UUID, v.Card, v.MemoryUsed, v.MemoryTotal, v.Celsius
			networks[i] = v.Networks
		}
		if w := r.now.Load(); w != nil {
			d.JobID = w.jobID
			if stage, runs := w.stage(); runs {
				d.Stage, d.FPS = string(stage.Name), stage.FPS
			}
			if before != nil && ago > 0 {
				share := float64(int(100*(networks[i]-before[i]).Seconds()/ago.Seconds())) / 100
				d.Networks = &share
			}
		}
		devices[i] = d
	}
	return devices, networks
}

// current is the attempt that a runner runs.
type current struct {
	jobID string
	rep   *report.Reporter
}

// atCurrent holds what runs now, nil when nothing does.
type atCurrent struct{ atomic.Pointer[current] }

// set notes what runs, until the returned function is called.
func (p *atCurrent) set(c *current) (ended func()) {
	p.Store(c)
	return func() { p.Store(nil) }
}

// stage returns the stage that the attempt is in, if it is in one.
func (w *current) stage() (job.StageTime, bool) {
	stages := w.rep.Stages()
	if len(stages) == 0 || !stages[len(stages)-1].EndedAt.IsZero() {
		return job.StageTime{}, false
	}
	return stages[len(stages)-1], true
}
