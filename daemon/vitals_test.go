package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// measured is an engine whose device is known.
type measured struct {
	scripted
	vitals Vitals
}

func (e *measured) Vitals() Vitals {
	e.vitals.Networks += time.Hour // of any period there is, all of it and more
	return e.vitals
}

// The spool shows how the devices do, what each works on, and nothing when the
// daemon is gone.
func TestVitals(t *testing.T) {
	s := newSite(t)
	busy := make(chan string)
	card := &measured{scripted{device: "cuda:0", busy: busy},
		Vitals{UUID: "GPU-a", Card: "Test Card", MemoryUsed: 1e9, MemoryTotal: 24e9, Celsius: new(40)}}
	r := s.start(t, 1, watched(busy), func(r *running) {
		for _, one := range r.monitor.runners {
			one.engine = card
		}
		r.monitor.every = 10 * time.Millisecond
	})
	shown := func() spool.Device {
		files, _ := filepath.Glob(filepath.Join(s.config().Root, spool.HostsDir, "*.json"))
		if len(files) != 1 {
			return spool.Device{}
		}
		data, err := os.ReadFile(files[0])
		if err != nil {
			return spool.Device{}
		}
		i, v, err := spool.ParseVitals(filepath.Base(files[0]), data)
		if err != nil || i != r.spool.Instance() || time.Since(v.UpdatedAt) > time.Minute || len(v.Devices) != 1 {
			t.Errorf("%v, %v, %+v", err, i, v)
			return spool.Device{}
		}
		return v.Devices[0]
	}
	idle := func() bool {
		d := shown()
		return d.Name == "cuda:0" && d.UUID == "GPU-a" && d.Card == "Test Card" && d.MemoryTotal == 24e9 && *d.Celsius == 40 &&
			d.JobID == "" && d.Networks == nil
	}
	eventually(t, "an idle card", idle)
	s.drop(t, "a.yaml", s.request("a", "a", "blue"))
	eventually(t, "a card at work", func() bool {
		d := shown()
		return d.JobID == "a" && d.Stage == string(job.Editing) && d.Networks != nil && *d.Networks > 1
	})
	next(t, busy)
	eventually(t, "an idle card again", idle)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if files, _ := filepath.Glob(filepath.Join(s.config().Root, spool.HostsDir, "*")); len(files) > 0 {
		t.Errorf("left behind: %q", files)
	}
}
