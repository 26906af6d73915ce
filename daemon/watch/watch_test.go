package watch

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// fake is a notifier that the test plays.
type fake struct {
	mu     sync.Mutex
	added  []string
	events chan fsnotify.Event
	errs   chan error
}

func newFake() *fake { return &fake{events: make(chan fsnotify.Event), errs: make(chan error)} }

func (f *fake) Add(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.added = append(f.added, filepath.Base(dir))
	return nil
}
func (f *fake) Remove(string) error           { return nil }
func (f *fake) Events() <-chan fsnotify.Event { return f.events }
func (f *fake) Errors() <-chan error          { return f.errs }
func (f *fake) Close() error                  { return nil }

// start runs a Watcher of dir until the test's end.
func start(t *testing.T, dir string, poll time.Duration, n notifier, openErr error) *Watcher {
	t.Helper()
	w := New([]string{dir}, poll, slog.New(slog.DiscardHandler))
	w.open = func() (notifier, error) { return n, openErr }
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { w.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return w
}

// hinted reports whether a hint comes within d.
func hinted(w *Watcher, d time.Duration) bool {
	select {
	case <-w.C():
		return true
	case <-time.After(d):
		return false
	}
}

func TestHints(t *testing.T) {
	tests := []struct {
		name string
		send func(f *fake)
		want bool
	}{
		{"a file appears", func(f *fake) { f.events <- fsnotify.Event{Op: fsnotify.Create} }, true},
		{"a file is read", func(f *fake) { f.events <- fsnotify.Event{Op: fsnotify.Chmod} }, false},
		{"events were lost", func(f *fake) { f.errs <- fsnotify.ErrEventOverflow }, true},
		{"the reader broke", func(f *fake) { f.errs <- errors.New("read: bad") }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				w := start(t, dir, time.Minute, f, nil)
				if !hinted(w, time.Second) {
					t.Fatal("no hint at the start")
				}
				tt.send(f)
				if got := hinted(w, time.Second); got != tt.want {
					t.Errorf("hint = %v, want %v", got, tt.want)
				}
				if !hinted(w, time.Minute+time.Second) {
					t.Error("the timer gave no hint")
				}
			})
		})
	}
}

func TestHintsBecomeOne(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		w := start(t, dir, time.Minute, f, nil)
		for range 50 {
			f.events <- fsnotify.Event{Op: fsnotify.Create}
		}
		synctest.Wait()
		if !hinted(w, time.Second) {
			t.Error("no hint")
		}
		if hinted(w, time.Second) {
			t.Error("a second hint for what one look shows")
		}
	})
}

func TestWithoutNotifications(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := start(t, dir, 30*time.Second, nil, errors.New("too many watches"))
		hinted(w, time.Second)
		if !hinted(w, 31*time.Second) {
			t.Error("no hint by time alone")
		}
	})
}

func TestReplacedDirectoryIsWatchedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "inbox")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		w := start(t, dir, time.Minute, f, nil)
		hinted(w, time.Second)
		// A name that was used before may get the same inode: keep the old one.
		if err := os.Rename(dir, dir+".old"); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if !hinted(w, time.Minute+time.Second) {
			t.Fatal("no hint")
		}
		synctest.Wait()
		f.mu.Lock()
		defer f.mu.Unlock()
		if want := []string{"inbox", "inbox"}; !slices.Equal(f.added, want) {
			t.Errorf("watched %q, want %q", f.added, want)
		}
	})
}

// The real kernel: a file that is renamed into the directory, also after the
// directory was taken away and made again.
func TestKernel(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "inbox")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	n, err := openNotifier()
	if err != nil {
		t.Skipf("no notifications here: %v", err)
	}
	w := start(t, dir, 50*time.Millisecond, n, nil)
	drop := func(name string) {
		t.Helper()
		tmp := filepath.Join(base, name)
		if err := os.WriteFile(tmp, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	<-w.C()
	drop("a.yaml")
	<-w.C()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	<-w.C()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		<-w.C()
	}
	drop("b.yaml")
	<-w.C()
}

func TestRemote(t *testing.T) {
	if Remote(t.TempDir()) {
		t.Skip("the temporary directory is on a network file system")
	}
	if Remote(filepath.Join(t.TempDir(), "missing")) {
		t.Error("a missing directory is not remote")
	}
}
