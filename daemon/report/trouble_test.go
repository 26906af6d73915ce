package report_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"uredit/daemon/job"
	"uredit/daemon/report"
)

// TestUnwritable: a write that fails while the job runs is logged once, made
// good later, and returned by the last word.
func TestUnwritable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, t.TempDir())
		r := p.mustStart(token, 1)
		r.Stage(job.Editing, 0, 10, "")
		attempt := p.path + "/.uredit/" + token + ".e0001"
		must(t, os.Rename(attempt, attempt+".away"))
		r.Stage(job.Saving, 0, 0, "")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if s := p.status(); s.Status != job.Editing {
			t.Errorf("status.json says %s", s.Status)
		}
		must(t, os.Rename(attempt+".away", attempt))
		time.Sleep(time.Second)
		synctest.Wait()
		if s := p.status(); s.Status != job.Saving {
			t.Errorf("status.json says %s", s.Status)
		}
		log := string(p.read("test_001_log.txt"))
		if strings.Count(log, "will be tried again") != 1 || strings.Count(log, "reported again") != 1 {
			t.Errorf("the log says\n%s", log)
		}
		must(t, os.Rename(attempt, attempt+".away"))
		err := r.Finish(report.Result{Output: "x"})
		if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), p.path) {
			t.Errorf("got %v", err)
		}
		must(t, os.Rename(attempt+".away", attempt))
		must(t, r.Finish(report.Result{Output: "other"})) // written now, as it was said at first
		if s := p.status(); s.Status != job.Finished || text(s.OutputVideoPath) != p.path+"/x" {
			t.Errorf("status.json: %s", s.JSON())
		}
		must(t, r.Close())
	})
	p := newPlace(t, t.TempDir())
	must(t, os.Mkdir(p.path+"/"+job.EventsName, 0o777))
	if _, err := p.start(token, 1); err == nil || !strings.Contains(err.Error(), "start "+job.EventsName) {
		t.Errorf("got %v", err)
	}
	r := request()
	if err := report.WriteQueued(p.root, p.path, ".uredit", token, &r, 1); err == nil || !strings.Contains(err.Error(), "write "+job.EventsName) {
		t.Errorf("got %v", err)
	}
}

// TestFullDisk: nothing is torn, the error says why, and what could not be
// written is written when there is room again.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mount a small disk: %v", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, 0)) })
	p := newPlace(t, dir)
	p.queue(token, 1)
	r := p.mustStart(token, 1)
	filler, err := os.Create(dir + "/filler")
	must(t, err)
	for chunk := make([]byte, 512); ; {
		if _, err := filler.Write(chunk); err != nil {
			break
		}
	}
	must(t, filler.Close())
	r.Stage(job.Editing, 0, 10, "")
	if s := p.status(); s.Status != job.Queued {
		t.Errorf("status.json says %s", s.Status)
	}
	p.record()
	p.events()
	if err := r.Fail(&job.Error{Code: job.CodeDiskFull, Message: "no space"}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
	p.status()
	must(t, os.Remove(dir+"/filler"))
	must(t, r.Fail(&job.Error{Code: "x", Message: "other"}))
	if s := p.status(); text(s.Error) != "no space" {
		t.Errorf("status.json: %s", s.JSON())
	}
	if got := p.events(); got[len(got)-1] != "state failed 1" || !slices.Contains(got, "state editing 1") {
		t.Errorf("events show %q", got)
	}
	_ = r.Close() // the log lost lines and says so
}

func TestLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, t.TempDir())
		r := p.mustStart(token, 3)
		time.Sleep(1500 * time.Millisecond)
		log := r.Logger().With("device", "cpu").WithGroup("ffmpeg")
		log.Error("died\r\nwith two lines\n", "code", 1, "line", "a b")
		r.Logger().Debug("plain")
		must(t, r.Close())
		_, got, _ := strings.Cut(string(p.read("test_001_log.txt")), "\n")
		const want = `2000-01-01T00:00:01.500Z ERROR [3] died device=cpu ffmpeg.code=1 ffmpeg.line="a b"
2000-01-01T00:00:01.500Z ERROR [3] with two lines
2000-01-01T00:00:01.500Z DEBUG [3] plain
`
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// TestLogIsBounded: a job that writes without end fills no disk, and its last
// word still gets in.
func TestLogIsBounded(t *testing.T) {
	p := newPlace(t, t.TempDir())
	r := p.mustStart(token, 1)
	long := strings.Repeat("x", 1<<20)
	for range 40 {
		r.Logger().Info(long)
	}
	must(t, r.Fail(&job.Error{Code: "x", Message: "the last word"}))
	must(t, r.Close())
	log := p.read("test_001_log.txt")
	if len(log) > 32<<20 || bytes.Count(log, []byte("the log is full")) != 1 || !bytes.Contains(log, []byte("the last word")) {
		t.Errorf("the log has %d bytes and ends in %q", len(log), log[len(log)-200:])
	}
	again := p.mustStart(token, 2)
	must(t, again.Close())
	if n := len(p.read("test_001_log.txt")); n > 17<<20 {
		t.Errorf("the next attempt takes over %d bytes", n)
	}
}

// TestPlanted: what a user puts in the place of our files is neither followed
// nor waited for.
func TestPlanted(t *testing.T) {
	p := newPlace(t, t.TempDir())
	p.queue(token, 1)
	outside := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(outside, []byte("secret\n"), 0o666))
	for _, name := range []string{job.StatusName, job.EventsName, "test_001_log.txt"} {
		must(t, os.Remove(p.path+"/"+name))
	}
	must(t, os.Symlink(outside, p.path+"/"+job.StatusName))
	must(t, os.Symlink(outside, p.path+"/test_001_log.txt"))
	must(t, syscall.Mkfifo(p.path+"/"+job.EventsName, 0o666))
	r := p.mustStart(token, 1)
	r.Stage(job.Editing, 0, 10, "")
	must(t, r.Fail(&job.Error{Code: "x", Message: "m"}))
	must(t, r.Close())
	if data, err := os.ReadFile(outside); err != nil || string(data) != "secret\n" {
		t.Errorf("the file outside holds %q, error %v", data, err)
	}
	if log := p.read("test_001_log.txt"); bytes.Contains(log, []byte("secret")) {
		t.Errorf("the log says\n%s", log)
	}
	if got := p.events(); !slices.Equal(got, []string{"start queued 1", "state editing 1", "state failed 1"}) {
		t.Errorf("events show %q", got)
	}
}

// TestPowerCut: a loss of power leaves zeros where lines were that nobody synced.
// The next attempt takes over the other lines.
func TestPowerCut(t *testing.T) {
	p := newPlace(t, t.TempDir())
	p.queue(token, 1)
	for name, line := range map[string]string{job.EventsName: `{"type":"start","attempt":9,"status":"queued"}`, "test_001_log.txt": "a good line"} {
		f, err := os.OpenFile(filepath.Join(p.path, name), os.O_WRONLY|os.O_APPEND, 0)
		must(t, err)
		_, err = f.WriteString("half\x00\x00\x00\n" + line + "\n\x00\x00\x00")
		must(t, errors.Join(err, f.Close()))
	}
	r := p.mustStart(token, 2)
	must(t, r.Finish(report.Result{Output: "x"}))
	must(t, r.Close())
	p.events() // each is JSON
	for _, name := range []string{job.EventsName, "test_001_log.txt"} {
		data := p.read(name)
		if bytes.IndexByte(data, 0) >= 0 || bytes.Contains(data, []byte("half")) {
			t.Errorf("%s keeps what the power cut spoilt: %q", name, data)
		}
	}
	if log := p.read("test_001_log.txt"); !bytes.Contains(log, []byte("a good line\n")) {
		t.Errorf("the log lost a line: %q", log)
	}
}

// TestReplacedStatus: a status.json that was replaced keeps a name for a while, for
// readers on file systems that know no open files, and not for longer.
func TestReplacedStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, t.TempDir())
		r := p.mustStart(token, 1)
		r.Stage(job.Extracting, 0, 0, "")
		before, err := os.Stat(p.path + "/" + job.StatusName)
		must(t, err)
		kept := func() bool {
			names, err := filepath.Glob(p.path + "/.uredit/*/" + job.StatusName + ".*")
			must(t, err)
			return slices.ContainsFunc(names, func(name string) bool {
				info, err := os.Stat(name)
				return err == nil && os.SameFile(info, before)
			})
		}
		r.Stage(job.Masking, 0, 0, "")
		r.Stage(job.Propagating, 0, 0, "")
		if !kept() {
			t.Error("a reader that had opened it cannot read it any more")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if kept() {
			t.Error("it is kept for ever")
		}
		must(t, r.Finish(report.Result{Output: "x"}))
		must(t, r.Close())
	})
}

// TestStatusBeforeQueued: the status.json that is replaced when a job waits again
// keeps a name until the next attempt has begun.
func TestStatusBeforeQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, t.TempDir())
		p.queue(token, 1)
		before, err := os.Stat(p.path + "/" + job.StatusName)
		must(t, err)
		p.queue(token, 2)
		kept := func() int {
			names, err := filepath.Glob(p.path + "/.uredit/.tmp-*.status")
			must(t, err)
			return len(names)
		}
		if info, err := os.Stat(p.path + "/.uredit/.tmp-" + token + ".status"); err != nil || !os.SameFile(info, before) {
			t.Errorf("a reader that had opened it cannot read it any more: %v", err)
		}
		r := p.mustStart(token, 2)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := kept(); n != 0 {
			t.Errorf("%d are kept for ever", n)
		}
		must(t, r.Close())
	})
}
