package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"uredit/daemon/config"
)

// Variables that make the test's binary a daemon, for tests that end one.
const (
	envDaemon = "UREDIT_TEST_DAEMON" // the directory of a site
	envKill   = "UREDIT_TEST_KILL"   // the point at which it ends itself
	envTwo    = "UREDIT_TEST_TWO"    // when set, it has two devices
	envHost   = "UREDIT_TEST_HOST"   // when set, the host that it plays
	envCalls  = "UREDIT_TEST_CALLS"  // when set, the file that gets the history of its transitions
	envMutant = "UREDIT_TEST_MUTANT" // when set, what it does wrong
	envBoot   = "UREDIT_TEST_BOOT"   // when set, a file in the place of the kernel's boot id
	envCache  = "UREDIT_TEST_CACHE"  // when set, it keeps results
	envMount  = "UREDIT_TEST_MOUNT"  // when set, what it mounts over the site's directory first
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envDaemon); dir != "" {
		if err := serveAlone(dir, os.Getenv(envKill)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if left := leaked(); left != "" && code == 0 {
		fmt.Fprintln(os.Stderr, "goroutines are left:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// serveAlone is a daemon of a site in a process of its own.
func serveAlone(dir, kill string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if from := os.Getenv(envMount); from != "" { // in a name space of its own
		if err := syscall.Mount(from, dir, "", syscall.MS_BIND, ""); err != nil {
			return err
		}
	}
	if boot := os.Getenv(envBoot); boot != "" {
		if err := syscall.Mount(boot, "/proc/sys/kernel/random/boot_id", "", syscall.MS_BIND, ""); err != nil {
			return err
		}
	}
	if kind, is := syncMutants[os.Getenv(envMutant)]; is {
		if err := muteSync(kind); err != nil {
			return err
		}
	}
	s := site{dir: dir}
	if os.Getenv(envCache) != "" {
		s.cache = 100
	}
	engines := []Engine{&scripted{device: "cpu"}}
	if os.Getenv(envTwo) != "" {
		engines = append(engines, &scripted{device: "cpu"})
	}
	cfg := s.config()
	if h := os.Getenv(envHost); h != "" {
		cfg.RuntimeDir, cfg.StateDir = h+"/run", h+"/state"
		if os.Getenv(envMount) != "" {
			cfg.PollInterval = 300 * time.Millisecond // each look costs the one server something
		}
	}
	var remote func(string) bool
	if os.Getenv(envHost) != "" { // as if each had a kernel of its own
		remote = func(string) bool { return true }
	}
	d, err := New(Options{Config: cfg, Engines: engines, Remote: remote,
		Log: serveLog()})
	if err != nil {
		return err
	}
	defer d.Close()
	d.source.age = 0
	d.at = func(point string) {
		if point == kill {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
	if m := os.Getenv(envMutant); m != "" {
		defer mutate(ctx, d, m)()
	}
	return d.Run(ctx)
}

// leaked returns the stacks of this module's goroutines that outlived the
// tests.
func leaked() string {
	var left string
	for range 50 {
		buf := make([]byte, 1<<20)
		left = ""
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")[1:] {
			if strings.Contains(g, "uredit/daemon") {
				left += g + "\n\n"
			}
		}
		if left == "" {
			return ""
		}
		<-time.After(20 * time.Millisecond)
	}
	return left
}

// site is the directories of a test: a spool, and a root with videos and
// results.
type site struct {
	dir   string
	cache int // megabytes; 0 for no cache, so that jobs that are alike are done each
}

func newSite(t *testing.T) site {
	t.Helper()
	s := site{dir: t.TempDir()}
	s.make(t)
	return s
}

func (s site) make(t testing.TB) {
	t.Helper()
	for _, dir := range []string{s.data(), s.path("run")} {
		if err := os.MkdirAll(dir, 0o775); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour)
	input := s.path("data", "in.mp4")
	if err := os.WriteFile(input, []byte("a video"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(input, old, old); err != nil {
		t.Fatal(err)
	}
}

func (s site) path(names ...string) string {
	return filepath.Join(append([]string{s.dir}, names...)...)
}
func (s site) data() string           { return s.path("data") }
func (s site) out(name string) string { return s.path("data", name) }

func (s site) config() config.Config {
	c := config.Default()
	c.Root = s.path("spool")
	c.Roots = []string{s.data()}
	c.RuntimeDir = s.path("run")
	c.StateDir = s.path("state")
	c.PollInterval = 20 * time.Millisecond
	c.Settle = 20 * time.Millisecond
	c.DrainTimeout = 0
	c.Cache.Dir, c.Cache.Size = s.path("data", "cache"), s.cache
	return c
}

// request returns a request's text. Out is the name of its output directory.
func (s site) request(jobID, out, edit string, more ...string) string {
	return fmt.Sprintf("job_id: %s\ninput_video_path: %s\noutput_dir: %s\nmask_prompt: ball\nedit_prompt: %s\n%s...\n",
		jobID, s.path("data", "in.mp4"), s.out(out), edit, strings.Join(append(more, ""), "\n"))
}

// drop puts a request into the inbox as a client does.
func (s site) drop(t *testing.T, name, text string) {
	t.Helper()
	inbox := s.path("spool", "inbox")
	if err := os.MkdirAll(inbox, 0o775); err != nil {
		t.Fatal(err)
	}
	tmp := filepath.Join(inbox, "."+name+".tmp")
	if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(inbox, name)); err != nil {
		t.Fatal(err)
	}
}

// running is a daemon in this process.
type running struct {
	*Daemon
	engines []*scripted
	stop    func() error
}

// start runs a daemon with n devices until the test's end.
func (s site) start(t *testing.T, n int, change ...func(*running)) *running {
	t.Helper()
	r := &running{}
	var engines []Engine
	for i := range n {
		e := &scripted{device: "cpu"}
		if i > 0 {
			e.device = fmt.Sprintf("cuda:%d", i-1)
		}
		r.engines = append(r.engines, e)
		engines = append(engines, e)
	}
	d, err := New(Options{Config: s.config(), Engines: engines, Models: Models{}, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	d.source.age = 0
	d.inMemory = func(string) bool { return false } // as users' directories, wherever the tests run
	r.Daemon = d
	for _, f := range change {
		f(r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	stopped := false
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		err := <-done
		d.Close()
		return err
	}
	t.Cleanup(func() { r.stop() })
	return r
}

// watched makes the engines of a daemon tell of each edit before they do it.
func watched(busy chan string) func(*running) {
	return func(r *running) {
		for _, e := range r.engines {
			e.device, e.busy = "cpu", busy
		}
	}
}

// next waits for an edit to be under way and returns its prompt.
func next(t *testing.T, busy <-chan string) string {
	t.Helper()
	select {
	case edit := <-busy:
		return edit
	case <-time.After(20 * time.Second):
		t.Fatal("no edit begins within 20 s")
		return ""
	}
}

// spawn starts a daemon in a process of its own.
func (s site) spawn(t *testing.T, kill string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envDaemon+"="+s.dir, envKill+"="+kill)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = testWriter{t}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{t}, nil))
}

// eventually waits until what is looked at is as wanted.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("%s: not within 20 s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}
