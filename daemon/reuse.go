package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"time"

	"uredit/daemon/cache"
	"uredit/daemon/config"
	"uredit/daemon/job"
	"uredit/daemon/roots"
)

// A product is what an edit made: files in an attempt's working directory, and
// what is known of them. It is the Meta of a result in the cache.
type product struct {
	Output   string          `json:"output"`
	Mask     string          `json:"mask,omitempty"` // the preview
	Input    json.RawMessage `json:"input,omitempty"`
	Probe    json.RawMessage `json:"probe,omitempty"` // of the output
	Frames   int             `json:"frames"`
	Warnings []string        `json:"warnings,omitempty"`
	States   []job.State     `json:"states"` // that the job went through
}

// Answers of the cache, as they are counted.
const (
	cacheHit    = "hit"
	cacheMiss   = "miss"
	cacheSpoilt = "spoilt"
)

// openCache opens the cache that a configuration asks for. Jobs need none: what
// is wrong with it is said, and they are all done anew.
func openCache(c config.Cache, log *slog.Logger) *cache.Store {
	if c.Size <= 0 {
		return nil
	}
	s, err := cache.Open(c.Dir, int64(c.Size)*1e6)
	if err != nil {
		log.Warn("no result is kept, and none used again", "err", err)
		return nil
	}
	return s
}

// reuse is what one attempt asks the cache, and tells it. A nil reuse, where there
// is no cache, knows nothing.
type reuse struct {
	store  *cache.Store
	meter  Meter
	log    *slog.Logger // of the daemon
	host   string
	token  string // of this job
	of     cache.Source
	known  bool // of is complete
	in     *os.File
	before stamp // of in, when it was read
	answer *job.FromCache
	made   *product
	files  []commitFile // the results under their public names
}

// reuse returns the use that an attempt makes of the cache.
func (d *Daemon) reuse(w *work) *reuse {
	if d.cache == nil {
		return nil
	}
	return &reuse{store: d.cache, meter: d.meter, log: d.log, host: d.spool.Instance().Host, token: w.claim.Job,
		of: cache.Source{Request: w.request, Versions: d.versions}}
}

// look completes what decides about the result: it reads the whole input once,
// which takes a thousandth of the time that editing it does.
func (u *reuse) look(ctx context.Context, in *os.File, before stamp, models map[string]string, provider string) error {
	if u == nil {
		return nil
	}
	sum, err := cache.Sum(ctx, io.NewSectionReader(in, 0, 1<<62))
	if err != nil {
		return fmt.Errorf("read the input: %w", err)
	}
	u.of.Input, u.of.Models, u.of.Provider = sum, models, provider
	u.in, u.before, u.known = in, before, true
	return nil
}

// input returns the sha256 of the job's input, "" where it was not computed.
func (u *reuse) input() string {
	if u == nil || !u.known {
		return ""
	}
	return u.of.Input
}

// result copies an earlier result of the same job into work, and returns nil where
// there is none.
func (u *reuse) result(ctx context.Context, work *os.Root) *product {
	if u == nil || !u.known || u.of.Request.Fresh {
		return nil
	}
	key, ok := u.of.Result()
	if !ok {
		return nil
	}
	p := &product{}
	if !u.ask(ctx, key, job.CachedResult, work, p) {
		return nil
	}
	return p
}

// takeMasks copies masks that an earlier job found to where the pipeline looks for
// them. An attempt that begins with nothing makes everything itself.
func (a *attempt) takeMasks(ctx context.Context) {
	a.reuse.masks(ctx, a.work)
	if empty(a.work) {
		a.rep.FromCache(nil)
	}
}

func (u *reuse) masks(ctx context.Context, work *os.Root) {
	if u == nil || !u.known || u.of.Request.Fresh || !u.of.Request.ReuseMasks {
		return
	}
	if key, ok := u.of.Masks(); ok {
		u.ask(ctx, key, job.CachedMasks, work, &struct{}{})
	}
}

// took says whether the pipeline went on from something that was there. It
// reports whether that was another job's.
func (u *reuse) took(it bool) bool {
	if u == nil || u.answer == nil {
		return false
	}
	if !it {
		u.answer = nil
	}
	return it
}

// ask copies an entry into work and its record into meta, and remembers whose it
// is. Where it reports false, for whatever reason, the work is to be done anew.
// What an earlier attempt of the same job left in work goes first.
func (u *reuse) ask(ctx context.Context, key cache.Key, part job.CachePart, work *os.Root, meta any) bool {
	if !empty(work) {
		return false
	}
	e, err := u.store.Get(ctx, key, work)
	if err == nil {
		err = json.Unmarshal(e.Meta, meta)
	}
	switch {
	case err == nil:
		u.meter.CacheAsked(part, cacheHit)
		u.answer = &job.FromCache{What: part, JobID: e.JobID, Token: e.Job, Host: e.Host, MadeAt: e.MadeAt}
		return true
	case errors.Is(err, cache.ErrMiss):
		u.meter.CacheAsked(part, cacheMiss)
	case errors.Is(err, cache.ErrSpoilt):
		u.meter.CacheAsked(part, cacheSpoilt)
		u.log.Warn("an entry of the cache was spoilt; the job runs", "job", u.token, "err", err)
	case ctx.Err() == nil:
		u.meter.CacheAsked(part, cacheMiss)
		u.log.Warn("use an earlier result; the job runs", "job", u.token, "err", err)
	}
	return false
}

// empty reports whether no earlier attempt left anything in a working directory.
func empty(work *os.Root) bool {
	left, err := fs.ReadDir(work.FS(), ".")
	return err == nil && len(left) == 0
}

// source says which job made what this attempt publishes, nil for itself.
func (u *reuse) source() *job.FromCache {
	if u == nil {
		return nil
	}
	return u.answer
}

// note remembers what the attempt published, for keepResult.
func (u *reuse) note(made *product, files []commitFile) {
	if u != nil {
		u.made, u.files = made, files
	}
}

// forget makes a result that is not all of this provider's making stay out of the
// cache, where its key would say so.
func (u *reuse) forget() {
	if u != nil {
		u.known = false
	}
}

// keepResult puts a result that is published into the cache. Should another job
// have replaced it by now, its hash says so.
func (u *reuse) keepResult(ctx context.Context, set *roots.Set) {
	if u == nil || !u.known || u.made == nil || u.answer != nil && u.answer.What == job.CachedResult {
		return
	}
	key, ok := u.of.Result()
	if !ok {
		return
	}
	out, err := set.OpenDir(u.of.Request.OutputDir)
	if err != nil {
		u.log.Warn("keep a result for later jobs", "job", u.token, "err", err)
		return
	}
	defer out.Close()
	public := map[string]string{}
	for _, f := range u.files {
		public[f.From] = f.To
	}
	u.keep(ctx, key, u.files, u.made, func(f cache.File) (*os.File, error) { return out.OpenRegular(public[f.Name]) })
}

// keepMasks puts what the first pass found into the cache, also where the second
// one failed: the next job may ask for another edit.
func (a *attempt) keepMasks(ctx context.Context) {
	u := a.reuse
	if u == nil || !u.known || u.answer != nil || ctx.Err() != nil || unchanged(u.in, u.before, &u.of.Request) != nil {
		return
	}
	key, ok := u.of.Masks()
	if !ok {
		return
	}
	names, err := namesIn(a.out, path.Join(a.dir, workName))
	var files []commitFile
	masks, _ := sealedOf(names)
	for _, name := range masks {
		f, failed := a.seal(name)
		files, err = append(files, f), errors.Join(err, failed)
	}
	if err != nil {
		u.log.Warn("keep masks for later jobs", "job", u.token, "err", err)
		return
	}
	if len(files) > 0 {
		u.keep(ctx, key, files, struct{}{}, func(f cache.File) (*os.File, error) { return a.work.Open(f.Name) })
	}
}

// keep makes an entry of files. An error only means that others do the work
// again.
func (u *reuse) keep(ctx context.Context, key cache.Key, files []commitFile, meta any, open func(cache.File) (*os.File, error)) {
	e := cache.Entry{JobID: u.of.Request.JobID, Job: u.token, Host: u.host,
		MadeAt: time.Now().UTC().Truncate(time.Millisecond), Meta: encode(meta)}
	for _, f := range files {
		e.Files = append(e.Files, cache.File{Name: f.From, Bytes: f.Bytes, SHA256: f.SHA256})
	}
	if err := u.store.Put(ctx, key, e, open); err != nil && ctx.Err() == nil {
		u.log.Warn("keep a result for later jobs", "job", u.token, "err", err)
	}
	u.meter.CacheHolds(u.store.Used())
}

// A stamp is what tells that a file was written to.
type stamp struct {
	size  int64
	mtime time.Time
}

func stampOf(info fs.FileInfo) stamp { return stamp{info.Size(), info.ModTime()} }

// unchanged is an error when the input is not what it was when the job began.
func unchanged(in *os.File, before stamp, r *job.Request) error {
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("look at the input: %w", err)
	}
	if now := stampOf(info); now.size == before.size && now.mtime.Equal(before.mtime) {
		return nil
	}
	return &job.Error{Code: job.CodeInputChanged, Key: "input_video_path",
		Message: fmt.Sprintf("%s was written to while the job ran", r.InputVideoPath),
		Hint:    "submit the job again when the file is complete"}
}
