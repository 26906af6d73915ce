package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"uredit/daemon/job"
)

// caching is a site whose daemon keeps results, and the edits that its engine did.
type caching struct {
	site
	*running
	busy    chan string
	counted *tally
}

func newCaching(t *testing.T) *caching {
	t.Helper()
	c := &caching{site: newSite(t), busy: make(chan string, 100), counted: &tally{}}
	c.cache = 100
	c.running = c.start(t, 1, watched(c.busy), func(r *running) { r.meter = c.counted })
	return c
}

// run does a job to its end and returns its record, and whether it was edited.
func (c *caching) run(t *testing.T, jobID, edit string, more ...string) (r job.Record, edited bool) {
	t.Helper()
	before := len(c.busy)
	c.drop(t, jobID+".yaml", c.request(jobID, jobID, edit, more...))
	if st := c.finish(t, jobID); st.Status != job.Finished {
		t.Fatalf("%s ended as %s", jobID, st.JSON())
	}
	c.settled(t)
	c.wantResult(t, jobID, jobID, edit)
	return c.record(t, jobID), len(c.busy) > before
}

// record reads a job.json.
func (s site) record(t *testing.T, out string) job.Record {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.out(out), job.RecordName))
	if err != nil {
		t.Fatal(err)
	}
	r, err := job.ParseRecord(data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAnswered: a job that asks for the same gets the same files and says so; it
// goes through the same states.
func TestAnswered(t *testing.T) {
	c := newCaching(t)
	first, edited := c.run(t, "a", "blue")
	if !edited || first.FromCache != nil {
		t.Fatalf("the first job: edited %v, from %+v", edited, first.FromCache)
	}
	second, edited := c.run(t, "b", "blue", "priority: 9", "extra: {notes: mine}")
	if edited {
		t.Error("the second job was edited")
	}
	from := second.FromCache
	if from == nil || from.What != job.CachedResult || from.JobID != "a" || from.Token != first.Token || from.Host == "" || from.MadeAt.IsZero() {
		t.Errorf("it says that it comes from %+v", from)
	}
	for _, out := range []string{"a", "b"} {
		if got := c.states(t, out); !slices.Equal(got, job.States()[:8]) {
			t.Errorf("%s went through %q", out, got)
		}
	}
	if string(second.Input) != string(first.Input) || string(second.Output) != string(first.Output) || len(second.Warnings) != len(first.Warnings) {
		t.Errorf("the records differ:\n%s\n%s", first.JSON(), second.JSON())
	}
	for _, name := range []string{"_output.mp4", "_mask.mp4"} {
		a, b := c.read(t, "a/a"+name), c.read(t, "b/b"+name)
		if a != b {
			t.Errorf("%s: %q and %q", name, a, b)
		}
	}
	for _, want := range []string{"cache result miss", "cache result hit", "cache size"} {
		if !c.counted.has(want) {
			t.Errorf("%q was not counted: %q", want, c.counted.list)
		}
	}
}

// read returns what a file of the data directory holds.
func (s site) read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.data(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestNotAnswered: what is not the same is made anew.
func TestNotAnswered(t *testing.T) {
	c := newCaching(t)
	c.run(t, "a", "blue")
	if _, edited := c.run(t, "fresh", "blue", "fresh: true"); !edited {
		t.Error("fresh: true was answered")
	}
	if r, edited := c.run(t, "again", "blue"); edited || r.FromCache.JobID != "fresh" {
		t.Errorf("after a fresh job: edited %v, from %+v", edited, r.FromCache)
	}
	if _, edited := c.run(t, "seed", "blue", "seed: 7"); !edited {
		t.Error("another seed was answered")
	}
	old := time.Now().Add(-time.Hour)
	input := c.path("data", "in.mp4")
	if err := os.WriteFile(input, []byte("A video"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(input, old, old); err != nil {
		t.Fatal(err)
	}
	if _, edited := c.run(t, "input", "blue"); !edited {
		t.Error("another input of the same size and time was answered")
	}
}

// kept waits for the one output in the cache, and returns its path.
func (s site) kept(t *testing.T) string {
	t.Helper()
	var found []string
	eventually(t, "a result in the cache", func() bool {
		found, _ = filepath.Glob(s.path("data", "cache", "results", "*", "output.mp4"))
		return len(found) == 1
	})
	return found[0]
}

// TestSpoiltAnswer: an entry that is not what was put in is dropped, and the job
// runs. So it does where the published result was changed before it was kept.
func TestSpoiltAnswer(t *testing.T) {
	c := newCaching(t)
	c.run(t, "a", "blue")
	if err := os.WriteFile(c.kept(t), []byte("edited: grey"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, edited := c.run(t, "b", "blue"); !edited {
		t.Error("a spoilt entry answered")
	}
	if !c.counted.has("cache result spoilt") {
		t.Errorf("counted %q", c.counted.list)
	}
	if _, edited := c.run(t, "d", "blue"); edited {
		t.Error("the new entry does not answer")
	}
}

// TestCacheIsPrivate: no job reads from the cache or writes into it.
func TestCacheIsPrivate(t *testing.T) {
	c := newCaching(t)
	c.run(t, "a", "blue")
	entry := c.kept(t)
	link := c.path("data", "link.mp4")
	beside, err := filepath.Rel(c.data(), entry)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(beside, link); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"direct": strings.ReplaceAll(c.request("x", "x", "red"), c.path("data", "in.mp4"), entry),
		"link":   strings.ReplaceAll(c.request("l", "l", "red"), c.path("data", "in.mp4"), link),
		"output": c.request("o", "cache/results", "red"),
	} {
		c.drop(t, name+".yaml", text)
		eventually(t, "a rejection of "+name, func() bool {
			found, _ := filepath.Glob(c.path("spool", "rejected", "*-"+name, "reason.txt"))
			if len(found) == 0 {
				return false
			}
			reason, err := os.ReadFile(found[0])
			return err == nil && strings.Contains(string(reason), "belongs to the daemon")
		})
	}
}

// TestAnswerIsCommitted: a daemon that dies over a copied result leaves a job
// that its successor publishes, and that still says where it comes from.
func TestAnswerIsCommitted(t *testing.T) {
	s := newSite(t)
	first := s.spawn(t, "", envCache+"=1")
	s.drop(t, "a.yaml", s.request("a", "a", "blue"))
	s.finish(t, "a")
	s.settled(t)
	s.kept(t)
	first.Process.Kill()
	first.Wait()
	for _, point := range []string{"edited", "committed", "told"} {
		second := s.spawn(t, point, envCache+"=1")
		s.drop(t, point+".yaml", s.request(point, point, "blue"))
		wantKilled(t, second)
		third := s.spawn(t, "", envCache+"=1")
		if st := s.finish(t, point); st.Status != job.Finished {
			t.Errorf("%s: ended as %s", point, st.JSON())
		}
		s.settled(t)
		s.wantResult(t, point, point, "blue")
		if from := s.record(t, point).FromCache; from == nil || from.JobID != "a" {
			t.Errorf("%s: from %+v", point, from)
		}
		third.Process.Kill()
		third.Wait()
	}
}

// TestInputChanged: a job whose input is written to while it runs fails, and says
// why; nothing of it is kept.
func TestInputChanged(t *testing.T) {
	c := newCaching(t)
	c.engines[0].busy = make(chan string)
	c.drop(t, "a.yaml", c.request("a", "a", "blue"))
	input := c.path("data", "in.mp4")
	eventually(t, "a job that is being edited", func() bool {
		st, _ := c.status(t, "a")
		return st.Status == job.Editing
	})
	if err := os.WriteFile(input, []byte("a video that goes on"), 0o644); err != nil {
		t.Fatal(err)
	}
	next(t, c.engines[0].busy)
	st := c.finish(t, "a")
	if r := c.record(t, "a"); st.Status != job.Failed || r.Failure == nil || r.Failure.Code != job.CodeInputChanged || r.Failure.Hint == "" {
		t.Errorf("ended as %s", st.JSON())
	}
	c.settled(t)
	if kept, _ := filepath.Glob(c.path("data", "cache", "*", "*", "entry")); len(kept) > 0 {
		t.Errorf("the cache holds %q", kept)
	}
}

// TestWithoutCache: a cache that cannot be opened costs no job.
func TestWithoutCache(t *testing.T) {
	s := newSite(t)
	s.cache = 100
	if err := os.WriteFile(s.path("data", "cache"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s.start(t, 1)
	s.drop(t, "a.yaml", s.request("a", "a", "blue"))
	if st := s.finish(t, "a"); st.Status != job.Finished {
		t.Errorf("ended as %s", st.JSON())
	}
}
