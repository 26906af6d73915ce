package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"uredit/daemon/job"
)

// How often the files of a running job are written.
const (
	shortest = 500 * time.Millisecond // between writes without a change of state
	longest  = 2 * time.Second        // between writes while the job runs
)

// maxWarnings bounds what job.json holds of a job that warns for every frame.
const maxWarnings = 100

// Options is one attempt of a job.
type Options struct {
	Dir         *os.Root          // the output directory
	DirPath     string            // its absolute path, for the paths in the files
	Attempt     *os.Root          // the attempt's own directory beneath Dir
	AttemptName string            // its name relative to Dir
	Request     job.Request       // with every default filled in
	Token       string            // the spool's name of the job
	Number      int               // of this attempt, from 1
	Host        string            // for job.json
	Device      string            // for job.json; "" where the job never reached one
	Versions    map[string]string // of programs and libraries, for job.json
	Log         *slog.Logger      // told of writes that fail; may be nil
}

// Reporter writes the files of one attempt. Its methods may be called by any
// goroutine; those that report progress cost no input or output unless the
// state changes.
type Reporter struct {
	dir         *os.Root
	dirPath     string
	attempt     *os.Root
	attemptName string
	daemonLog   *slog.Logger
	log         *slog.Logger
	logFile     *logFile
	stop        chan struct{}
	running     sync.WaitGroup

	mu      sync.Mutex // guards what follows
	record  job.Record
	dirty   bool  // something changed since the last write
	over    bool  // the last word is said
	events  lines // what events.ndjson has still to get
	lastOne time.Time
	skipped int // frames of the running stage that an earlier attempt did

	writing    sync.Mutex // held while files are written; taken before mu
	eventsFile *os.File
	kept       []replaced // the oldest first
	failing    bool       // the last write failed, and the log says so
}

// Start begins an attempt: it takes over what earlier attempts of the job left
// in the files and writes them once. The caller ends it with Close.
func Start(o Options) (*Reporter, error) {
	r := &Reporter{
		dir: o.Dir, dirPath: o.DirPath, attempt: o.Attempt, attemptName: o.AttemptName,
		daemonLog: o.Log, stop: make(chan struct{}),
	}
	if r.daemonLog == nil {
		r.daemonLog = slog.New(slog.DiscardHandler)
	}
	r.kept = []replaced{{name: keptOf(o.AttemptName, o.Token), at: time.Now()}}
	before := readRecord(o.Dir)
	r.record = newRecord(&o.Request, o.DirPath, o.Token, o.Number, before)
	r.record.Host, r.record.Device, r.record.Versions = o.Host, o.Device, maps.Clone(o.Versions)
	r.record.StartedAt = r.record.UpdatedAt
	// Listed before they exist: a crash between a publication and its record
	// must not make them a stranger's files.
	r.record.Files = union(r.record.Files, o.Request.OutputName(), o.Request.MaskName())
	if err := r.open(&o, before != nil && before.Token == o.Token); err != nil {
		return nil, errors.Join(fmt.Errorf("report in %s: %w", o.DirPath, err), r.closeFiles())
	}
	r.running.Go(r.tick)
	return r, nil
}

// open starts the growing files, those that are there going on when they are
// this job's, and writes all files for the first time.
func (r *Reporter) open(o *Options, mine bool) error {
	if err := r.replace(job.RecordName, r.record.JSON()); err != nil {
		return err
	}
	log, size, err := r.takeOver(o.Request.LogName(), mine, keptLogBytes)
	if err != nil {
		return err
	}
	r.logFile = &logFile{file: log, size: size, attempt: o.Number}
	r.log = slog.New(newHandler(r.logFile))
	if r.eventsFile, _, err = r.takeOver(job.EventsName, mine, keptEventBytes); err != nil {
		return err
	}
	message := "starting"
	if o.Device != "" {
		message = "starting on " + o.Device
	}
	r.record.Message = &message
	r.event("start")
	r.log.Info(message, "job_id", o.Request.JobID, "job", o.Token, "host", o.Host)
	return r.write(true)
}

// Close ends the reporting and returns when nothing writes any more. It says no
// last word.
func (r *Reporter) Close() error {
	close(r.stop)
	r.running.Wait()
	r.dropStatus(0)
	return r.closeFiles()
}

func (r *Reporter) closeFiles() error {
	var errs []error
	if r.eventsFile != nil {
		errs = append(errs, r.eventsFile.Close())
	}
	if r.logFile != nil {
		errs = append(errs, r.logFile.close())
	}
	return errors.Join(errs...)
}

// Logger returns the job's log.
func (r *Reporter) Logger() *slog.Logger { return r.log }

// tick keeps the files fresh between changes of state.
func (r *Reporter) tick() {
	ticker := time.NewTicker(shortest)
	defer ticker.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-ticker.C:
			r.refresh()
			r.dropStatus(keepFor)
		}
	}
}

func (r *Reporter) refresh() {
	r.mu.Lock()
	// Ticks and writes are never quite on time: what is left for the next tick
	// must not come after longest even when that tick is late.
	old := time.Since(r.lastOne)+shortest+shortest/2 >= longest
	due := !r.over && (r.dirty || old)
	if due && time.Since(r.record.UpdatedAt) < longest && time.Since(r.events.last) >= longest {
		r.event("progress")
	}
	r.mu.Unlock()
	if due {
		r.note(r.write(false))
	}
}

// note tells once of a write that failed, and once that it works again.
func (r *Reporter) note(err error) {
	r.writing.Lock()
	defer r.writing.Unlock()
	switch {
	case err != nil && !r.failing:
		r.log.Warn("report progress; will be tried again", "err", err)
		r.daemonLog.Warn("report progress; will be tried again", "dir", r.dirPath, "err", err)
	case err == nil && r.failing:
		r.log.Info("progress is reported again")
		r.daemonLog.Info("progress is reported again", "dir", r.dirPath)
	}
	r.failing = err != nil
}

// Stages returns the stages of the job so far.
func (r *Reporter) Stages() []job.StageTime {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.record.Stages)
}

// Warnings returns what was recorded with Warn so far.
func (r *Reporter) Warnings() []job.Warning {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.record.Warnings)
}

// Warn records something that the user should know about a job that goes on.
func (r *Reporter) Warn(code, message string) {
	r.log.Warn(message, "code", code)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	if len(r.record.Warnings) < maxWarnings {
		r.record.Warnings = append(r.record.Warnings, job.Warning{Code: code, Message: message})
	}
	r.eventWith(event{Type: "warning", Code: code, Message: &message})
	r.touch()
}

// Models records the models in use: a file of the bundle to its sha256.
func (r *Reporter) Models(hashes map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.record.Models = maps.Clone(hashes)
	r.touch()
}

// FromCache records that what an earlier job made is used again; nil, that this
// job made everything itself, whatever an earlier attempt of it said.
func (r *Reporter) FromCache(from *job.FromCache) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.record.FromCache
	if r.over || from == nil && before == nil || from != nil && before != nil && *from == *before {
		return
	}
	r.record.FromCache = nil
	if from != nil {
		r.record.FromCache = new(*from)
		r.log.Info("taking over what an earlier job made", "what", from.What, "job_id", from.JobID, "job", from.Token, "host", from.Host, "made_at", from.MadeAt)
	}
	r.touch()
}

// Input records what the probe found in the input.
func (r *Reporter) Input(probe json.RawMessage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.record.Input = slices.Clone(probe)
	r.touch()
}

// MaskReady records that the mask preview has its public name.
func (r *Reporter) MaskReady(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	path := filepath.Join(r.dirPath, name)
	r.record.MaskPreviewPath = &path
	r.record.Files = union(r.record.Files, name)
	r.touch()
}

// touch marks the record as changed. The caller holds mu.
func (r *Reporter) touch() {
	r.record.UpdatedAt = now()
	r.dirty = true
}

// now returns the time as the files show it.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func union(list []string, names ...string) []string {
	list = slices.Clone(list)
	for _, name := range names {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}
