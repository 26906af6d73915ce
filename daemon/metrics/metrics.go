// Package metrics counts what a daemon does and writes the numbers in
// Prometheus's text format. Names have base units and the prefix uredit_; no
// label grows with the number of jobs.
package metrics

import (
	"cmp"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"uredit/daemon"
	"uredit/daemon/job"
	"uredit/daemon/spool"
)

// Metrics holds a daemon's numbers. It implements daemon.Meter.
type Metrics struct {
	mu        sync.Mutex
	build     map[string]string
	condition daemon.Condition
	seen      time.Time // of condition; zero before there is one
	ended     map[job.Outcome]uint64
	rejected  map[string]uint64 // by code
	requeued  uint64
	stages    map[job.State]*stage
	asked     map[asked]uint64 // looks into the cache
	cached    int64            // bytes in the cache; -1 while nobody said
	devices   []spool.Device   // as they said last
	runs      map[network]*histogram
}

// asked is a kind of look into the cache.
type asked struct {
	part   job.CachePart
	answer string
}

// network is one graph on one device.
type network struct{ device, model string }

// stage is what is known of one stage over all jobs.
type stage struct {
	frames uint64
	took   histogram
}

// New returns Metrics of a program that did nothing yet.
func New() *Metrics {
	m := &Metrics{ended: map[job.Outcome]uint64{}, rejected: map[string]uint64{}, stages: map[job.State]*stage{},
		asked: map[asked]uint64{}, cached: -1, runs: map[network]*histogram{}}
	for _, o := range []job.Outcome{job.OutcomeFinished, job.OutcomeFailed, job.OutcomeCancelled, job.OutcomeRejected} {
		m.ended[o] = 0 // a rate needs a first sample
	}
	return m
}

// Built takes what the program is made of: the version of each part, by its name.
func (m *Metrics) Built(versions map[string]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.build = versions
}

// Observe takes the daemon's condition.
func (m *Metrics) Observe(c daemon.Condition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.condition, m.seen = c, time.Now()
}

// JobEnded implements daemon.Meter.
func (m *Metrics) JobEnded(o job.Outcome, code string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended[o]++
	if o == job.OutcomeRejected {
		m.rejected[code]++
	}
}

// JobRequeued implements daemon.Meter.
func (m *Metrics) JobRequeued() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requeued++
}

// StageEnded implements daemon.Meter.
func (m *Metrics) StageEnded(t job.StageTime) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stages[t.Name]
	if s == nil {
		s = &stage{took: histogram{bounds: stageBounds}}
		m.stages[t.Name] = s
	}
	s.frames += uint64(max(0, t.Frames))
	s.took.add(t.EndedAt.Sub(t.StartedAt).Seconds())
}

// CacheAsked implements daemon.Meter.
func (m *Metrics) CacheAsked(part job.CachePart, answer string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked[asked{part, answer}]++
}

// CacheHolds implements daemon.Meter.
func (m *Metrics) CacheHolds(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cached = bytes
}

// DevicesAsked implements daemon.Meter.
func (m *Metrics) DevicesAsked(list []spool.Device) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.devices = list
}

// Ran counts a run of a network on a device.
func (m *Metrics) Ran(device, model string, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := network{device, model}
	h := m.runs[key]
	if h == nil {
		h = &histogram{bounds: runBounds}
		m.runs[key] = h
	}
	h.add(took.Seconds())
}

// Networks returns how long networks ran on a device so far.
func (m *Metrics) Networks(device string) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	seconds := 0.0
	for key, h := range m.runs {
		if key.device == device {
			seconds += h.sum
		}
	}
	return time.Duration(seconds * float64(time.Second))
}

// Write writes all numbers.
func (m *Metrics) Write(out io.Writer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &text{}
	c := m.condition
	var build []string
	for _, name := range slices.Sorted(maps.Keys(m.build)) {
		build = append(build, name, m.build[name])
	}
	t.head("uredit_build_info", "gauge", "Versions of the program and of what it uses.")
	t.sample("uredit_build_info", 1, build...)
	t.one("uredit_devices", "gauge", "Devices that this daemon works with.", float64(c.Devices))
	t.head("uredit_jobs", "gauge", "Jobs that run on this host, and jobs that wait in the spool.")
	t.sample("uredit_jobs", float64(c.Busy), "status", "running")
	t.sample("uredit_jobs", float64(c.Queued), "status", "queued")
	oldest := 0.0
	if !c.Oldest.IsZero() {
		oldest = max(0, time.Since(c.Oldest).Seconds())
	}
	t.one("uredit_queue_oldest_seconds", "gauge", "How long the oldest job has waited since it was claimed.", oldest)
	t.one("uredit_paused", "gauge", "1 while an admin keeps jobs from beginning.", flag(c.Paused))
	t.one("uredit_draining", "gauge", "1 while the daemon stops.", flag(c.Draining))
	t.one("uredit_troubles", "gauge", "Things that do not work now and are tried again.", float64(c.Troubles))
	if !m.seen.IsZero() {
		t.one("uredit_loop_age_seconds", "gauge", "Since the daemon's loop last came round.", time.Since(m.seen).Seconds())
	}
	t.head("uredit_jobs_total", "counter", "Jobs that ended here since the start, by how.")
	for _, o := range slices.Sorted(maps.Keys(m.ended)) {
		t.sample("uredit_jobs_total", float64(m.ended[o]), "outcome", string(o))
	}
	t.head("uredit_inbox_rejected_total", "counter", "Requests that are no job, by their first fault.")
	for _, code := range slices.Sorted(maps.Keys(m.rejected)) {
		t.sample("uredit_inbox_rejected_total", float64(m.rejected[code]), "reason", code)
	}
	t.one("uredit_jobs_requeued_total", "counter", "Attempts that went back into the queue.", float64(m.requeued))
	m.writeCache(t)
	m.writeStages(t)
	m.writeDevices(t)
	_, err := io.WriteString(out, t.String())
	return err
}

func (m *Metrics) writeCache(t *text) {
	if m.cached >= 0 {
		t.one("uredit_cache_bytes", "gauge", "What the cache of results holds, as this host last knew.", float64(m.cached))
	}
	t.head("uredit_cache_requests_total", "counter", "Looks for what an earlier job made, by what was asked for and the answer.")
	kinds := slices.SortedFunc(maps.Keys(m.asked), func(a, b asked) int {
		return cmp.Or(cmp.Compare(a.part, b.part), cmp.Compare(a.answer, b.answer))
	})
	for _, k := range kinds {
		t.sample("uredit_cache_requests_total", float64(m.asked[k]), "part", string(k.part), "answer", k.answer)
	}
}

func (m *Metrics) writeStages(t *text) {
	stages := slices.SortedFunc(maps.Keys(m.stages), func(a, b job.State) int { return cmp.Compare(a.Rank(), b.Rank()) })
	t.head("uredit_frames_total", "counter", "Frames that went through a stage.")
	for _, name := range stages {
		t.sample("uredit_frames_total", float64(m.stages[name].frames), "stage", string(name))
	}
	const took = "uredit_job_stage_duration_seconds"
	t.head(took, "histogram", "How long a stage of one attempt took.")
	for _, name := range stages {
		t.histogram(took, &m.stages[name].took, "stage", string(name))
	}
}
